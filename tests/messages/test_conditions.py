"""The conditions of an approval, as they are typed."""

import pytest

from bot.card import Action
from bot.conditions import read, written
from bot.preview import example


def button() -> Action:
    return next(a for a in example("credit.request", "zh")[0].actions if a.id == "credit.approve_with")


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("预付 30%", {"prepay_percent": "30"}),
        ("预付30%，账期 30天", {"prepay_percent": "30", "terms": "30"}),
        ("40%", {"prepay_percent": "40%"}),
        ("预付 40", {"prepay_percent": "40%"}),
        ("先收预付款：４０％", {"prepay_percent": "40%"}),
        ("prepay 25%", {"prepay_percent": "25%"}),
        ("25 percent prepaid, terms 20 days", {"prepay_percent": "25%", "terms": "20"}),
        ("款到发货", {"prepay_percent": "100"}),
        ("账期不超过60天", {"terms": "60"}),
        ("net 30", {"terms": "30"}),
        ("20天", {"terms": "20"}),
        ("临时额度到 7-31", {"until": "7-31"}),
        ("临时到7月31日 旺季", {"until": "7月31日", "note": "旺季"}),
        ("30% until end of month", {"prepay_percent": "30", "until": "end of month"}),
        ("50% 15天", {"prepay_percent": "50", "terms": "15"}),
        ("7天 7-31", {"terms": "7", "until": "7-31"}),
        ("100% 老客户", {"prepay_percent": "100", "note": "老客户"}),
        ("预付 150%", {"prepay_percent": "150%"}),
        ("预付 33.5%", {"prepay_percent": "33.5%"}),
        ("30% 第 2 次", {"prepay_percent": "30", "note": "第 2 次"}),
        ("老客户", {"note": "老客户"}),
        ("预付5万", {"note": "预付5万"}),
        ("", {}),
    ],
)
def test_what_is_read(text: str, given: dict[str, str]) -> None:
    assert read(button(), text) == given


@pytest.mark.parametrize("text", ["40", "40 行吗"])
def test_a_bare_number_might_be_either(text: str) -> None:
    assert read(button(), text) is None


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("A-12 预付 30%", True), ("A-12 账期30天", True), ("A-12 until 7-31", True), ("A-12", False), ("A-12 7-31", False),
     ("SO-M3 但先收三成", False), ("A-12 同意", False), ("30-DAYS", False), ("X30 预付5万", False)],
)  # fmt: skip
def test_a_yes_with_conditions_says_so_beyond_doubt(text: str, is_one: bool) -> None:
    assert written(text) == is_one
