"""Policies: check a file, say it in words, apply it, try it on the present ledger."""

from collections import Counter
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.cli.frame import (
    DONE,
    FOUND,
    As,
    At,
    Json,
    database,
    day,
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

SHOWN_DAYS, SHOWN_A_DAY, SHOWN_NAMES = 40, 8, 4  # of a dry run, in the list by day

policy = typer.Typer(rich_markup_mode=None, help=t("催收策略。", "Dunning policies."), no_args_is_help=True)

File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", help=t("策略文件（TOML），或预设的名称", "policy file (TOML), or the name of a preset")
    ),
]


def _read(file: Path) -> Any:
    from core.dunning.policy import parse

    return parse(_text(file), str(file), settings().currency)


def _text(file: Path) -> str:
    """The file, or the preset of that name where there is no such file."""
    from core.dunning import presets
    from core.errors import ConfigError

    shipped = None if file.exists() else presets.text(str(file))
    if shipped is not None:
        return shipped
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError("file.no_policy", file=str(file), presets=", ".join(presets.ABOUT)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("file.unreadable", file=str(file), detail=getattr(error, "strerror", "") or "UTF-8") from None


def lint(file: File, as_json: Json = False) -> int:
    from core.dunning.policy import check

    found, problems = check(_text(file), settings().currency)
    rows = [
        {
            "line": p.line, "key": p.key, "level": "warning" if p.warning else "error", "code": p.code,
            "message": p.say(language())[0], "hint": p.say(language())[1],
        }
        for p in problems
    ]  # fmt: skip

    def human() -> None:
        for row in rows:
            mark = t("提示", "warning") if row["level"] == "warning" else t("错误", "error")
            hint = f" — {row['hint']}" if row["hint"] else ""
            key = f"{row['key']}: " if row["key"] else ""  # the file as a whole has none
            line(f"{file}:{row['line']}: {mark}: {key}{row['message']}{hint}")
        if found is not None:
            steps = sum(len(ladder.steps) for ladder in found.ladders)
            words = t("{}：{} 个阶梯，{} 个步骤，可以使用", "{}: {} ladders, {} steps, fit for use")
            line(words.format(found.name, len(found.ladders), steps))

    show({"file": str(file), "ok": found is not None, "problems": rows}, as_json, human)
    return DONE if found is not None else FOUND


def show_policy(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]", help=t("文件或预设；不写则为现行策略", "file or preset; without it, the active one")
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    from core.db import reading
    from core.dunning.policy import describe
    from core.dunning.stored import active_row, of

    since = None
    if file is not None:
        found = _read(file)
    else:
        with reading(database()) as session:
            row = active_row(session, instant(""))
            found = of(row, settings().currency) if row else _default()
            since = row.active_from.isoformat() if row else None
    lines = describe(found, language(), settings().currency)
    override = settings().letters
    if override and override != found.letters:
        note = t("HUIKUAN_LETTERS={} 优先于策略", "HUIKUAN_LETTERS={} wins over the policy")
        lines.insert(1, note.format(override))
    document = {
        "name": found.name, "fingerprint": found.fingerprint, "letters": override or found.letters, "active_from": since,
        "lines": lines, "toml": found.text,
    }  # fmt: skip
    show(document, as_json, lambda: line("\n".join(lines)))


def list_presets(as_json: Json = False) -> None:
    from core.dunning.presets import ABOUT

    rows = [{"name": name, "about": zh if language() == "zh" else en} for name, (zh, en) in ABOUT.items()]

    def human() -> None:
        table([t("预设", "preset"), t("作用", "what it does")], [(row["name"], row["about"]) for row in rows])
        how = "huikuan policy show s3", "huikuan policy apply s3 --as zhou"
        line(t("查看：{}；启用：{}", "To read one: {}; to use it: {}").format(*how), "dim")

    show({"presets": rows}, as_json, human)


def _default() -> Any:
    from core.dunning.policy import default_policy

    return default_policy(settings().currency)


def apply(
    file: File,
    person: As = ...,  # type: ignore[assignment]
    keep: Annotated[
        list[str] | None,
        typer.Option(
            "--keep",
            metavar="CUSTOMER",
            help=t("此客户的在途案件保留原策略", "running cases of this customer stay as they are"),
        ),
    ] = None,
    at: At = "",
    as_json: Json = False,
) -> None:
    from dataclasses import asdict

    from bot.settings import to_company
    from core.db import transaction
    from core.dunning import stored
    from core.work import Work

    new, now, company = _read(file), instant(at, speaks=True), to_company(settings())
    with transaction(database()) as session:
        work = Work(session, company, now, f"cli:{os_user()} as {person}", _person(session, person), "cli")
        applied = stored.apply(work, new, keep=keep or [])
    begins = applied.active_from.astimezone(settings().zone)

    def human() -> None:
        if applied.cases:
            heads = t("客户 名称 币种 级别 现策略 保留", "customer name currency severity policy keeps").split()
            rows = [
                (*list(asdict(c).values())[:3], _severity(c.severity), c.policy, "✓" if c.keeps else "")
                for c in applied.cases
            ]
            table(heads, rows, t("在途案件", "Running cases"))
        line(t("策略 {} 自 {} 起生效", "Policy {} holds from {}").format(applied.name, f"{begins:%Y-%m-%d %H:%M}"))

    show(asdict(applied) | {"active_from": begins.isoformat()}, as_json, human)


def _severity(code: str) -> str:
    from bot.notifications.templates import templates

    return templates().word(code, "severity", "zh" if language() == "zh" else "en")


def _person(session: Any, handle: str) -> int:
    from sqlmodel import select

    from core.errors import DomainError
    from core.models import Person

    person = session.exec(select(Person).where(Person.handle == handle)).first()
    if person is None:
        raise DomainError("person.unknown", handle=handle)
    if not person.active:
        raise DomainError("person.inactive", handle=handle)
    return int(person.id)


def try_(
    file: File,
    begin: Annotated[str, typer.Option("--from", metavar="DATE", help=t("从哪一天", "from this date"))],
    end: Annotated[str, typer.Option("--to", metavar="DATE", help=t("到哪一天", "to this date"))],
    against: Annotated[
        Path | None, typer.Option("--against", metavar="FILE2", help=t("与另一策略比较", "compare with another policy"))
    ] = None,
    as_json: Json = False,
) -> None:
    from core.errors import DomainError

    first, last = day(begin, "--from"), day(end, "--to")
    if last < first:
        raise DomainError("policy.bad_range", option="--to")
    new, other = _read(file), _read(against) if against else None
    from bot.settings import to_company
    from core.db import reading
    from core.dunning.simulate import try_policy

    company = to_company(settings())
    with reading(database()) as session:
        document = try_policy(session, company, new, first, last)
        if other is not None:
            document["against"] = try_policy(session, company, other, first, last)
        document["names"] = _names(session, document)
    show(document, as_json, lambda: _tried(document))


def _names(session: Any, document: dict[str, Any]) -> dict[str, dict[str, str]]:
    """What the codes and handles of the document are called."""
    from sqlmodel import select

    from core.models import Customer, Person

    days = [*document["days"], *document.get("against", {}).get("days", ())]
    said = [item for day in days for item in (*day["decisions"], *day["messages"])]
    codes = {item["customer"] for item in said} - {None}
    rows = session.exec(select(Customer.code, Customer.name, Customer.short_name))
    people = session.exec(select(Person.handle, Person.name))
    return {
        "customers": {code: short or name for code, name, short in rows if code in codes},
        "people": {handle: name for handle, name in people},
    }


def _days(document: dict[str, Any]) -> None:
    """Day by day who would get what about whom; the first of each, since a quarter is long."""
    from bot.notifications.templates import templates

    lang, names, other = language(), document["names"], document.get("against")
    mine, theirs = _sent(document), _sent(other) if other else {}
    days = sorted({**mine, **theirs})
    rows: list[tuple[str, ...]] = []
    for on in days[:SHOWN_DAYS]:
        ours, compared = mine.get(on, []), theirs.get(on, [])
        every = list(dict.fromkeys([*ours, *compared]))
        for n, (to, kind, customers) in enumerate(every[:SHOWN_A_DAY]):
            called = [names["customers"].get(code, code) for code in customers[:SHOWN_NAMES]]
            about = t("、", ", ").join(called) + _more(len(customers) - len(called))
            whose = ""
            if other and ((to, kind, customers) not in ours or (to, kind, customers) not in compared):
                whose = t("仅本策略", "only this") if (to, kind, customers) in ours else t("仅对比策略", "only the other")
            word = templates().word(kind, "kind", "zh" if lang == "zh" else "en")
            rows.append((f"{on}" if not n else "", names["people"].get(to, to), word, about, whose))
        if len(every) > SHOWN_A_DAY:
            rows.append(("", _more(len(every) - SHOWN_A_DAY).strip(), "", "", ""))
    if rows:
        heads = t("日期 发给 内容 客户", "date to what customer").split()
        table([*heads, t("对比", "against") if other else ""], rows)
    if len(days) > SHOWN_DAYS:
        left = len(days) - SHOWN_DAYS
        line(t("还有 {} 天，完整清单请加 --json", "{} more days; --json lists them all").format(left), "dim")


def _more(count: int) -> str:
    return t(" 还有 {} 项", " and {} more").format(count) if count > 0 else ""


def _sent(document: dict[str, Any]) -> dict[str, list[tuple[str, str, tuple[str, ...]]]]:
    """By the day it is sent: to whom, what, about which customers. A digest is about those of the day's cards."""
    found: dict[str, list[tuple[str, str, tuple[str, ...]]]] = {}
    for one in document["days"]:
        cards: dict[str, dict[str, None]] = {}
        for decision in one["decisions"]:
            if decision["outcome"] == "acted" and decision["kind"].startswith(("task.", "alert.")):
                for to in decision["to"]:
                    cards.setdefault(to, {})[decision["customer"]] = None
        for message in one["messages"]:
            about = (message["customer"],) if message["customer"] else tuple(cards.get(message["to"], ()))
            found.setdefault(message["on"], []).append((message["to"], message["kind"], about))
    return found


def _tried(document: dict[str, Any]) -> None:
    _days(document)
    other = document.get("against", {}).get("totals", {})
    for name, title in (("by_step", t("步骤", "step")), ("by_audience", t("给谁", "audience"))):
        mine, theirs = document["totals"][name], other.get(name, {})
        rows = [(key, mine.get(key, 0), theirs.get(key, 0) if other else "") for key in {**mine, **theirs}]
        table([title, t("次数", "firings"), t("对比", "against") if other else ""], rows, right=(1, 2))
    _held_back(document)
    count = f"{document['totals']['messages']}" + (f" / {other['messages']}" if other else "")
    whole = (date.fromisoformat(document["to"]) - date.fromisoformat(document["from"])).days + 1
    busy = f"{len(document['days'])}" + (f" / {len(document['against']['days'])}" if other else "")
    words = t("{} 天中有 {} 天有事，共 {} 条消息", "{} days, of which {} have something to do: {} messages")
    line(words.format(whole, busy, count))


def _held_back(document: dict[str, Any]) -> None:
    """What was reached and did not act, and why."""
    from bot.words import reason, sentence

    counts = Counter(
        (d["step"], d["outcome"], d["reason"])
        for day in document["days"]
        for d in day["decisions"]
        if d["outcome"] != "acted"
    )
    lang = language()
    rows = [
        (step, sentence(f"fired.{outcome}", lang=lang)[0], reason(why, lang), n)
        for (step, outcome, why), n in sorted(counts.items())
    ]
    if rows:
        table(t("步骤 结果 原因 次数", "step outcome reason firings").split(), rows, right=(3,))


def register(app: typer.Typer) -> None:
    policy.command(
        "lint",
        help=t("检查策略文件，指出每个错误的行。", "Checks a policy file; every mistake with its line."),
        epilog=example("huikuan policy lint mine.toml", "huikuan policy lint mine.toml --json"),
    )(lint)
    policy.command(
        "show",
        help=t("用普通的话说出现行策略，或某个文件中的策略。", "The active policy, or that of a file, in plain words."),
        epilog=example("huikuan policy show", "huikuan policy show mine.toml", "huikuan policy show s3"),
    )(show_policy)
    policy.command(
        "presets",
        help=t("列出现成的策略，每套一句话；写文件的地方都可以写它的名称。",
               "The policies that ship with huikuan, a sentence each; a name works wherever a file does."),
        epilog=example("huikuan policy presets", "huikuan policy presets --json"),
    )(list_presets)  # fmt: skip
    policy.command(
        "apply",
        help=t("保存策略，在下一个工作时段生效。", "Stores a policy; it holds from the next work window."),
        epilog=example("huikuan policy apply mine.toml --as zhou", "huikuan policy apply mine.toml --as zhou --keep C001"),
    )(apply)
    policy.command(
        "try",
        help=t(
            "在现有账本上试算策略：哪天谁会收到哪个客户的什么消息。什么也不保存。",
            "Tries a policy on the present ledger: who would get what about whom on which day. Writes nothing.",
        ),
        epilog=example(
            "huikuan policy try mine.toml --from 2026-07-01 --to 2026-09-30 --json",
            "huikuan policy try s3 --against mine.toml --from 2026-07-01 --to 2026-07-31",
        ),
    )(try_)
    app.add_typer(policy, name="policy")
