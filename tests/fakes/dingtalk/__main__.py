"""By hand: `python -m tests.fakes.dingtalk --port 8062`, then the page at that port."""

import argparse
import time
from pathlib import Path

from bot.adapters.dingtalk import template
from tests.fakes.by_hand import exports

from . import FakeDingTalk

PEOPLE = [("li", "李四", "13800000001"), ("wang", "王总", "13800000002"), ("zhang", "张三", "13800000003")]
TEMPLATE_ID = "fake-template.schema"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.dingtalk")
    parser.add_argument("--port", type=int, default=8062)
    parser.add_argument("--template", type=Path, help="a card template as it would be imported; default: ours")
    given = parser.parse_args()
    with FakeDingTalk(given.port) as fake:
        for user_id, name, mobile in PEOPLE:
            fake.add_user(user_id, f"union-{user_id}", mobile, name)
        fake.add_group("group-1", [user_id for user_id, _, _ in PEOPLE])
        fake.add_template(TEMPLATE_ID, given.template.read_text(encoding="utf-8") if given.template else template.text())
        print(f"# people and their chats: {fake.url}/")
        print(environment(fake), flush=True)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            return


def environment(fake: FakeDingTalk) -> str:
    return exports(
        "dingtalk", api_url=fake.api, oapi_url=fake.oapi, client_id=fake.client_id, client_secret=fake.client_secret,
        robot_code=fake.robot_code, corp_id=fake.corp_id, card_template=TEMPLATE_ID,
    )  # fmt: skip


if __name__ == "__main__":
    main()
