"""`python -m tests.fakes.wecom --port 8063 --callback http://127.0.0.1:8080/wecom/callback`: WeCom in a browser.

The 智能机器人 on its long connection is `python -m tests.fakes.wecom.robot`."""

import argparse
import threading

from tests.fakes.by_hand import exports
from tests.fakes.wecom import FakeWecom

PEOPLE = ["zhangsan=张三", "lisi=李四", "manager=李经理", "finance=王敏"]


def environment(fake: FakeWecom, callback: str) -> str:
    return exports(
        "wecom", api_url=fake.url, oauth_url=fake.url, corp_id=fake.corp_id, agent_id=fake.agent_id, secret=fake.secret,
        token=fake.token, aes_key=fake.aes_key, HUIKUAN_PUBLIC_URL=callback.removesuffix("/wecom/callback"),
    )  # fmt: skip


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--port", type=int, default=8063)
    given.add_argument("--callback", default="http://127.0.0.1:8080/wecom/callback")
    given.add_argument("--member", action="append", metavar="USERID=NAME", help=f"default: {' '.join(PEOPLE)}")
    given.add_argument("--secret", default="", help="default: a new one")
    given.add_argument("--token", default="", help="default: a new one")
    given.add_argument("--aes-key", default="", help="43 characters; default: a new one")
    options = given.parse_args()
    members = dict((entry.split("=", 1) * 2)[:2] for entry in options.member or PEOPLE)
    fake = FakeWecom(
        options.port,
        callback=options.callback,
        secret=options.secret,
        token=options.token,
        aes_key=options.aes_key,
        members=members,
    )
    with fake:
        print(f"# page for humans: {fake.url}/   callbacks go to {options.callback}")
        print(environment(fake, options.callback), flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print("stopped")


if __name__ == "__main__":
    main()
