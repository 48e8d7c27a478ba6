"""What an import changes is felt at once: tasks move, cards change, promises are kept."""

from bot.server import Metronome
from tests.harness import ONE_STEP, Harness, last_cycle

RECEIPTS = "number,customer,received_on,amount,receivable"
RECEIVABLES = "number,customer,issued_on,due_on,amount"


def test_a_confirmed_claim_that_is_imported_later_is_not_counted_twice(hk: Harness) -> None:
    hk.overdue(policy=ONE_STEP).tap("task.paid", paid_on="2026-07-02")
    hk.chat("cai").expect_card(kind="claim.review").tap("claim.confirm")
    hk.chat("li").expect_card("¥100.00", kind="payment.arrived")
    assert hk.state("甲") == "closed"
    hk.at("2026-07-03 10:00")
    report = hk.imports("receipts", RECEIPTS, "BANK-1,甲,2026-07-03,100.00,")
    assert (report["created"], report["rejected"]) == (0, [])
    codes = [w["code"] for w in report["warnings"]]
    assert codes == ["import.claim_confirmed", "import.receipt_corrected"]  # it came a day later than was said
    assert hk.chat("cai").say("余额 甲")["view"]["balance"] == "0.00"
    assert hk.state("甲") == "closed"
    again = hk.imports("receipts", RECEIPTS, "BANK-1,甲,2026-07-03,100.00,")
    assert again["unchanged"] == 1, again
    hk.imports("receipts", RECEIPTS, "BANK-2,甲,2026-07-03,100.00,")  # a second payment is one
    assert hk.chat("cai").say("余额 甲")["view"]["balance"] == "-100.00"
    hk.chat("cai").expect_card("¥100.00", kind="receipt.allocate")


def test_imported_receipts_keep_a_promise_and_tell_the_owner_once(hk: Harness) -> None:
    hk.overdue(policy=ONE_STEP).tap("task.promise", date="2026-07-07")
    hk.at("2026-07-06 10:00")
    hk.imports("receipts", RECEIPTS, "B1,甲,2026-07-03,60.00,I1", "B2,甲,2026-07-06,40.00,I1")
    assert hk.promises("甲") == ["kept"]
    hk.chat("li").expect_card("¥100.00", "已兑现", kind="payment.arrived")
    assert hk.state("甲") == "closed"


def test_imported_history_is_not_announced(hk: Harness) -> None:
    hk.begin("2026-07-02 08:00")
    hk.policy(ONE_STEP)
    hk.customer("甲", "li")
    hk.imports("receivables", RECEIVABLES + ",settled_on", "I1,甲,2026-01-01,2026-02-01,100.00,2026-03-01")
    hk.morning("2026-07-10")
    assert hk.firings("I1") == []


def test_an_imported_owner_moves_the_task(hk: Harness) -> None:
    card = hk.overdue(policy=ONE_STEP)
    hk.at("2026-07-03 10:00")
    hk.imports("customers", "code,name,owner", "甲,甲,lin")
    card.expect_update("已移交 lin", state="closed")
    hk.chat("lin").expect_card("¥100.00", "7月7日 18:00", kind="task.overdue")


def test_an_owner_chosen_here_wins_over_the_next_import(hk: Harness) -> None:
    hk.overdue(policy=ONE_STEP)
    hk.act("wang", "customer.assign", "甲", person="lin")
    hk.chat("lin").expect_card(kind="task.overdue")
    hk.at("2026-07-03 10:00")
    report = hk.imports("customers", "code,name,owner", "甲,甲,li")
    assert report["warnings"]
    assert hk.tasks("甲") == [("li", "handed_over"), ("lin", "open")]


def test_an_imported_due_date_starts_the_ladder_anew(hk: Harness) -> None:
    hk.begin("2026-07-02 08:00")
    hk.policy(ONE_STEP)
    hk.customer("甲", "li")
    hk.imports("receivables", RECEIVABLES, "I1,甲,2026-06-01,2026-07-01,100.00")
    hk.morning("2026-07-02")
    card = hk.chat("li").expect_card("逾期 1 天")
    hk.at("2026-07-02 10:00")
    hk.imports("receivables", RECEIVABLES, "I1,甲,2026-06-01,2026-07-15,100.00")
    card.expect_update(state="closed")
    hk.morning("2026-07-16")
    hk.chat("li").expect_card("逾期 1 天", "¥100.00")


def test_an_imported_amount_changes_the_card_and_a_credit_note_ends_it(hk: Harness) -> None:
    hk.begin("2026-07-02 08:00")
    hk.policy(ONE_STEP)
    hk.customer("甲", "li")
    hk.imports("receivables", RECEIVABLES, "I1,甲,2026-06-01,2026-07-01,100.00")
    hk.morning("2026-07-02")
    card = hk.chat("li").expect_card("¥100.00")
    hk.at("2026-07-02 10:00")
    hk.imports("receivables", RECEIVABLES, "I1,甲,2026-06-01,2026-07-01,80.00")
    card.expect_update("¥80.00")
    hk.at("2026-07-02 11:00")
    hk.imports("receivables", RECEIVABLES, "I1,甲,2026-06-01,2026-07-01,0.00")
    card.expect_update(state="closed")
    hk.morning("2026-07-10")


def test_old_debts_that_are_imported_to_start_at_the_first_step(hk: Harness) -> None:
    hk.begin("2026-07-15 08:00")
    hk.customer("甲", "li")
    hk.imports("receivables", RECEIVABLES, "I1,甲,2026-05-01,2026-06-10,100.00", start="first")
    hk.morning("2026-07-15")
    hk.chat("li").expect_card("逾期 35 天", severity="overdue")
    assert [f[1] for f in hk.firings("I1")] == ["letter1", "over1"]


def test_a_rep_who_leaves_by_import_hands_over(hk: Harness) -> None:
    card = hk.overdue(policy=ONE_STEP)
    hk.at("2026-07-03 10:00")
    hk.imports("people", "handle,name,active", "li,li,no")
    hk.at("2026-07-03 11:00")
    card.expect_update("已移交 wang", state="closed")
    hk.chat("wang").expect_card("¥100.00", kind="task.overdue")


def test_the_server_looks_at_an_import_a_minute_later_and_once(hk: Harness) -> None:
    """Not at the next hour only; of two processes one does; nothing at night."""
    hk.begin("2026-07-02 08:00")
    hk.customer("甲", "li")
    hk.morning("2026-07-02")
    one, two = Metronome(hk.app), Metronome(hk.app)
    hk.sleep_until("2026-07-02 10:10")
    hk.run(one._beat())  # the hour's own
    hk.imports("receivables", "number,customer,issued_on,due_on,amount", "I1,甲,2026-06-01,2026-07-01,100.00")
    hk.run(one._beat())
    hk.chat("li").expect_nothing()  # the receipts may be next
    hk.sleep_until("2026-07-02 10:12")
    hk.run(one._beat())
    hk.chat("li").expect_card("¥100.00", kind="task.overdue")
    seen = last_cycle(hk)
    hk.sleep_until("2026-07-02 10:13")
    hk.run(two._beat())
    assert last_cycle(hk) == seen
    hk.sleep_until("2026-07-02 22:00")
    hk.run(two._beat())  # the last hour of work
    hk.sleep_until("2026-07-02 22:10")
    hk.imports("receivables", "number,customer,issued_on,due_on,amount", "I2,甲,2026-06-01,2026-07-01,100.00")
    seen = last_cycle(hk)
    hk.sleep_until("2026-07-02 22:12")
    hk.run(two._beat())
    assert last_cycle(hk) == seen
