"""Data in and out: import, export, the ledger's check, the database."""

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bot.cli.frame import (
    DONE,
    FOUND,
    At,
    Json,
    database,
    day,
    engine,
    example,
    instant,
    language,
    line,
    os_user,
    settings,
    show,
    t,
    table,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bot.card import Lang

ledger = typer.Typer(rich_markup_mode=None, help=t("账本。", "The ledger."), no_args_is_help=True)
db = typer.Typer(rich_markup_mode=None, help=t("数据库结构。", "The database's schema."), no_args_is_help=True)

Kind = Literal[
    "people", "accounts", "customers", "contracts", "instalments", "receivables", "receipts", "orders", "shipments",
    "risk-events", "insurance", "group-limits", "figures",
]  # fmt: skip

_MAP_ZH = "列的对应关系；列名是英文名或常用的中文名（订单号、客户、金额……）时不需要"
_MAP_EN = "fits another layout of columns; not needed where headers are ours, or usual ones in Chinese"
_KINDS = (
    "people, accounts, customers, receivables, receipts, orders, shipments, risk-events, insurance, group-limits, figures"
)


def import_(
    kind: Annotated[Kind, typer.Argument(metavar="KIND", help=t(f"文件的种类：{_KINDS}", f"what the rows are: {_KINDS}"))],
    file: Annotated[Path, typer.Argument(metavar="FILE", help=t("CSV 或 XLSX 文件", "CSV or XLSX"))],
    map_: Annotated[
        Path | None, typer.Option("--map", metavar="MAP.toml", help=t(_MAP_ZH, _MAP_EN))
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help=t("只检查，不保存", "check only, save nothing"))] = False,
    start: Annotated[
        Literal["today", "first"],
        typer.Option("--start", help=t("旧欠款从今天还是第一步开始", "old debts begin at today's step or the first")),
    ] = "today",
    as_of: Annotated[
        str, typer.Option("--as-of", metavar="DATE", help=t("文件的日期（默认今天）", "the file's date (default: today)"))
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", help=t("即使很多应收同时消失也继续", "even if many vanish at once"))] = False,
    at: At = "",
    as_json: Json = False,
) -> int:  # fmt: skip
    from bot.settings import to_company
    from core.db import transaction
    from core.ingest import run
    from core.work import Work

    now = instant(at, speaks=True)
    on = day(as_of, "--as-of") if as_of else None
    found, company = database(), to_company(settings())

    @contextmanager
    def open_work() -> "Iterator[Any]":
        with transaction(found) as session:
            yield Work(session, company, now, f"cli:{os_user()}", None, "cli")

    with _progress(as_json) as progress:
        report = run(
            open_work, kind, file, map_path=map_, dry_run=dry_run, start=start, as_of=on, yes=yes, progress=progress
        ).to_json()
    show(report, as_json, lambda: _report(report))
    return FOUND if report["rejected"] else DONE


def _report(report: dict[str, Any]) -> None:
    zh = "{rows} 行：新增 {created}，更新 {updated}，未变 {unchanged}，拒绝 {n}"
    en = "{rows} rows: {created} created, {updated} updated, {unchanged} unchanged, {n} rejected"
    line(t(zh, en).format(n=len(report["rejected"]), **{k: report[k] for k in ("rows", "created", "updated", "unchanged")}))
    if "released" in report:
        zh = "  新订单：放行 {released}，暂缓 {held}，拒绝 {refused}"
        line(t(zh, "  new orders: {released} released, {held} held, {refused} refused").format(**report))
    for currency, total in report["totals"].items():
        line(f"  {currency} {total['amount']} ({total['count']})")
    for name, title in (("rejected", t("拒绝的行", "Rejected rows")), ("warnings", t("提示", "Warnings"))):
        if report[name]:
            rows = [(p["row"], p["column"], p["value"], p["reason"]) for p in report[name][:50]]
            table(t("行 列 值 原因", "row column value reason").split(), rows, title)
            if len(report[name]) > 50:
                line(t("还有 {} 项", "and {} more").format(len(report[name]) - 50))
    if report.get("rejected_file"):
        line(t("被拒绝的行在 {}", "The rejected rows stand in {}").format(report["rejected_file"]))


class _progress:
    """A bar on standard error, for people only."""

    def __init__(self, as_json: bool) -> None:
        import sys

        self._bar: Any = None
        self._wanted = not as_json and sys.stderr.isatty()

    def __enter__(self) -> "Callable[[int, int | None], None] | None":
        if not self._wanted:
            return None
        from rich.console import Console
        from rich.progress import Progress

        self._bar = Progress(console=Console(stderr=True), transient=True)
        self._bar.start()
        task = self._bar.add_task(t("导入", "Importing"), total=None)

        def progress(done: int, total: int | None = None) -> None:
            self._bar.update(task, completed=done, total=total)

        return progress

    def __exit__(self, *exc: object) -> None:
        if self._bar is not None:
            self._bar.stop()


def export(
    kind: Annotated[
        Literal["receivables", "customers", "receipts", "people", "orders"],
        typer.Argument(metavar="KIND", help=t("导出什么", "what to write")),
    ],
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]", help=t("以 .csv 或 .xlsx 结尾；不写则打印 CSV", ".csv or .xlsx; without it, CSV is printed")
        ),
    ] = None,
    at: Annotated[str, typer.Option("--at", metavar="DATE", help=t("截至哪一天的余额", "balances as of this date"))] = "",
    as_json: Json = False,
) -> None:
    from bot.export import collect, plain, print_csv, write
    from bot.settings import to_company
    from core.db import reading

    company = to_company(settings())
    as_of = day(at, "--at") if at else company.calendar.business_date(instant(""))
    with reading(database(make=False)) as session:
        lang: Lang = "en" if language() == "en" else "zh"
        columns, rows = collect(session, kind, as_of, company.currency, company.calendar.zone, lang)
    document: dict[str, Any] = {"kind": kind, "at": as_of.isoformat(), "rows": len(rows)}
    if file is not None:
        write(file, columns, rows)
        document["file"] = str(file)
        show(document, as_json, lambda: line(t("{} 行已写入 {}", "{} rows written to {}").format(len(rows), file)))
    elif as_json:
        items = [dict(zip(columns, map(plain, row), strict=True)) for row in rows]
        show(document | {"items": items}, True, line)
    else:
        print_csv(columns, rows)


def ledger_check(as_json: Json = False) -> int:
    from bot.settings import to_company
    from core.credit import invariants as credit
    from core.db import reading
    from core.ledger import invariants

    zone = to_company(settings()).calendar.zone.key
    with reading(database(make=False)) as session:
        problems = invariants.check(session) + credit.check(session, zone)
    checked = len(invariants.INVARIANTS) + len(credit.INVARIANTS)
    found = [{"code": p.code, "table": p.table, "id": p.id, "detail": p.detail} for p in problems]
    document = {"ok": not found, "checked": checked, "problems": found}

    def human() -> None:
        if found:
            table(["code", "table", "id", "detail"], [tuple(p.values()) for p in found])
        line(t("{} 项检查，{} 处错误", "{} invariants checked, {} rows break one").format(checked, len(found)))

    show(document, as_json, human)
    return FOUND if found else DONE


def db_upgrade(as_json: Json = False) -> None:
    from core.db import schema_state, upgrade
    from core.errors import Unreachable

    found = engine()
    was = schema_state(found)
    shown = found.url.render_as_string(hide_password=True)
    if was == "newer":
        raise Unreachable("db.newer", url=shown)
    upgrade(settings().database)
    document = {"state": schema_state(found), "was": was, "url": shown}
    show(document, as_json, lambda: line(t("数据库结构是最新的", "The schema is current") + f" ({shown})"))


def db_check(as_json: Json = False) -> int:
    from bot.doctor import database_missing
    from core.db import schema_state

    state = "empty" if database_missing(settings().database) else schema_state(engine())
    words = {
        "current": t("数据库结构是最新的", "The schema is current"),
        "empty": t("数据库是空的：运行 huikuan db upgrade", "The database is empty: run huikuan db upgrade"),
        "older": t("数据库比这个版本旧：运行 huikuan db upgrade", "Older than this version: run huikuan db upgrade"),
        "newer": t("数据库比这个版本新：请升级 huikuan", "Newer than this version: install a newer huikuan"),
    }
    show({"state": state}, as_json, lambda: line(words[state]))
    return DONE if state == "current" else FOUND


def register(app: typer.Typer) -> None:
    app.command(
        "import",
        help=t(
            "导入 CSV 或 XLSX。再导入同一文件不会改变任何东西。", "Imports CSV or XLSX. The same file again changes nothing."
        ),
        epilog=example(
            "huikuan import customers customers.csv",
            "huikuan import receivables open-items.xlsx --map erp.toml --dry-run",
            "huikuan import orders orders.csv",
        ),
    )(import_)
    app.command(
        "export",
        help=t(
            "导出为 CSV 或 XLSX，列与导入相同；订单另有状态和已发货、已开票、已结清的金额。",
            "Writes CSV or XLSX, with the columns of the import; orders have their state and what of them is shipped, "
            "invoiced and settled, too.",
        ),
        epilog=example(
            "huikuan export receivables open.xlsx --at 2026-06-30", "huikuan export customers > customers.csv",
            "huikuan export orders orders.csv",
        ),
    )(export)
    ledger.command(
        "check",
        help=t("核对账本的每一条规则。", "Checks every invariant of the ledger."),
        epilog=example("huikuan ledger check --json"),
    )(ledger_check)
    db.command(
        "upgrade",
        help=t("把数据库结构升级到最新。", "Brings the schema to the newest version."),
        epilog=example("huikuan db upgrade"),
    )(db_upgrade)
    db.command(
        "check", help=t("数据库结构是不是最新的。", "Is the schema current?"), epilog=example("huikuan db check --json")
    )(db_check)
    app.add_typer(ledger, name="ledger")
    app.add_typer(db, name="db")
