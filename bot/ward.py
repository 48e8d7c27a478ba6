"""What the doctor's checks look at, and what each of them says."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlmodel import Session

from bot.settings import Settings
from core.work import Company


@dataclass(frozen=True)
class Check:
    name: str
    state: str  # ok, warn, fail
    message: str
    hint: str = ""


@dataclass
class Ward:
    """What the checks look at. Without a usable database `session` is None."""

    settings: Settings
    company: Company
    now: datetime
    lang: str
    session: Session | None = None
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def today(self) -> date:
        return self.company.calendar.business_date(self.now)

    def t(self, zh: str, en: str) -> str:
        return zh if self.lang == "zh" else en
