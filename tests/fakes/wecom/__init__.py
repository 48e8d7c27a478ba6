"""企业微信, played: one self-built app, its API, its encrypted callbacks and its members' phones.

    with FakeWecom(members={"ZhangSan": "张三"}) as wecom:
        wecom.set_callback("http://127.0.0.1:8080/wecom/callback")
        ...                                       # the product sends to wecom.url + "/cgi-bin/..."
        card = wecom.last("zhangsan")
        wecom.tap("zhangsan", card, card.key_of("记录承诺"), {"d": "2025-06-13"})
        assert wecom.last("zhangsan").replaced == "已承诺"
        assert wecom.wrong == [] and wecom.lint == []

    crypto              encryption and signatures, the fake's own
    cards               what a template card may contain
    state, sending, api what the API answers
    line, phones        callbacks, passive replies, taps; screen: what a member sees
    faults, attacks     what goes wrong, and what strangers send
    page, __main__      one human plays everybody in a browser
    aibot, robot        the 智能机器人 on a long connection, and its page

What no page says for certain is marked [?] where it was decided.
"""

from tests.fakes.wecom.fake import FakeWecom
from tests.fakes.wecom.line import Delivery, Patience, Try
from tests.fakes.wecom.phones import Opened
from tests.fakes.wecom.refused import NotThere, Refused
from tests.fakes.wecom.screen import Shown

__all__ = ["Delivery", "FakeWecom", "NotThere", "Opened", "Patience", "Refused", "Shown", "Try"]
