"""What every command shares: options, settings, the database, output, and the one place where errors end.

Only typer and the standard library are imported here and in the other modules of this package; `--help` must be quick.
"""

import errno
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from bot.app import App
    from bot.settings import Settings
    from core.errors import DomainError

DONE, FOUND, REFUSED, UNREACHED = 0, 1, 2, 3


@dataclass
class Frame:
    """What the options before the command's name said; set anew by each run."""

    config: Path | None = None
    debug: bool = False
    json: bool = False
    settings: "Settings | None" = None
    engines: "list[Engine]" = field(default_factory=list)  # disposed of when the command ends


frame = Frame()


def language() -> str:
    """Before the settings are read, or when they can't be: the environment, else huikuan.toml, else zh."""
    if frame.settings is not None:
        return frame.settings.lang
    said = os.environ.get("HUIKUAN_LANG", "")
    if not said:
        try:
            found = re.search(r"^lang\s*=\s*[\"'](\w+)", Path("huikuan.toml").read_text(encoding="utf-8"), re.MULTILINE)
            said = found[1] if found else ""
        except (OSError, UnicodeDecodeError):
            pass
    return "en" if said == "en" else "zh"


def t(zh: str, en: str) -> str:
    return zh if language() == "zh" else en


def example(*lines: str) -> str:
    """The end of a command's help. The mark keeps typer from joining the lines."""
    return "\b\n" + t("例：", "Example:") + "\n" + "\n".join(f"  {line}" for line in lines)


Json = Annotated[bool, typer.Option("--json", help=t("在标准输出上只打印一个 JSON 文档", "print exactly one JSON document"))]
At = Annotated[
    str,
    typer.Option(
        "--at",
        metavar="INSTANT",
        help=t("代替时钟，例如 2026-07-01T09:00（公司时区）", "replaces the clock, such as 2026-07-01T09:00 (company zone)"),
    ),
]
As = Annotated[str, typer.Option("--as", metavar="PERSON", help=t("以谁的身份（工号）", "who does it (handle)"))]


# --- what a command works with ---


def settings() -> "Settings":
    if frame.settings is None:
        from bot.settings import load

        frame.settings = load(frame.config)
    return frame.settings


def engine() -> "Engine":
    """The database as it is."""
    from core.db import make_engine

    made = make_engine(settings().database)
    frame.engines.append(made)
    return made


def database(*, make: bool = True) -> "Engine":
    """The database, with this version's schema. With `make`, the embedded one is made where there is none."""
    from core.db import require_current, schema_state, upgrade
    from core.errors import Unreachable

    url = settings().database
    path = _sqlite_file(url)
    if path is not None and not make and not path.exists():
        raise Unreachable("db.empty", url=f"sqlite:///{path}")
    found = engine()
    if path is not None and make and schema_state(found) == "empty":
        from sqlalchemy import inspect

        if inspect(found).get_table_names():
            raise Unreachable("db.foreign", url=f"sqlite:///{path}")
        upgrade(url)
    require_current(found)
    return found


def _sqlite_file(url: str) -> Path | None:
    from sqlalchemy.engine import make_url

    parsed = make_url(url)
    name = parsed.database or ":memory:"
    if parsed.get_backend_name() != "sqlite" or name == ":memory:" or name.startswith("file:"):
        return None
    return Path(name)


def application() -> "App":
    from bot.app import App

    database()
    app = App(settings())
    frame.engines.append(app.engine)
    return app


def instant(text: str, *, speaks: bool = False) -> datetime:
    """`--at`, else now. Refused for what speaks to real people, or to another system. Errors: time.*"""
    from core.errors import ConfigError
    from core.time import parse_instant, utcnow

    if not text:
        return utcnow()
    if speaks and settings().real_messengers:
        raise ConfigError("time.at_refused", option="--at", messengers=list(settings().real_messengers))
    if speaks and settings().webhook.url:
        raise ConfigError("time.at_webhook", option="--at")
    return parse_instant(text, settings().zone)


def day(text: str, option: str) -> Any:
    from datetime import date

    from core.errors import DomainError

    try:
        return date.fromisoformat(text)
    except ValueError:
        raise DomainError("time.bad_date", value=text, option=option) from None


def need_local() -> None:
    """chat, say and tap act for somebody: only where the local messenger is listed."""
    from core.errors import ConfigError

    if "local" not in settings().messengers:
        raise ConfigError("local.off", variable="HUIKUAN_MESSENGERS")


def inputs(pairs: Sequence[str]) -> dict[str, str]:
    from core.errors import DomainError

    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise DomainError("usage.bad_input", value=pair)
        found[name.strip()] = value
    return found


def os_user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "?"


# --- output ---


def show(document: Any, as_json: bool, human: Callable[[], None]) -> None:
    if as_json:
        print(json.dumps(document, ensure_ascii=False, indent=2, default=str))
    else:
        human()


def line(text: str = "", style: str = "") -> None:
    """One line for a person; markup in data is shown as it is."""
    _console().print(text, style=style or None, markup=False, highlight=False, soft_wrap=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str = "", right: Iterable[int] = ()) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    drawn = Table(title=Text(title) if title else None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(columns):
        drawn.add_column(column, justify="right" if number in set(right) else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    _console().print(drawn)


def _console() -> Any:
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 160)


def _is_chinese(text: str) -> bool:
    return any("一" <= char <= "鿿" for char in text)


def card(drawn: dict[str, Any]) -> None:
    """A CARD of interface.md for a person."""
    head = (f"[{drawn['delivery']}] " if drawn.get("delivery") else "") + str(drawn.get("title", ""))
    line(head, "bold" if drawn.get("state") != "closed" else "dim")
    if drawn.get("text"):
        line("  " + str(drawn["text"]).replace("\n", "\n  "))
    for shown in drawn.get("fields", []):
        label = str(shown["label"])
        zh = _is_chinese(label) or (not any(map(str.isalpha, label)) and _is_chinese(head))
        line(f"  {label}{'：' if zh else ': '}{shown['value']}")
    for row in drawn.get("rows", []):
        line("  " + " | ".join(str(cell) for cell in row))
    actions = [f"{action['label']} ({action['id']})" for action in drawn.get("actions", [])]
    if actions:
        line("  " + " · ".join(actions), "cyan")
    if drawn.get("footer"):
        line("  " + str(drawn["footer"]), "dim")
    line()


# --- errors ---


def run(app: typer.Typer, arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit code. No traceback ever passes."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    frame.config, frame.debug, frame.settings = None, False, None
    frame.json = "--json" in words
    try:
        code = app(words, prog_name="huikuan", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else DONE
    except typer.Abort:
        return 130
    except BrokenPipeError:
        return _hang_up()
    except SystemExit as leaving:  # typer turns a closed pipe into one
        return leaving.code if isinstance(leaving.code, int) else FOUND
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        return _failed(error)
    finally:
        while frame.engines:
            frame.engines.pop().dispose()


def _hang_up() -> int:
    """Whoever read our output has gone; nothing that we could still say would arrive."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return DONE


def _failed(error: Exception) -> int:
    from core.errors import ConfigError, DomainError, Unreachable

    if type(error).__name__ == "NoArgsIsHelpError" and not frame.json:
        print(error, file=sys.stderr)
        return REFUSED
    told = _told(error)
    if told is None:
        _record(error)
        told, code = DomainError("internal"), FOUND
    elif isinstance(told, Unreachable):
        code = UNREACHED
    else:
        code = REFUSED
    if frame.debug and not isinstance(error, ConfigError):
        import traceback

        traceback.print_exception(error, file=sys.stderr)
    from bot.words import explain, one_line

    if frame.settings is not None:  # instants are told as the company's clocks show them
        zone = frame.settings.zone
        told.facts = {k: v.astimezone(zone) if isinstance(v, datetime) and v.tzinfo else v for k, v in told.facts.items()}
    if frame.json:
        print(json.dumps({"error": explain(told, language())}, ensure_ascii=False, indent=2))
    else:
        print(t("错误：", "Error: ") + one_line(told, language()), file=sys.stderr)
    return code


def _told(error: Exception) -> "DomainError | None":
    """What can be said of it to a person, or None if it is ours to repair."""
    from core.errors import ConfigError, DomainError, Unreachable

    if isinstance(error, DomainError):
        return error
    if isinstance(error, typer.TyperException):
        return ConfigError("usage.wrong", detail=_usage(error.format_message().rstrip(".")))
    if isinstance(error, ModuleNotFoundError) and (error.name or "").startswith("psycopg"):
        return ConfigError("db.no_driver")
    if isinstance(error, OSError) and not error.filename:
        taken = error.errno == errno.EADDRINUSE
        return ConfigError("system.port_taken" if taken else "system.failed", detail=error.strerror or str(error))
    if isinstance(error, OSError):
        return ConfigError("file.unreadable", file=str(error.filename or ""), detail=error.strerror or str(error))
    if type(error).__module__.startswith("sqlalchemy"):
        reason = str(getattr(error, "orig", "") or "")
        if "not a database" in reason:
            return Unreachable("db.not_a_database")
        if type(error).__name__ in ("OperationalError", "InterfaceError"):
            return Unreachable("db.unreachable", detail=reason.splitlines()[0] if reason else "")
    return None


_USAGE = (
    (r"^Missing command$", "没有写命令"),
    (r"^No such command ", "没有命令 "),
    (r"^No such option: ", "没有选项 "),
    (r"^Missing option ", "缺少选项 "),
    (r"^Missing (?:argument|parameter) ", "缺少 "),
    (r"^Got unexpected extra argument(?:s|\(s\))? ", "多余的内容 "),
    (r"^Option (\S+) requires an argument$", r"选项 \1 后面要有值"),
    (r"^Invalid value for ", "值无效："),
    (r" is not one of ", " 应为其中之一："),
    (r"Input should be a valid integer.*", "应为整数"),
    (r"Value error, ", ""),
    (r"\. Choose from: ", "，可选："),
    (r" ?Did you mean ", " 是不是 "),
)


def _usage(said: str) -> str:
    """Typer speaks English only; what people meet most often is put into Chinese."""
    said = " ".join(said.split())
    for english, chinese in _USAGE if language() == "zh" else ():
        said = re.sub(english, chinese, said)
    return said


def _record(error: Exception) -> None:
    """The traceback goes to var/error.log where there is such a folder, never to the user."""
    import traceback

    if Path("var").is_dir():
        try:
            with Path("var/error.log").open("a", encoding="utf-8") as log:
                log.write("".join(traceback.format_exception(error)) + "\n")
        except OSError:
            pass
