"""The documents say what the program does: what is missing in them, or no longer true, fails here.

docs/settings.md, docs/commands.md and docs/messengers.md are written by `python -m tests.test_docs`; the others are
written by hand and compared. The tour in README.md is run, command by command.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.messengers_page import NOT_TOLD, ROWS, messengers_page

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
LANGS = ("zh", "en")

# What each setting is for, in Chinese; the English stands in bot/settings.py.
SETTINGS_ZH = {
    "database_url": "数据库：sqlite:///文件 或 postgresql://用户:密码@主机/库名",
    "messengers": "消息平台，按优先顺序：local、slack、dingtalk、wecom",
    "lang": "公司的语言：zh 或 en",
    "timezone": "公司的时区",
    "calendar": "工作日历用哪个国家的",
    "currency": "公司的本位币",
    "public_url": "消息平台和同事用哪个地址访问本服务",
    "letters": "优先于策略的信函开关：off 不发、review 财务放行、send 直接发",
    "letters_dir": "催款函（第三阶段）写到哪里，由人寄出",
    "smtp_url": "发信服务器：smtp://用户:密码@主机:587",
    "mail_from": "信函的发件人",
    "imap_url": "收回信的邮箱：imaps://用户:密码@主机",
    "company.name": "本公司名称",
    "company.name_en": "英文名称",
    "company.bank_account": "客户付款到哪个账户，可以有几行",
    "company.signature": "信函的落款",
    "company.phone": "信函里的电话",
    "slack.bot_token": "机器人令牌，xoxb-…",
    "slack.app_token": "Socket Mode 用的应用级令牌，xapp-…",
    "slack.signing_secret": "签名密钥，只有 http 方式需要",
    "slack.mode": "socket（不需要公网地址）或 http",
    "slack.api_url": "Web API 的地址",
    "dingtalk.client_id": "应用的 Client ID（AppKey）",
    "dingtalk.client_secret": "应用的 Client Secret（AppSecret）",
    "dingtalk.robot_code": "机器人的 RobotCode；空着就用 Client ID",
    "dingtalk.card_template": "导入的卡片模板的 ID；空着就发带链接的文字",
    "dingtalk.corp_id": "CorpId：别的企业的回调一律拒绝",
    "dingtalk.todo_creator": "以谁（unionId）的名义把任务同步成钉钉待办；空着就不同步",
    "dingtalk.monthly_calls": "所购版本每月包含的接口调用次数；用到八成时 doctor 提醒",
    "dingtalk.api_url": "接口地址",
    "dingtalk.oapi_url": "旧版接口地址",
    "wecom.corp_id": "企业 ID",
    "wecom.agent_id": "应用的 AgentId",
    "wecom.secret": "应用的 Secret",
    "wecom.token": "回调的 Token",
    "wecom.aes_key": "回调的 EncodingAESKey，43 位",
    "wecom.api_url": "接口地址",
    "wecom.oauth_url": "网页登录的地址",
    "wecom.transport": "app（自建应用）或 aibot（智能机器人长连接：不需要公网地址，功能较少）",
    "wecom.bot_id": "智能机器人的 Bot ID，仅 aibot 需要",
    "wecom.bot_secret": "智能机器人长连接的 Secret，仅 aibot 需要",
    "wecom.aibot_url": "长连接的地址，仅 aibot 使用",
    "webhook.url": "事件通知发到哪里；除本机外须为 https",
    "webhook.secret": "事件通知的签名密钥，至少 16 个字符",
    "webhook.old_secret": "旧密钥：接收方换好之前，同时用它签名",
    "webhook.keep_days": "事件被接收后，记录保留多少天",
    "calendar_days.work": "内置日历不知道的工作日（例如明年的调休）",
    "calendar_days.off": "内置日历不知道的休息日",
}


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


# --- settings ---


def settings() -> Iterator[tuple[str, str, Any, str]]:
    """(key in huikuan.toml, variable, default, English meaning), in order."""
    from pydantic import BaseModel, SecretStr

    from bot.settings import PREFIX, Settings

    def shown(value: Any) -> str:
        value = value.get_secret_value() if isinstance(value, SecretStr) else value
        return "" if value is None or value == [] else ", ".join(value) if isinstance(value, tuple) else str(value)

    for name, field in Settings.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            for part, sub in inner.model_fields.items():
                default = shown(sub.get_default(call_default_factory=True))
                yield f"{name}.{part}", f"{PREFIX}{name}_{part}".upper(), default, sub.description or ""
        else:
            yield name, f"{PREFIX}{name}".upper(), shown(field.get_default()), field.description or ""


def settings_page() -> str:
    rows = "\n".join(
        f"| `{key}` | `{variable}` | {f'`{default}`' if default else ''} | {SETTINGS_ZH.get(key, '')} | {english} |"
        for key, variable, default, english in settings()
    )
    return f"""# 设置 · Settings

<!-- Written by `python -m tests.test_docs` from bot/settings.py; edit there. -->

每个键可以写在工作目录的 `huikuan.toml`（或 `--config 文件`），也可以用环境变量；环境变量优先。
`HUIKUAN_X_FILE` 指一个文件，其内容就是 `HUIKUAN_X` 的值，适合密码。带密码的地址只能来自环境，不能写进 `huikuan.toml`。
不认识的键是错误；不认识的 `HUIKUAN_*` 变量由 `huikuan doctor` 报告。
样例：[examples/huikuan.toml](../examples/huikuan.toml)。

A key stands in `huikuan.toml` in the working directory (or in `--config FILE`), or in the environment, which wins.
`HUIKUAN_X_FILE` names a file that holds the value of `HUIKUAN_X`: right for secrets. An address with a password comes from
the environment only. An unknown key is an error; an unknown `HUIKUAN_*` variable is reported by `huikuan doctor`.

| huikuan.toml | 环境变量 · variable | 默认 · default | 含义 | meaning |
|---|---|---|---|---|
{rows}

The mail settings are accepted already; they are used in a later version.
"""


# --- commands ---

_WALK = """
import json, typer, typing
from bot.cli import app
def choices(p):
    found = typing.get_args(getattr(getattr(p, "type_descriptor", None), "annotation", None))
    return "|".join(found) if all(isinstance(one, str) for one in found) else ""
def walk(group, before=""):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from walk(command, before + name + " ")
        else:
            yield {"name": before + name, "help": command.help, "example": command.epilog, "params": [
                {"flag": p.opts[0] if p.opts[0].startswith("-") else "", "help": p.help or "",
                 "metavar": p.metavar or ("" if getattr(p, "is_flag", False) else choices(p)),
                 "required": p.required, "boolean": getattr(p, "is_flag", False)}
                for p in command.params if p.name != "help"]}
print(json.dumps(list(walk(typer.main.get_command(app)))))
"""


def commands(lang: str) -> list[dict[str, Any]]:
    """Every command as its `--help` describes it. The language is chosen at import: one process each."""
    done = subprocess.run(
        [sys.executable, "-c", _WALK], cwd=DOCS, capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HUIKUAN_LANG": lang},
    )  # fmt: skip
    return list(json.loads(done.stdout))


def _usage(command: dict[str, Any]) -> str:
    words = ["huikuan", command["name"]]
    for p in command["params"]:
        word = " ".join(part for part in (p["flag"], "" if p["boolean"] else p["metavar"]) if part)
        words.append(word if p["required"] or word.startswith("[") else f"[{word}]")
    return " ".join(words)


def commands_page() -> str:
    from bot.commands.account import HELP
    from bot.commands.parser import NAMES

    parts = []
    for zh, en in zip(*(commands(lang) for lang in LANGS), strict=True):
        rows = "\n".join(
            f"| `{(p['flag'] or p['metavar']).strip('[]')}` | {p['help']} | {q['help']} |"
            for p, q in zip(zh["params"], en["params"], strict=True)
        )
        example = "\n".join(line.strip() for line in en["example"].splitlines()[2:])
        table = f"\n| | | |\n|---|---|---|\n{rows}\n" if rows else ""
        head = f"### `huikuan {zh['name']}`\n\n{zh['help']}  \n{en['help']}\n\n    {_usage(zh)}\n"
        parts.append(f"{head}{table}\n```sh\n{example}\n```\n")
    typed = "\n".join(
        f"| `{usage[0].replace('|', chr(92) + '|')}` | `{usage[1].replace('|', chr(92) + '|')}` | {does[0]} | {does[1]} "
        f"| {'、'.join(dict.fromkeys(NAMES[name]))} |"
        for name, (usage, does) in HELP.items()
    )
    return f"""# 命令 · Commands

<!-- Written by `python -m tests.test_docs` from the program's own help; edit there. -->

## 命令行 · Command line

默认给人看；`--json` 在标准输出上只打印一个 JSON 文档，日志在标准错误。退出码：0 完成；1 完成，但有被拒绝或不对的；
2 用法或设置不对，或被拒绝；3 数据库或消息平台连不上。`--config 文件`、`--debug`、`--version` 写在命令名之前。

Output is for people; with `--json` standard output is exactly one JSON document, logs go to standard error. Exit codes:
0 done; 1 done, but something was rejected or found wrong; 2 wrong usage or configuration, or refused; 3 the database or a
messenger could not be reached. `--config FILE`, `--debug` and `--version` stand before the command's name.

{chr(10).join(parts)}
## 聊天里的文字 · What people type

每个消息平台都一样：带不带 `/`，中文或英文，全角或半角都行。客户用编号、名称、简称、别名、拼音或首字母找。
改变数据的命令要名称完全一致，否则先问一句。

The same words in every messenger, with or without the slash, Chinese or English, full or half width. A customer is found by
code, name, short name, alias, pinyin or initials; a command that changes something needs an exact name, else it asks first.

| 中文 | English | 作用 | what it does | 也可以写 · also |
|---|---|---|---|---|
{typed}
"""


PAGES = {"settings.md": settings_page, "commands.md": commands_page, "messengers.md": messengers_page}


@pytest.mark.parametrize("name", PAGES)
def test_generated_pages_are_current(name: str) -> None:
    assert text(f"docs/{name}") == PAGES[name](), f"docs/{name} is out of date: python -m tests.test_docs"


def test_every_capability_is_described() -> None:
    from dataclasses import fields

    from bot.card import Capabilities

    told = [name for _, _, names, _ in ROWS for name in names]
    assert len(told) == len(set(told))
    assert {field.name for field in fields(Capabilities)} == {*told, *NOT_TOLD}


def test_every_setting_is_explained_in_both_languages() -> None:
    from bot.settings import environment_names

    found = list(settings())
    assert [variable for _, variable, _, _ in found] == list(environment_names())
    assert {key for key, *_ in found} == set(SETTINGS_ZH)
    assert all(english for *_, english in found)


def test_every_command_is_in_the_readme() -> None:
    readme = text("README.md")
    missing = [command["name"] for command in commands("en") if f"huikuan {command['name']}" not in readme]
    assert not missing, missing


def test_every_typed_command_is_described() -> None:
    from bot.commands import COMMANDS
    from bot.commands.account import HELP

    assert set(HELP) == set(COMMANDS), "docs/commands.md is written from HELP"


def test_the_policy_in_the_readme_is_fit_for_use() -> None:
    from core.dunning.policy import check

    policies = re.findall(r"^```toml\n(.*?)^```", text("README.md"), re.MULTILINE | re.DOTALL)
    assert len(policies) == 2
    for policy in policies:
        assert check(policy, "CNY")[1] == []


# --- modules ---


def modules() -> set[str]:
    """Every module by its path; a package is its __init__.py."""
    found = {path.relative_to(ROOT).as_posix() for top in ("core", "bot") for path in (ROOT / top).rglob("*.py")}
    return {name for name in found if "/versions/" not in name}


def test_the_map_has_every_module_once() -> None:
    section = text("docs/architecture.md").split("## 4. The map")[1].split("\n## ")[0]
    named = Counter(re.findall(r"^- `((?:core|bot)/[^`]+\.py)` ", section, re.MULTILINE))
    assert [name for name, times in named.items() if times > 1] == [], "named twice"
    assert sorted(modules() - named.keys()) == [], "not in the map of docs/architecture.md"
    assert sorted(named.keys() - modules()) == [], "no such module"


def test_every_table_and_state_is_described() -> None:
    from enum import StrEnum

    from sqlmodel import SQLModel

    import core.models as models

    page = text("docs/architecture.md")
    assert [table for table in SQLModel.metadata.tables if f"`{table}`" not in page] == []
    for name in models.__all__:
        states = getattr(models, name)
        if isinstance(states, type) and issubclass(states, StrEnum) and name not in ("EntryKind", "FiringOutcome"):
            heading = re.search(rf"^### {name.removesuffix('State')}\b.*?(?=^##)", page, re.MULTILINE | re.DOTALL)
            assert heading, f"no state table of {name}"
            listed = re.findall(r"^\| `(\w+)` \|", heading[0], re.MULTILINE)
            assert sorted(listed) == sorted(states), name


def test_the_glossary_has_a_word_once() -> None:
    """One concept is one word: no word stands for two rows, in either language."""
    section = text("docs/architecture.md").split("## 6. Glossary")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (?!中文|-)([^|]+) \| ([^|]+) \|", section, re.MULTILINE)
    assert len(rows) > 40
    for words in zip(*rows, strict=True):
        twice = [word for word, times in Counter(word.strip().lower() for word in words).items() if times > 1]
        assert not twice, twice


# --- messages and actions ---


def _first_cells(name: str, heading: str) -> list[str]:
    section = text(name).split(heading)[1].split("\n## ")[0]
    return re.findall(r"^\| `([a-z_.]+)` \|", section, re.MULTILINE)


def test_every_message_kind_is_described_once() -> None:
    from bot.notifications.templates import templates

    listed = _first_cells("docs/messages.md", "## 消息种类")
    assert sorted(listed) == sorted(templates().kinds)


def test_every_action_is_described_once() -> None:
    from bot.notifications.templates import ACTION_IDS
    from core.actions import TABLE

    listed = _first_cells("docs/messages.md", "## 操作")
    assert sorted(listed) == sorted(ACTION_IDS | set(TABLE))


# --- decisions, links ---


def test_decisions_are_numbered_and_complete() -> None:
    page = text("docs/decisions.md")
    numbers = [int(n) for n in re.findall(r"^## (\d+)\. ", page, re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) >= 30
    for part in re.split(r"^## ", page, flags=re.MULTILINE)[1:]:
        for word in ("**Decided.**", "**Why.**", "**Cost.**"):
            assert word in part, f"{part.splitlines()[0]}: no {word}"


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", *sorted(f"docs/{p.name}" for p in DOCS.glob("*.md"))])
def test_links_lead_somewhere(name: str) -> None:
    page = ROOT / name
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_changelog_knows_this_version() -> None:
    version = tomllib.loads(text("pyproject.toml"))["project"]["version"]
    assert re.search(rf"^## {re.escape(version)}\b", text("CHANGELOG.md"), re.MULTILINE)


# --- the tour ---

_FILE = re.compile(r"^cat > (\S+) <<'EOF'$")


def tour(language: str) -> list[str]:
    """The lines of the shell blocks between `<!-- tour:zh -->` and `<!-- /tour -->`."""
    part = text("README.md").split(f"<!-- tour:{language} -->")[1].split("<!-- /tour -->")[0]
    blocks = re.findall(r"^```sh\n(.*?)^```", part, re.MULTILINE | re.DOTALL)
    return "".join(blocks).splitlines()


def test_the_tour_is_the_same_in_both_languages() -> None:
    assert [line for line in tour("zh") if line.startswith("huikuan")] == [
        line for line in tour("en") if line.startswith("huikuan")
    ]


def test_the_tour_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """As it stands in the README: every command ends well, and what it promises to show is shown."""
    from bot.cli import app
    from bot.cli.frame import run

    for name in [name for name in os.environ if name.startswith("HUIKUAN_")]:
        monkeypatch.delenv(name)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "core").symlink_to(ROOT / "core")
    (tmp_path / "trial").mkdir()
    monkeypatch.chdir(tmp_path / "trial")
    lines = iter(tour("zh"))
    said = ""
    for line in lines:
        if match := _FILE.match(line):
            body = []
            while (inner := next(lines)) != "EOF":
                body.append(inner)
            Path(match[1]).write_text("\n".join(body) + "\n", encoding="utf-8")
        elif line.startswith("huikuan "):
            words, _, expected = line.partition("  # ")
            capsys.readouterr()
            code = run(app, shlex.split(words)[1:])
            shown = capsys.readouterr()
            assert code == 0, (line, shown.err)
            assert "Traceback" not in shown.err
            for piece in expected.split("→")[1:]:
                assert piece.strip() in shown.out, (line, shown.out)
            said += shown.out
    assert said


if __name__ == "__main__":
    for page, write in PAGES.items():
        (DOCS / page).write_text(write(), encoding="utf-8")
        print(f"docs/{page}")
