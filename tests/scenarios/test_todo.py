"""/todo lists what waits for somebody's word beside their tasks, and each line opens its card."""

from dataclasses import replace

import pytest
from sqlalchemy import event

from bot.notifications.templates import render
from bot.notifications.views import REGISTRY
from core import waiting
from tests.harness import ONE_STEP, Harness


def listed(hk: Harness, handle: str) -> tuple[list[str], str]:
    """(items that are no tasks, all lines as text)."""
    answer = hk.chat(handle).say("待办")
    assert answer["outcome"] == "done"
    rows = "\n".join(" ".join(row) for row in answer["card"].rows)
    return [w["item"] for w in answer["view"]["waiting"]], rows


def opened(hk: Harness, handle: str, item: str) -> str:
    """The title of the card that a line of the list opens."""
    reply = hk.chat(handle).choose("待办", "task.open", task=item)
    assert reply.outcome == "done" and reply.card is not None, reply.message
    return str(reply.card.title)


def test_a_promise_to_approve_waits_for_the_manager_until_it_is_decided(hk: Harness) -> None:
    card = hk.overdue()
    card.tap("task.promise", date="2026-08-20")
    ask = hk.chat("wang").expect_card(kind="promise.approval")
    items, text = listed(hk, "wang")
    assert items == ["promise:1"]
    assert "甲" in text and "承诺待您审批：8月20日付 ¥100.00（li）" in text
    assert listed(hk, "lin")[0] == listed(hk, "li")[0] == []
    assert "8月20日" in opened(hk, "wang", "promise:1")
    ask.tap("promise.reject")
    hk.chat("li").expect_card("wang 已驳回", kind="note.decided")
    assert listed(hk, "wang")[0] == []


def test_a_pause_to_approve_waits_for_the_manager(hk: Harness) -> None:
    hk.overdue()
    hk.act("li", "pause.set", "甲", until="2026-07-17", reason="对账")
    ask = hk.chat("wang").expect_card(kind="pause.approval")
    items, text = listed(hk, "wang")
    assert items == ["pause:1"] and "暂停催收待您审批：至 7月17日（li）" in text
    assert opened(hk, "wang", "pause:1")
    ask.tap("pause.approve")
    hk.chat("li").expect_card("wang 已批准", kind="note.decided")
    assert listed(hk, "wang")[0] == []


def test_a_claim_waits_for_finance_and_is_gone_when_it_is_decided(hk: Harness) -> None:
    hk.overdue().tap("task.paid")
    ask = hk.chat("cai").expect_card(kind="claim.review")
    items, text = listed(hk, "cai")
    assert items == ["claim:1"] and "客户称已付款，待核对：¥100.00" in text
    assert opened(hk, "cai", "claim:1")
    ask.tap("claim.void")
    assert listed(hk, "cai")[0] == []


def test_nobody_opens_what_waits_for_somebody_else(hk: Harness) -> None:
    hk.overdue().tap("task.paid")
    ask = hk.chat("cai").expect_card(kind="claim.review")
    ask.tap("task.open", by="li", task="claim:1", expect="invalid")


def test_letters_to_release_wait_for_finance(hk: Harness) -> None:
    hk.begin("2026-07-02 08:00", letters="review")
    hk.customer("甲", "li", email="jia@example.com")
    hk.receivable("甲", "100.00", due="2026-07-01")
    hk.morning("2026-07-02")
    hk.chat("li").expect_card(kind="task.overdue")
    ask = hk.chat("cai").expect_card(kind="letters.release")
    items, text = listed(hk, "cai")
    assert items == ["release:20260702"] and "信函待放行：1 家客户" in text
    assert "1 封" in opened(hk, "cai", items[0])
    ask.tap("letters.release")
    assert listed(hk, "cai")[0] == []
    hk.at("2026-07-02 10:00")
    hk.mailbox("jia@example.com").expect_letter(stage=1)


def test_a_dispute_says_what_it_is_and_waits_even_without_a_task(hk: Harness) -> None:
    hk.overdue().tap("task.dispute", reason="quality", amount="40")
    hk.chat("fm").expect_card(kind="dispute.open")
    items, text = listed(hk, "fm")
    assert items == [] and "争议待处理：¥40.00" in text
    with hk.db() as work:  # as after a task that was lost
        work.session.execute(waiting._TASK.update().where(waiting._TASK.c.kind == "dispute").values(state="answered"))
    items, text = listed(hk, "fm")
    assert items == ["dispute:1"] and "争议待处理：¥40.00" in text
    assert "¥40.00" in opened(hk, "fm", "dispute:1")


@pytest.mark.parametrize("card_is_out", [True, False])
def test_a_promise_due_today_waits_for_whoever_is_responsible(hk: Harness, card_is_out: bool) -> None:
    hk.overdue().tap("task.promise", date="2026-07-06")
    assert listed(hk, "li")[0] == []
    if card_is_out:
        hk.morning("2026-07-06")
        hk.chat("li").expect_card(kind="promise.due")
    else:
        hk.sleep_until("2026-07-06 08:00")
    items, text = listed(hk, "li")
    assert items == ["promise:1"] and "客户承诺今天付款：¥100.00" in text
    assert "今日承诺到期" in opened(hk, "li", "promise:1")
    assert listed(hk, "lin")[0] == []
    hk.sleep_until("2026-07-07 08:00")
    assert listed(hk, "li")[0] == []


def test_a_passed_answer_by_is_called_that(hk: Harness) -> None:
    card = hk.overdue(policy=ONE_STEP)
    assert "7月6日 18:00 前" in listed(hk, "li")[1]
    hk.morning("2026-07-07")
    hk.chat("wang").expect_card(kind="task.silent")
    assert "已超时" in card.text
    text = listed(hk, "li")[1]
    assert "7月6日 18:00 已超时" in text and "前" not in text


def test_a_dispute_that_is_late_says_so_on_every_card_of_it(hk: Harness) -> None:
    hk.overdue(policy=ONE_STEP).tap("task.dispute", reason="quality")
    card = hk.chat("fm").expect_card("请在 7月9日 18:00 前处理", kind="dispute.open")
    hk.morning("2026-07-10")
    upper = hk.chat("ada").expect_card("处理期限 7月9日 18:00 已超时，请尽快处理", kind="dispute.open")
    card.expect_update("处理期限 7月9日 18:00 已超时，请尽快处理", state="open")
    assert "请在" not in card.text + upper.text
    assert "已超时" in listed(hk, "fm")[1]


def test_a_copy_and_a_digest_that_are_late_say_so() -> None:
    for lang, words in (("zh", "已超时"), ("en", "was due by")):
        for kind in ("copy", "digest"):
            view = REGISTRY[kind].example(lang)
            name = {"copy": "task.copy", "digest": "digest.daily"}[kind]
            late, before = (render(name, replace(view, late=is_late), lang).text for is_late in (True, False))
            assert words in late and words not in before and ("请在" in before or "by" in before)
            assert "请在" not in late
    digest = REGISTRY["digest"].example("zh")
    lines = tuple(replace(line, late=n == 0) for n, line in enumerate(digest.lines))
    rows = render("digest.daily", replace(digest, lines=lines), "zh").rows
    assert ["已超时" in " ".join(row) for row in rows] == [True, False, False, False, False, False]


def test_the_number_of_statements_does_not_grow_with_what_waits(hk: Harness) -> None:
    def statements(claims: int) -> int:
        seen: list[str] = []

        def note(conn: object, cursor: object, statement: str, *rest: object) -> None:
            seen.append(statement)

        with hk.look() as work:
            engine = work.session.get_bind()
            event.listen(engine, "before_cursor_execute", note)
            assert len(waiting.waiting(work, hk._person_id(work, "cai") or 0)) == claims
            event.remove(engine, "before_cursor_execute", note)
        return len([s for s in seen if s.startswith("SELECT")])

    hk.begin("2026-07-02 08:00")
    for n in range(4):
        hk.customer(f"C{n}", "li")
        hk.receivable(f"C{n}", "100.00", due="2026-07-01")
    hk.morning("2026-07-02")
    counts = []
    for n in range(4):
        hk.chat("li").expect_card(f"C{n}")
        hk.act("li", "task.paid", f"C{n}")
        hk.chat("cai").expect_card(kind="claim.review")
        counts.append(statements(n + 1))
    assert len(set(counts)) == 1
