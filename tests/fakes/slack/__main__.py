"""`python -m tests.fakes.slack --port 8061`: a Slack to try a product with, and a page to be its people."""

import argparse
import time

from tests.fakes.by_hand import exports
from tests.fakes.slack.fake import FakeSlack

PEOPLE = ("U0LI:li@example.com:李", "U0WANG:wang@example.com:王")


def environment(slack: FakeSlack, request_url: str = "") -> str:
    known: dict[str, object] = {"api_url": slack.api_url, "bot_token": slack.bot_token}
    if not request_url:
        return exports("slack", **known, app_token=slack.app_token)
    there = request_url.removesuffix("/slack/events")
    return exports("slack", **known, mode="http", signing_secret=slack.signing_secret, HUIKUAN_PUBLIC_URL=there)


def main() -> None:
    read = argparse.ArgumentParser(description=__doc__)
    read.add_argument("--port", type=int, default=8061)
    read.add_argument("--user", action="append", help="id:email:name, may be given several times")
    read.add_argument("--request-url", default="", help="…/slack/events: send signed HTTP there, instead of Socket Mode")
    given = read.parse_args()
    with FakeSlack(given.port) as slack:
        slack.limit_posts()
        slack.send_to(given.request_url)
        for one in given.user or PEOPLE:
            slack.add_user(*one.split(":", 2))
        slack.add_channel("C0SALES", "sales", list(slack.at.people))
        print(environment(slack, given.request_url))
        print(f"# be its people on {slack.url}/", flush=True)
        _until_interrupted(slack)


def _until_interrupted(slack: FakeSlack) -> None:
    """Says what is wrong with the product as it happens."""
    said = 0
    try:
        while True:
            time.sleep(0.5)
            for what in slack.wrong[said:]:
                print(f"# wrong: {what}", flush=True)
            said = len(slack.wrong)
    except KeyboardInterrupt:
        print("# stopped")


if __name__ == "__main__":
    main()
