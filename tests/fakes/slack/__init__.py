"""A strict, stateful Slack on 127.0.0.1: Web API, Socket Mode, signed HTTP, people, screens, and everything that breaks."""

from tests.fakes.slack.delivery import Answer, Delivery
from tests.fakes.slack.fake import FakeSlack
from tests.fakes.slack.faults import Fault, broken, dropped, hangs, refused, slow, too_many
from tests.fakes.slack.state import BOT_USER, Impossible, Message, Person, SharedFile, View

__all__ = [
    "BOT_USER",
    "Answer",
    "Delivery",
    "FakeSlack",
    "Fault",
    "Impossible",
    "Message",
    "Person",
    "SharedFile",
    "View",
    "broken",
    "dropped",
    "hangs",
    "refused",
    "slow",
    "too_many",
]
