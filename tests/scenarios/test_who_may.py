"""Whoever may not do something reads who may."""

import pytest

from tests.harness import Harness
from tests.scenarios.approving import REQUEST, asked, settled, staffed


@pytest.fixture
def shop(hk: Harness) -> Harness:
    return staffed(hk)


@pytest.mark.parametrize(
    ("who", "line", "could"), [
        ("li", "额度 甲 5万 试试", "财务经理、财务总监、管理层"),
        ("li", "冻结 甲 试试", "财务经理、财务总监、风控"),
        ("fm", "解冻 甲 试试", "财务总监、管理层（设置人本人除外）"),
        ("li", "收款 甲 100 7-1", "财务、财务经理"),
        ("cai", "评级 甲 A 到 8月1日 试试", "财务经理、财务总监、风控、管理层"),
    ],
)  # fmt: skip
def test_a_command_names_the_roles(shop: Harness, who: str, line: str, could: str) -> None:
    said = shop.chat(who).say(line)
    assert said["outcome"] == "not_allowed", said
    assert "您没有此操作的权限" in said["card"].title and said["card"].text.endswith(f"请联系：{could}")


def test_whoever_set_a_hold_reads_that_somebody_else_lifts_it(shop: Harness) -> None:
    shop.chat("zhou").say("冻结 甲 先查账")
    said = shop.chat("zhou").say("解冻 甲 查清了")
    assert said["outcome"] == "invalid" and "冻结人本人不能解冻" in said["card"].title and "管理层" in said["card"].title
    shop.deliver()
    settled(shop)


def test_a_tap_names_them_too_and_in_english(shop: Harness) -> None:
    card = asked(shop)
    shop.person("wang", locale="en")
    said = card.tap("credit.reject", by="li", reason="不行", expect="not_allowed")
    assert "审批规则指定的人" in said["message"]
    said = shop.chat("wang").say("/limit 甲 50000 try")
    assert said["card"].text == "Who may: finance manager, finance director, management"
    assert card.json["kind"] == REQUEST
    settled(shop)
