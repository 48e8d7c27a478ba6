"""Typed commands through the real actions: what is written down can be read again at once."""

from datetime import UTC, date, datetime

from sqlmodel import Session

from bot.commands import handle
from bot.notifications.templates import render
from core.search import index_text
from tests.factories import customer, make_work, person, receivable


def test_a_promise_a_payment_and_its_allocation(session: Session) -> None:
    work = make_work(session, datetime(2026, 7, 8, 2, 0, tzinfo=UTC))
    li, fin = person(work, "li", "rep", name="小李"), person(work, "fin", "finance", name="财务")
    search = index_text("C019", "华兴商贸有限公司")
    hx = customer(work, "C019", "华兴商贸有限公司", li, search=search)
    receivable(work, "INV-1", hx, "120000.00", due=date(2026, 7, 1))
    receivable(work, "INV-2", hx, "80000.00", due=date(2026, 7, 20))

    def says(who: object, text: str) -> dict[str, object]:
        reply = handle(work, who, text, lang="zh")  # type: ignore[arg-type]
        for lang in ("zh", "en"):
            assert render(reply.kind, reply.view, lang).title
        assert reply.outcome == "done", reply.json
        return reply.json

    made = says(li, "承诺 C019 7-15 12万")
    assert (made["date"], made["amount"], made["state"]) == ("2026-07-15", "120000.00", "open")
    seen = says(li, "/balance C019")
    assert seen["promises"] == [{"date": "2026-07-15", "amount": "120000.00", "currency": "CNY", "state": "open"}]
    assert [row["state"] for row in seen["open"]] == ["promised", "not_due"]  # type: ignore[attr-defined]

    assert says(fin, "/receipt C019 5万 今天 R-1")["number"] == "R-1"
    assert says(fin, "/allocate R-1 INV-1 2万")["amount"] == "20000.00"
    seen = says(li, "/balance C019")
    assert (seen["balance"], seen["overdue"], seen["unapplied"]) == ("150000.00", "100000.00", "-30000.00")
    assert seen["last_receipt"] == {"date": "2026-07-08", "amount": "50000.00"}
    assert [e["reference"] for e in says(li, "/trace INV-1")["entries"]] == ["", "R-1"]  # type: ignore[attr-defined]
    assert says(fin, "/aging")["total"] == "150000.00"
    assert handle(work, li, "/receipt C019 1 今天", lang="zh").outcome == "not_allowed"
