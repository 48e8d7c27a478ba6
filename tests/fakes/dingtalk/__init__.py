"""DingTalk, played. `FakeDingTalk` is the server; `python -m tests.fakes.dingtalk --port 8062` runs it by hand.

    fake      the server and what a test may ask of it      gate      tokens, rates, quota, and what goes wrong
    stream    connections, pushes, acknowledgements         people    what people do and see
    robot, cards, todos, oapi    the calls                  template  an exported card template
    state     what is remembered                            hand      the page for a human

Facts come from DingTalk's documents, its SDKs and others' code; nobody has compared this with the real one. A choice
among unverified facts is marked [?] where it is made.
"""

from .fake import FakeDingTalk
from .state import Answer, Button, Call, NotOnScreen, Seen, Todo, User

__all__ = ["Answer", "Button", "Call", "FakeDingTalk", "NotOnScreen", "Seen", "Todo", "User"]
