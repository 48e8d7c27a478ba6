"""One customer, one morning: what a card chases, what it leaves aside, and what the lists show add up; days read alike."""

import re

from tests.harness import Harness

ISO = re.compile(r"\d{4}-\d{2}-\d{2}")


def the_rest_is_read(hk: Harness) -> None:
    for handle in ("li", "wang", "fm", "cai"):
        for card in hk.chat(handle).unread():
            hk.read(card.id)


def test_card_and_lists_add_up(hk: Harness) -> None:
    card = hk.overdue()  # 甲 owes 100.00 since yesterday
    li = hk.chat("li")
    hk.at("2026-07-03 10:00")
    hk.pay("甲", "15.00")  # on the account, allocated to nothing
    li.expect_card("¥15.00", kind="payment.arrived")
    card.tap("task.dispute", reason="quality", amount="25.00")
    hk.at("2026-07-06 09:00")
    rest = li.expect_card("逾期", kind="task.overdue")
    fields = {field["label"]: field["value"] for field in rest.json["fields"]}
    assert fields["逾期金额"] == "¥60.00，另有 ¥40.00 不催收" and fields["未核销款"] == "¥15.00"
    assert li.say("余额 甲")["view"]["overdue"] == "100.00"
    listed = li.say("待办")
    assert listed["view"]["tasks"][0]["overdue"] == "100.00" and listed["card"].footer == "逾期金额含目前不催收的部分"
    assert li.say("逾期")["card"].footer.endswith("含不催收的部分")
    the_rest_is_read(hk)


def test_a_card_of_which_all_is_chased_says_no_more(hk: Harness) -> None:
    card = hk.overdue()
    assert {field["label"]: field["value"] for field in card.json["fields"]}["逾期金额"] == "¥100.00"


def test_every_answer_says_days_as_cards_do(hk: Harness) -> None:
    card = hk.overdue()
    li = hk.chat("li")
    hk.at("2026-07-03 10:00")
    said = card.tap("task.promise", date="2026-07-06", amount="50.00")["message"]
    assert "7月6日" in said and not ISO.search(said + card.text), said
    hk.at("2026-07-07 09:00")
    hk.at("2026-07-08 09:00")
    again = li.expect_card("承诺")
    told = again.tap("task.snooze", until="2026-07-09")["message"]
    assert "7月9日" in told and not ISO.search(told + again.text), told
    for line in ("追溯 I1", "承诺 甲 7-1", "暂停 甲 到 7-10 对账中", "余额 甲"):
        reply = li.say(line)
        card_ = reply["card"]
        shown = " ".join([reply["message"], card_.title, card_.text, *(f.value for f in card_.fields)])
        shown += " ".join(cell for row in card_.rows for cell in row)
        assert not ISO.search(shown.replace("2027-07-01", "")), (line, shown)  # a day to be typed
    the_rest_is_read(hk)
