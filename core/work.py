"""One unit of work: the session, the time, the company and the actor that a change runs under."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Any

from sqlmodel import Session

from core.models import Audit
from core.time import Calendar


@dataclass(frozen=True)
class Profile:
    """What letters say about the own company. Without name, bank account and signature no letter goes out."""

    name: str = ""
    name_en: str = ""
    bank_account: str = ""
    signature: str = ""
    phone: str = ""

    @property
    def complete(self) -> bool:
        return bool(self.name and self.bank_account and self.signature)


@dataclass(frozen=True)
class Company:
    """What holds for the whole company. `letters` overrides the policy's switch; `messengers` in order of preference;
    `webhooks`: another system takes events, which are kept for `webhook_days` after that."""

    calendar: Calendar
    currency: str = "CNY"
    lang: str = "zh"
    profile: Profile = field(default_factory=Profile)
    letters: str | None = None
    messengers: tuple[str, ...] = ("local",)
    webhooks: bool = False
    webhook_days: int = 90


@dataclass(frozen=True)
class Work:
    """Everything a change needs to know. One Work is one transaction; whoever opened the session commits it.

    `by`: where one transaction does what several people asked for, on whose behalf each customer changes.
    """

    session: Session
    company: Company
    now: datetime
    actor: str = "system"  # a person's handle, `system`, or `cli:<os user> as <handle>`
    person_id: int | None = None
    channel: str = "system"
    by: Mapping[int, "Work"] = field(default_factory=dict, hash=False)

    @property
    def by_hand(self) -> bool:
        """Whether somebody waits to see what comes of it."""
        return self.person_id is not None or bool(self.by)

    def about(self, customer_id: int | None) -> "Work":
        """The same work, on behalf of whoever it does this customer's part for."""
        return self.by.get(customer_id or 0, self)

    @cached_property
    def today(self) -> date:
        return self.company.calendar.business_date(self.now)

    def audit(
        self,
        action: str,
        subject: str = "",
        subject_id: int | None = None,
        customer_id: int | None = None,
        **data: Any,
    ) -> None:
        """Record that `actor` did `action`. Values must be JSON; amounts in minor units, dates as ISO text."""
        who = self.about(customer_id)
        self.session.add(
            Audit(
                at=self.now,
                actor=who.actor,
                person_id=who.person_id,
                channel=who.channel,
                action=action,
                subject=subject,
                subject_id=subject_id,
                customer_id=customer_id,
                data=data,
            )
        )
