"""`huikuan doctor`: small checks, each a function; the next step of every case; the gaps in the data."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, and_, exists, func, select
from sqlalchemy.engine import make_url
from sqlmodel import Session, SQLModel

from bot.adapters.check import Finding, Unfit
from bot.settings import MESSENGERS, Settings, to_company, unknown_environment
from bot.ward import Check, Ward
from bot.webhook_check import check_webhook
from bot.words import explain, one_line, reason
from core.errors import DomainError

if TYPE_CHECKING:
    from core.dunning.ladder import Ladder

CALENDAR_AHEAD = timedelta(days=45)
COUNTED = ("dingtalk.calls", "slack.called", "wecom.called")  # what messengers find in our own database


def examine(settings: Settings, now: datetime, *, lang: str, data: bool = False) -> dict[str, Any]:
    """`{"checks": [...], "cases": [...], "gaps": {...}}` of interface.md, and `data` if it is asked for."""
    ward = Ward(settings, to_company(settings), now, lang)
    checks = [_try(ward, check) for check in (check_settings, check_templates, check_calendar, check_company)]
    database = _try(ward, check_database)
    checks.append(database)
    report: dict[str, Any] = {"checks": checks, "cases": [], "gaps": {}}
    if ward.notes.get("usable"):
        found = (check_policy, check_deliveries, check_letters, check_accounts, check_webhook)
        with _session(settings) as session:
            ward.session = session
            checks += [_try(ward, check) for check in found]
            report["gaps"] = gaps(session)
            checks.append(_gaps_check(ward, report["gaps"]))
            report["cases"] = next_steps(ward, session)
            if data:
                report["data"] = data_discipline(session)
                checks.append(_data_check(ward, report["data"]))
    checks += _messengers(ward)
    report["checks"] = [asdict(check) for check in checks]
    return report


def _messengers(ward: Ward) -> list[Check]:
    """What each listed messenger finds out about itself, over the network."""
    if not ward.settings.real_messengers:
        return []
    from bot.adapters.checks import examine as ask
    from core.db import make_engine

    usable = bool(ward.notes.get("usable"))
    # Without a database one of nothing, in memory: looking makes none.
    engine = make_engine(ward.settings.database if usable else "sqlite://")
    try:
        found = ask(ward.settings, engine)
    finally:
        engine.dispose()
    findings = [(messenger, finding) for messenger, all_of_it in found.items() for finding in all_of_it]
    return [_found(ward, messenger, finding, usable) for messenger, finding in findings]


def _found(ward: Ward, messenger: str, finding: Finding | Unfit, usable: bool) -> Check:
    if isinstance(finding, Unfit):
        said = explain(finding.error, ward.lang)
        return Check(f"{messenger}.settings", "fail", said["message"], said["hint"])
    name = f"{messenger}.{finding.name.removeprefix(f'{messenger}.')}"
    if finding.name in COUNTED and not usable:
        return Check(name, "warn", ward.t("没有数据库，这一项还查不了", "not checked: this needs the database"))
    message, hint = ward.t(finding.message_zh, finding.message_en), ward.t(finding.hint_zh, finding.hint_en)
    return Check(name, finding.state, message, hint)


def _try(ward: Ward, check: Callable[[Ward], Check]) -> Check:
    """A check that breaks is a finding, too."""
    name = check.__name__.removeprefix("check_")
    try:
        return check(ward)
    except DomainError as error:
        said = explain(error, ward.lang)
        return Check(name, "fail", said["message"] + (f" ({said['where']})" if said["where"] else ""), said["hint"])
    except Exception as error:
        return Check(name, "fail", f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")


@contextmanager
def _session(settings: Settings) -> Iterator[Session]:
    from core.db import make_engine, reading

    engine = make_engine(settings.database)
    try:
        with reading(engine) as session:
            yield session
    finally:
        engine.dispose()


def database_missing(url: str) -> bool:
    """An embedded database that nobody has made yet; asking the driver would make it."""
    parsed = make_url(url)
    name = parsed.database
    if parsed.get_backend_name() != "sqlite" or not name or name == ":memory:" or name.startswith("file:"):
        return False
    return not Path(name).exists()


# --- checks without a database ---


def check_settings(ward: Ward) -> Check:
    unknown = unknown_environment(os.environ)
    if unknown:
        names = ", ".join(name + (f" → {near}?" if near else "") for name, near in unknown)
        return Check("settings", "warn", ward.t(f"没有这样的设置：{names}", f"no such settings: {names}"))
    return Check("settings", "ok", ward.t("设置可用", "the settings are fit for use"))


def check_templates(ward: Ward) -> Check:
    from bot.notifications.templates import templates

    templates()
    return Check("templates", "ok", ward.t("消息模板可用", "the message templates are fit for use"))


def check_calendar(ward: Ward) -> Check:
    from core.time import MAKE_UP_DAYS_KNOWN_TO

    calendar = ward.company.calendar
    year = MAKE_UP_DAYS_KNOWN_TO.get(calendar.country)
    if year is None or any(day.year > year for day in calendar.overrides):
        return Check("calendar", "ok", ward.t(f"工作日历 {calendar.country}", f"work calendar {calendar.country}"))
    end = date(year, 12, 31)
    if ward.today > end - CALENDAR_AHEAD:
        return Check(
            "calendar", "warn",
            ward.t(f"调休安排只知道到 {end}", f"make-up working days are known up to {end} only"),
            ward.t(f"在 huikuan.toml 的 [calendar_days] 写上 {year + 1} 年的 work 和 off，或升级 huikuan",
                   f"list work and off days of {year + 1} under [calendar_days] in huikuan.toml, or upgrade huikuan"),
        )  # fmt: skip
    return Check("calendar", "ok", ward.t(f"调休安排已知到 {end}", f"make-up working days are known up to {end}"))


def check_company(ward: Ward) -> Check:
    if ward.company.profile.complete:
        return Check("company", "ok", ward.t("公司资料齐全", "the company's profile is complete"))
    missing = [name for name in ("name", "bank_account", "signature") if not getattr(ward.company.profile, name)]
    return Check(
        "company", "warn",
        ward.t(f"公司资料缺 {'、'.join(missing)}：信函不会发出", f"without {', '.join(missing)} no letter goes out"),
        ward.t("写进 huikuan.toml 的 [company]", "write them under [company] in huikuan.toml"),
    )  # fmt: skip


# --- the database ---


def check_database(ward: Ward) -> Check:
    from core.db import make_engine, reachable, schema_state
    from core.errors import Unreachable

    url = ward.settings.database
    shown = make_url(url).render_as_string(hide_password=True)
    if database_missing(url):
        hint = ward.t("首次使用时自动建立", "made when first needed")
        return Check("database", "warn", ward.t(f"数据库还不存在：{shown}", f"there is no database yet: {shown}"), hint)
    engine = make_engine(url)
    try:
        state = schema_state(engine)
        if state != "current":
            raise Unreachable(f"db.{state}", url=shown)
        ward.notes["usable"] = True
        with reachable(engine), engine.connect() as connection:
            _prove_writable(engine, connection)
    except Unreachable as error:
        state = "fail" if error.code != "db.locked" else "warn"
        return Check("database", state, one_line(error, ward.lang))
    finally:
        engine.dispose()
    return Check("database", "ok", ward.t(f"可读写，结构最新：{shown}", f"writable, schema current: {shown}"))


def _prove_writable(engine: Engine, connection: Connection) -> None:
    from core.errors import Unreachable

    with connection.begin() as transaction:  # SQLite: BEGIN IMMEDIATE takes the writer's lock
        if engine.dialect.name == "postgresql":
            mode = connection.exec_driver_sql("SHOW transaction_read_only").scalar()
            if mode == "on":
                raise Unreachable("db.read_only", url=engine.url.render_as_string(hide_password=True))
        transaction.rollback()


def _tables() -> Any:
    import core.models  # noqa: F401  # registers the tables

    return SQLModel.metadata.tables


def check_policy(ward: Ward) -> Check:
    from core.dunning.policy import default_policy
    from core.dunning.stored import active_row, of

    assert ward.session is not None
    row = active_row(ward.session, ward.now)
    policy = of(row, ward.company.currency) if row else default_policy(ward.company.currency)
    letters = ward.company.letters or policy.letters
    ward.notes["letters"] = letters
    return Check("policy", "ok", ward.t(f"策略 {policy.name}，信函 {letters}", f"policy {policy.name}, letters {letters}"))


def check_deliveries(ward: Ward) -> Check:
    from bot.unreached import look

    assert ward.session is not None
    said, hints = look(ward.session, ward.now, ward.lang)
    if not said:
        return Check("deliveries", "ok", ward.t("没有卡住的消息", "no delivery is stuck"))
    return Check("deliveries", "warn", ward.t("，", ", ").join(said), ward.t("；", "; ").join(hints))


def check_letters(ward: Ward) -> Check:
    """Letter firings that wait, and why; one letter for each case. With letters off nothing is waited for."""
    assert ward.session is not None
    if ward.notes.get("letters") == "off":
        return Check("letters", "ok", ward.t("不给客户发信", "no letters to customers"))
    f, letter = _tables()["firing"], _tables()["letter"]
    waiting = (
        select(f.c.reason, func.count(f.c.case_id.distinct()), func.count(f.c.customer_id.distinct()))
        .where(f.c.outcome == "deferred", f.c.stage.is_not(None))
        .group_by(f.c.reason)
        .order_by(f.c.reason)
    )
    held = {why: (letters, customers) for why, letters, customers in ward.session.execute(waiting)}
    unsure = ward.session.execute(select(func.count()).select_from(letter).where(letter.c.state == "unsure")).scalar_one()
    parts = []
    hint = ""
    if "in_review" in held:
        n, m = held.pop("in_review")
        parts.append(ward.t(f"{n} 封信函（{m} 个客户）等财务放行", f"{n} letters to {m} customers wait for their release"))
        from bot.card import as_lang
        from bot.notifications.templates import templates

        button = templates().action("letters.release", as_lang(ward.lang)).label
        hint = ward.t(f"财务在聊天里的卡片上按“{button}”（letters.release）",
                      f"finance presses “{button}” on the card in their chat (letters.release)")  # fmt: skip
    released = held.pop("released", None)
    if released:
        n, m = released
        parts.append(ward.t(f"{n} 封信函（{m} 个客户）已放行，等信函时段发出",
                            f"{n} letters to {m} customers are released and go in the next window for letters"))  # fmt: skip
    for why, (n, m) in held.items():
        said = reason(why, ward.lang)
        parts.append(ward.t(f"{n} 封信函（{m} 个客户）未发：{said}", f"{n} letters to {m} customers wait: {said}"))
    if unsure:
        parts.append(ward.t(f"{unsure} 封信函可能没有发出", f"{unsure} letters were perhaps not sent"))
    if not parts:
        return Check("letters", "ok", ward.t("没有等待的信函", "no letter is waiting"))
    calm = not hint and not unsure and not set(held) - {"gap", "window", "earlier_stage_first"}
    return Check("letters", "ok" if calm else "warn", ward.t("；", "; ").join(parts), hint)


def check_accounts(ward: Ward) -> Check:
    """With `local` everybody has an account: it is named by the handle."""
    assert ward.session is not None
    person, account = _tables()["person"], _tables()["account"]
    if "local" in ward.company.messengers:
        return Check("accounts", "ok", ward.t("人人都有本地账号", "everybody has a local account"))
    has = exists().where(account.c.person_id == person.c.id, account.c.messenger.in_(ward.company.messengers))
    missing = list(ward.session.execute(select(person.c.handle).where(person.c.active, ~has)).scalars())
    ward.notes["no_account"] = missing
    if not missing:
        return Check("accounts", "ok", ward.t("人人都有账号", "everybody has an account"))
    names = ", ".join(missing[:20])
    message = ward.t(f"{len(missing)} 人没有任何消息账号：{names}", f"{len(missing)} people have no account: {names}")
    if not (off := _accounts_off(ward, missing)):
        return Check("accounts", "warn", message, "huikuan import accounts")
    kept = ward.t("、", ", ").join(ward.t(f"{name} {n} 人", f"{n} in {name}") for name, n in off.items())
    on = ",".join((*ward.company.messengers, *off))
    return Check(
        "accounts", "warn",
        ward.t(f"{message}；已导入、渠道没有启用的：{kept}", f"{message}; imported for messengers that are off: {kept}"),
        ward.t(f"设置 HUIKUAN_MESSENGERS={on} 并重启，不必再导入；其余的人 huikuan import accounts",
               f"set HUIKUAN_MESSENGERS={on} and restart, without another import; for the others huikuan import accounts"),
    )  # fmt: skip


def _accounts_off(ward: Ward, handles: list[str]) -> dict[str, int]:
    """How many of them have an account in a messenger that could be switched on."""
    assert ward.session is not None
    person, account = _tables()["person"], _tables()["account"]
    counted = (
        select(account.c.messenger, func.count(account.c.person_id.distinct()))
        .join(person, person.c.id == account.c.person_id)
        .where(person.c.handle.in_(handles), account.c.messenger.in_(MESSENGERS))
        .group_by(account.c.messenger)
        .order_by(account.c.messenger)
    )
    return {name: n for name, n in ward.session.execute(counted)}


# --- gaps in the data ---


def gaps(session: Session) -> dict[str, list[dict[str, str]]]:
    tables = _tables()
    r, c, person, contact = tables["receivable"], tables["customer"], tables["person"], tables["contact"]
    open_ = select(r.c.id).where(r.c.customer_id == c.c.id, r.c.open_minor > 0)
    responsible = func.coalesce(r.c.owner_id, c.c.owner_id)
    customers = select(c.c.code.label("customer"), c.c.name).order_by(c.c.code)
    mail = exists().where(contact.c.customer_id == c.c.id, contact.c.type == "finance", contact.c.email != "")
    pairs = select(c.c.code.label("customer"), person.c.handle.label("owner")).distinct().order_by(c.c.code)
    inactive = (
        pairs.join_from(r, c, c.c.id == r.c.customer_id)
        .join(person, person.c.id == responsible)
        .where(r.c.open_minor > 0, ~person.c.active)
    )
    undated = (
        select(r.c.number.label("receivable"), c.c.code.label("customer"), r.c.event)
        .join_from(r, c, c.c.id == r.c.customer_id)
        .where(r.c.open_minor > 0, r.c.due_on.is_(None))
        .order_by(c.c.code, r.c.number)
    )
    found = {
        "no_owner": customers.where(c.c.owner_id.is_(None), open_.where(r.c.owner_id.is_(None)).exists()),
        "no_contact": customers.where(~c.c.no_letters, ~mail, open_.exists()),
        "undated": undated,
        "inactive_owner": inactive,
    }
    return {name: _rows(session, statement) for name, statement in found.items()}


def data_discipline(session: Session) -> dict[str, list[dict[str, str]]]:
    """R021: receivables without invoice date, agreed date or receipt date, and those that wait for an event's date."""
    tables = _tables()
    r, c, a = tables["receivable"], tables["customer"], tables["allocation"]
    listed = select(r.c.number.label("receivable"), c.c.code.label("customer"))
    base = listed.join_from(r, c, c.c.id == r.c.customer_id).order_by(c.c.code, r.c.number)
    paid = exists().where(a.c.receivable_id == r.c.id, a.c.undone_on.is_(None))
    found = {
        # Without an invoice date the import takes the due date.
        "no_invoice_date": base.where(r.c.open_minor > 0, r.c.issued_on >= r.c.due_on, r.c.terms == ""),
        "no_agreed_date": base.where(r.c.open_minor > 0, r.c.due_on.is_(None)),
        "no_receipt_date": base.where(and_(r.c.open_minor == 0, r.c.amount_minor > 0, ~paid)),
        "event_without_date": base.where(r.c.open_minor > 0, r.c.event != "", r.c.event_on.is_(None)),
    }
    return {name: _rows(session, statement) for name, statement in found.items()}


def _rows(session: Session, statement: Any) -> list[dict[str, str]]:
    return [dict(row) for row in session.execute(statement).mappings()]


def list_name(name: str) -> tuple[str, str]:
    """(zh, en) of one of the lists in `gaps` and `data`."""
    return _LISTS[name]


_LISTS = {
    "no_owner": ("没有负责人的客户", "customers without an owner"),
    "no_contact": ("没有财务联系人邮箱的客户", "customers without a finance contact's address"),
    "undated": ("没有到期日的应收", "receivables without a due date"),
    "inactive_owner": ("负责人已停用的客户", "customers whose owner is inactive"),
    "no_invoice_date": ("没有开票日期的应收", "receivables without an invoice date"),
    "no_agreed_date": ("没有约定日期的应收", "receivables without an agreed date"),
    "no_receipt_date": ("已结清但没有收款的应收", "settled receivables without a receipt"),
    "event_without_date": ("等待事件日期的应收", "receivables that wait for the date of an event"),
}


def _listed(ward: Ward, name: str, lists: dict[str, list[dict[str, str]]], fine: tuple[str, str]) -> Check:
    parts = [f"{ward.t(*_LISTS[key])} {len(rows)}" for key, rows in lists.items() if rows]
    if not parts:
        return Check(name, "ok", ward.t(*fine))
    return Check(name, "warn", ward.t("、", ", ").join(parts))


def _gaps_check(ward: Ward, found: dict[str, list[dict[str, str]]]) -> Check:
    return _listed(
        ward, "gaps", found, ("每笔应收都有负责人、联系人和到期日", "nothing lacks an owner, a contact or a due date")
    )


def _data_check(ward: Ward, found: dict[str, list[dict[str, str]]]) -> Check:
    return _listed(ward, "data", found, ("数据纪律：没有缺项", "data discipline: nothing is missing"))


# --- the next step of every case ---


def next_steps(ward: Ward, session: Session) -> list[dict[str, Any]]:
    """For each running case the first step that has not fired yet, on its receivables as they stand today.

    `due_now`: its day has come, and it fires with the next cycle that may chase the receivable."""
    from core.dunning.policy import Policy, default_policy, parse

    tables = _tables()
    case, c, r, stored = tables["case_file"], tables["customer"], tables["receivable"], tables["policy"]
    statement = (
        select(
            case.c.id, case.c.state, case.c.severity, case.c.currency, case.c.policy_id, c.c.code, c.c.name,
            r.c.id.label("receivable_id"), r.c.number, r.c.due_on, r.c.ladder, r.c.age_shift_days,
        )
        .join_from(case, c, c.c.id == case.c.customer_id)
        .outerjoin(r, and_(r.c.case_id == case.c.id, r.c.open_minor > 0, r.c.due_on.is_not(None)))
        .where(case.c.state != "closed")
        .order_by(c.c.code, case.c.currency, case.c.id, r.c.due_on, r.c.number)
    )  # fmt: skip
    texts = {row.id: row.toml for row in session.execute(select(stored.c.id, stored.c.toml))}
    fired = _fired_offsets(session)
    policies: dict[int, Policy] = {}
    found: dict[int, dict[str, Any]] = {}
    for row in session.execute(statement):
        shown = found.setdefault(row.id, {
            "customer": row.code, "name": row.name, "currency": row.currency, "state": row.state,
            "severity": row.severity, "next": "", "offset": None, "on": None, "due_now": False, "receivable": None,
        })  # fmt: skip
        if row.due_on is None:
            continue
        if row.policy_id not in policies:
            text = texts.get(row.policy_id)
            policies[row.policy_id] = (
                parse(text, "", ward.company.currency) if text else default_policy(ward.company.currency)
            )
        ladder = policies[row.policy_id].ladder(row.ladder)
        age = (ward.today - row.due_on).days - row.age_shift_days
        offset = next_unfired(ladder, fired.get(row.receivable_id), age) if ladder else None
        if ladder is None or offset is None:
            continue
        on = row.due_on + timedelta(days=offset + row.age_shift_days)
        if shown["on"] is None or on.isoformat() < shown["on"]:
            steps = ", ".join(step.id for step in ladder.steps if offset in step.offsets)
            shown |= {"next": steps, "offset": offset, "on": on.isoformat(), "due_now": on <= ward.today}
            shown["receivable"] = row.number
    return list(found.values())


def next_unfired(ladder: "Ladder", fired: int | None, age: int) -> int | None:
    """The first offset that has not fired and still can: all at or below the highest fired is done, and steps before
    the due date are dropped once it is there (core.dunning.decide)."""
    return next(
        (o for o in ladder.offsets if (fired is None or o > fired) and not (o < 0 <= age or (o == 0 and age >= 1))), None
    )


def _fired_offsets(session: Session) -> dict[int, int]:
    """The highest offset fired of each open receivable, for the due date that it has now."""
    f, r = _tables()["firing"], _tables()["receivable"]
    rows = session.execute(
        select(f.c.receivable_id, func.max(f.c.offset_days))
        .join(r, and_(r.c.id == f.c.receivable_id, r.c.due_on <= f.c.due_on, r.c.open_minor > 0))
        .group_by(f.c.receivable_id)
    )
    return {receivable_id: offset for receivable_id, offset in rows}
