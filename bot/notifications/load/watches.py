"""The report about a customer whose overdue total has passed what the policy watches."""

from __future__ import annotations

from bot.notifications.load.collect import last_contact
from bot.notifications.load.facts import About, Cancel, Facts, Loaded, Message, phrase
from bot.notifications.views.ratings import letter_of
from bot.notifications.views.watches import WatchPromise, WatchView
from core.credit.exposure import standing
from core.credit.granted import granted
from core.ledger.balances import Balance, balance
from core.models import Hold
from core.money import Money

SHOWN = 3  # promises


def report(facts: Facts, message: Message, lang: str) -> Loaded | Cancel:
    """As it is now; what stands on a screen changes when the total no longer passes."""
    work = facts.work
    hold = work.session.get_one(Hold, message.subject_id)
    if hold.ended_on is not None and not message.for_update:
        return Cancel("eased")
    about, currency = facts.about(hold.customer_id), hold.currency
    owed = balance(work.session, hold.customer_id, facts.today).get(currency) or Balance(currency=currency)
    watch = facts.policy.watch(hold.step)

    def money(minor: int) -> Money:
        return Money(minor, currency)

    over = money(watch.over.get(currency, 0) if watch is not None else 0)
    last_on, last_by, last_note = last_contact(facts, about, lang)
    limit, used = _credit(facts, hold)
    view = WatchView(
        today=facts.today, customer=about.name, short=about.short, code=about.code, over=over, total=money(owed.overdue),
        d1_30=money(owed.d1_30), d31_60=money(owed.d31_60), d61_90=money(owed.d61_90), d90_plus=money(owed.d90_plus),
        days=owed.days_overdue_max, oldest_due=owed.oldest_due, balance=money(owed.total), limit=limit, used=used,
        rating=letter_of(about.rating), owner=facts.name(about.owner_id),
        promises=_promises(about, currency),
        not_kept=about.not_kept, last_on=last_on, last_by=last_by, last_note=last_note,
        ended=None if hold.ended_on is None else phrase("ended.watch", amount=(over,)),
    )  # fmt: skip
    return Loaded(
        kind="watch.report", view=view, customer_code=about.code, severity="severe", over=hold.ended_on is not None
    )


def _credit(facts: Facts, hold: Hold) -> tuple[Money | None, Money]:
    """The limit that counts, and what of it is used: in the limit's currency."""
    work, rules = facts.work, facts.policy.credit
    now = standing(work, hold.customer_id)
    limit = granted(now, rules, work.company.currency).minor
    used = now.used_minor(rules, work.company.currency)
    return None if limit is None else Money(limit, now.currency), Money(used, now.currency)


def _promises(about: About, currency: str) -> tuple[WatchPromise, ...]:
    mine = sorted((p for p in about.promises if p.currency == currency), key=lambda p: p.due_on)
    return tuple(WatchPromise(on=p.due_on, amount=Money(p.amount_minor, p.currency)) for p in mine[:SHOWN])
