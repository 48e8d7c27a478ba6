"""/deviation in the chat, and `huikuan credit deviation`."""

from collections.abc import Iterator

import pytest

from tests.harness import Harness


@pytest.fixture
def hk(database_url: str) -> Iterator[Harness]:
    story = Harness(database_url)
    story.begin("2026-07-06 10:00")
    for code, rating, limit in (("甲", "C", 50_000), ("乙", "C", 10_000), ("丙", "A", 29_000)):
        story.customer(code, "li", name=f"{code}商贸", rating=rating, credit_limit_minor=limit, edited=["rating"])
        story.receivable(code, "1200.00", due="2026-12-31", issued="2026-04-01", number=f"I{code}")
    yield story
    story.stop()


def test_the_farthest_first_with_totals(hk: Harness) -> None:
    reply = hk.type("fm", "授信偏差")
    view = reply.view
    assert [(c["code"], c["granted"], c["model"], c["deviation"]) for c in view["customers"]] == [
        ("甲", "500.00", "100.00", "4.0000")
    ]
    assert (view["compared"], view["off"], view["allowed"]) == (3, 1, "0.05")
    assert view["totals"] == [
        {"currency": "CNY", "customers": 3, "granted": "890.00", "model": "500.00", "deviation": "0.7800"}
    ]
    card = hk.chat("fm").expect_card(kind="reply.deviation")
    for words in ("1 家客户的授信偏离模型额度超过 ±5%", "授信 ¥890.00，模型 ¥500.00，偏差 +78%", "甲商贸（C）", "+400%"):
        assert words in card.text, (words, card.text)
    hk.person("fm", locale="en")
    hk.type("fm", "/deviation 5")
    hk.chat("fm").expect_card("1 limit more than ±5% off the model", "+400%", kind="reply.deviation")


def test_who_may_see_it(hk: Harness) -> None:
    for who in ("li", "wang"):
        assert hk.type(who, "/deviation").view["error"]["code"] == "action.not_allowed"
        hk.chat(who).expect_card(kind="reply.error")
    hk.person("zhou", region="华南")
    reply = hk.type("zhou", "/deviation")
    assert reply.view["compared"] == 0, "only customers in sight"
    assert reply.card is not None and reply.card.title == "没有可与模型比较的授信额度"
    hk.chat("zhou").expect_card(kind="reply.deviation")
    assert hk.type("fm", "/deviation many").view["error"]["code"] == "command.rest"
    hk.chat("fm").expect_card(kind="reply.error")
