"""By hand: `python -m tests.fakes.dingtalk --port 8062`, then the page at that port."""

import argparse
import time
from pathlib import Path

from . import FakeDingTalk

PEOPLE = [("li", "李四", "13800000001"), ("wang", "王总", "13800000002"), ("zhang", "张三", "13800000003")]
TEMPLATE_ID = "fake-template.schema"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.dingtalk")
    parser.add_argument("--port", type=int, default=8062)
    parser.add_argument("--template", type=Path, help="a card template as it would be imported")
    given = parser.parse_args()
    with FakeDingTalk(given.port) as fake:
        for user_id, name, mobile in PEOPLE:
            fake.add_user(user_id, f"union-{user_id}", mobile, name)
        fake.add_group("group-1", [user_id for user_id, _, _ in PEOPLE])
        fake.add_template(TEMPLATE_ID, given.template.read_text(encoding="utf-8") if given.template else None)
        print_environment(fake)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            return


def print_environment(fake: FakeDingTalk) -> None:
    print(f"# people and their chats: {fake.url}/")
    for name, value in {
        "DINGTALK_OPENAPI_ENDPOINT": fake.api,
        "DINGTALK_OAPI_ENDPOINT": fake.oapi,
        "DINGTALK_CLIENT_ID": fake.client_id,
        "DINGTALK_CLIENT_SECRET": fake.client_secret,
        "DINGTALK_ROBOT_CODE": fake.robot_code,
        "DINGTALK_CARD_TEMPLATE_ID": TEMPLATE_ID,
        "NO_PROXY": "127.0.0.1",
    }.items():
        print(f"export {name}={value}")


if __name__ == "__main__":
    main()
