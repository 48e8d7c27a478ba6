"""House rules that no linter knows. Each test says which rule was broken, and where."""

import ast
import gc
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]

SET_UP = "python3 -m venv --without-pip .venv && pip --python .venv/bin/python install -q -c constraints.txt -e "
RUN = SET_UP + ". && .venv/bin/huikuan demo"
TEST = SET_UP + "'.[test]' && .venv/bin/python -m pytest"


def sources(*folders: str) -> Iterator[tuple[str, ast.Module]]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            # Python 3.11.2 (Debian 12) loses count of its recursion when garbage is collected inside the parser:
            # "SystemError: AST constructor recursion depth mismatch".
            gc.disable()
            try:
                tree = ast.parse(path.read_text(encoding="utf-8"))
            finally:
                gc.enable()
            yield str(path.relative_to(ROOT)), tree


def tracked() -> list[Path]:
    """The committed files; without git (an unpacked archive) there is nothing to check."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    paths = (ROOT / name for name in listed.stdout.split("\0") if name)
    return [path for path in paths if path.is_file()]


def test_only_core_time_asks_the_clock() -> None:
    """Time is an argument: a domain that asks for the time cannot be replayed or tested."""
    clocks = re.compile(
        r"\b(datetime|date)\.(now|utcnow|today)$|\btime\.(time|localtime|gmtime)$|\bfunc\.(now|current_\w+|sysdate)$"
    )
    found = []
    for name, tree in sources("core"):
        for node in ast.walk(tree):
            match node:
                case ast.Attribute() if clocks.search(ast.unparse(node)):
                    found.append(f"{name}:{node.lineno}: {ast.unparse(node)}")
                case ast.FunctionDef(name="now" | "utcnow"):
                    found.append(f"{name}:{node.lineno}: def {node.name}")
                case ast.ImportFrom(module="core.time") if any(alias.name == "utcnow" for alias in node.names):
                    found.append(f"{name}:{node.lineno}: imports utcnow; take `now` as an argument")
    found = [line for line in found if not line.startswith("core/time.py:")]
    assert not found, "asks the clock outside core/time.py:\n" + "\n".join(found)


def test_nobody_imports_upwards() -> None:
    """The contracts stand in pyproject.toml under [tool.importlinter]."""
    linter = Path(sys.executable).with_name("lint-imports")
    checked = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout[checked.stdout.find("Contracts") :] + checked.stderr


def test_models_do_not_postpone_annotations() -> None:
    """SQLModel reads annotations at class creation; as strings they break relationships."""
    found = [
        name
        for name, tree in sources("core/models")
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module == "__future__"
    ]
    assert not found, f"from __future__ import annotations in {found}"


def test_money_columns_are_bigint() -> None:
    """An INTEGER of PostgreSQL ends at 21 million yuan in fen."""
    from sqlalchemy import BigInteger
    from sqlmodel import SQLModel

    import core.models  # noqa: F401

    columns = [column for table in SQLModel.metadata.tables.values() for column in table.columns]
    money = [column for column in columns if column.name.endswith("_minor")]
    assert money
    wrong = [str(column) for column in money if not isinstance(column.type, BigInteger)]
    assert not wrong, f"not BigInteger: {wrong}"


def test_no_decimal_or_float_column() -> None:
    """SQLite stores both as binary floats: three times 0.10 is not 0.30 there."""
    from sqlalchemy import Numeric
    from sqlmodel import SQLModel

    import core.models  # noqa: F401

    columns = [column for table in SQLModel.metadata.tables.values() for column in table.columns]
    wrong = [str(column) for column in columns if isinstance(column.type, Numeric)]
    assert not wrong, f"Numeric or Float: {wrong}"


def test_migrations_name_no_address() -> None:
    files = [path for path in (ROOT / "core/migrations").rglob("*") if path.suffix in {".py", ".mako", ".ini"}]
    found = [str(path.relative_to(ROOT)) for path in files if "https://" in path.read_text(encoding="utf-8")]
    assert not found, f"https:// in {found}"


def test_readme_has_the_two_commands() -> None:
    """What a stranger pastes is what is proved here and in CI."""
    if not (ROOT / "README.md").exists():
        pytest.skip("no README.md yet")
    lines = [line.strip(" $") for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines()]
    assert RUN in lines and TEST in lines, f"README.md must have these two lines:\n{RUN}\n{TEST}"


def test_every_declared_dependency_is_pinned() -> None:
    """constraints.txt is current: it has one version of each dependency, within the declared bounds."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    declared = [Requirement(text) for group in [project["dependencies"], *extras.values()] for text in group]
    pinned: dict[str, list[Requirement]] = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            requirement = Requirement(line)
            pinned.setdefault(canonicalize_name(requirement.name), []).append(requirement)

    wrong = []
    for need in declared:
        if need.name == project["name"]:
            continue
        versions = [str(pin.specifier).removeprefix("==") for pin in pinned.get(canonicalize_name(need.name), [])]
        if not versions or not all(need.specifier.contains(Version(version)) for version in versions):
            wrong.append(f"{need}: pinned {versions or 'nowhere'}")
    assert not wrong, "constraints.txt is out of date (make constraints):\n" + "\n".join(wrong)


@pytest.mark.parametrize("name", ["constraints.txt", "pyproject.toml"])
def test_no_package_index_is_written_down(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert not re.search(r"^\s*(-i|-f|--(extra-)?index-url|--find-links)\b|@ *(file|https?)://", text, re.MULTILINE)


def test_the_tree_names_no_machine() -> None:
    """No package index, and no folder of the machine that somebody worked on."""
    machine = re.compile(rb"https?://[^\s\"'<>]+/simple\b|(?<![\w.}])/" + rb"work/|(?<![\w.}])/home/[a-z]+/")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in tracked()
        for number, line in enumerate(path.read_bytes().splitlines(), 1)
        if machine.search(line)
    ]
    assert not found, f"a path or a host of one machine: {found}"


def test_files_stay_short() -> None:
    """About 400 lines is one subject; what grows beyond 500 is two."""
    long = {
        str(path.relative_to(ROOT)): count
        for path in tracked()
        if path.suffix == ".py" and "versions" not in path.parts
        if (count := len(path.read_bytes().splitlines())) > 500
    }
    assert not long, f"over 500 lines: {long}"
