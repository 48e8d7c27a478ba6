"""Policies: TOML text to values, with every problem and its line. The values stand in core.dunning.ladder."""

import hashlib
import re
import tomllib
from collections.abc import Sequence
from dataclasses import fields
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files
from typing import Any

from core.dunning.ladder import (
    ACTIONS,
    CUSTOMER,
    DISPUTE_REASONS,
    LETTER_KINDS,
    LETTERS,
    ROLES,
    SEVERITIES,
    STAFF,
    STAFF_KINDS,
    CustomerFacts,
    Ladder,
    Limits,
    Policy,
    ReceivableFacts,
    Step,
    When,
    Windows,
    next_offset,
    occurrences,
    second_positive_offset,
)
from core.dunning.policy_credit import credit_rules
from core.dunning.policy_values import Path, Problem, Values
from core.dunning.policy_watch import watches
from core.dunning.words import describe
from core.errors import ConfigError

__all__ = [
    "CustomerFacts", "Ladder", "Limits", "Policy", "PolicyError", "Problem", "ReceivableFacts", "Step", "When", "Windows",
    "default_policy", "describe", "next_offset", "occurrences", "parse", "second_positive_offset",
]  # fmt: skip


class PolicyError(ConfigError):
    """`problems` holds all of them, warnings as well, by line."""

    def __init__(self, filename: str, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        first = next(problem for problem in problems if not problem.warning)
        super().__init__(
            "policy.invalid", file=filename, line=first.line, key=first.key, problem=first.code, details=dict(first.facts),
            count=sum(not problem.warning for problem in problems),
        )  # fmt: skip


def parse(text: str, filename: str = "policy.toml", currency: str = "CNY") -> Policy:
    """`currency` is the company's: that of thresholds which name none. Errors: PolicyError."""
    policy, problems = check(text, currency)
    if policy is None:
        raise PolicyError(filename, problems)
    return policy


def check(text: str, currency: str = "CNY") -> tuple[Policy | None, list[Problem]]:
    """The policy, or None if there is more than warnings; and all problems by line."""
    try:
        data = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"at line (\d+)", str(error))
        line = int(at[1]) if at else text.count("\n") + 1
        detail = re.sub(r"\s*\(at .*\)$", "", str(error))
        return None, [Problem(line, "", "policy.not_toml", {"detail": detail})]
    reader = _Reader(data, _lines(text), currency)
    policy = reader.policy(text)
    problems = sorted(reader.problems, key=lambda problem: problem.line)
    return (None if any(not problem.warning for problem in problems) else policy), problems


@lru_cache(maxsize=8)
def default_policy(currency: str = "CNY") -> Policy:
    """dunning.md section 4, with letters in review: what a new database starts with."""
    text = files("core.dunning").joinpath("default.toml").read_text(encoding="utf-8")
    return parse(text, "default.toml", currency)


_HEADER = re.compile(r"^\s*\[(\[)?\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"^\s*([A-Za-z0-9_\-.\"']+)\s*=")


def _lines(text: str) -> dict[Path, int]:
    """Where each table and key stands, by its path; tomllib doesn't tell."""
    found: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = ()
            names = [name.strip().strip("\"'") for name in header[2].split(".")]
            for depth, name in enumerate(names):
                table = (*table, name)
                last = depth == len(names) - 1
                if last and header[1]:
                    counts[table] = counts.get(table, -1) + 1
                if table in counts:
                    table = (*table, counts[table])
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            found.setdefault((*table, *(part.strip("\"'") for part in key[1].split("."))), number)
    return found


class _Reader(Values):
    """The document, part by part."""

    def policy(self, text: str) -> Policy:
        data = self.data
        self.known(data, (), ("name", "letters", "ladder", "limits", "windows", "dispute_owners", "credit", "watch"))
        name = self.text(data, "name", ())
        if not name:
            self.note(("name",), "no_name")
        letters = self.word(data, "letters", (), LETTERS) or "review"
        return Policy(
            name=name, letters=letters, ladders=self.ladders(), limits=self.limits(), windows=self.windows(),
            dispute_owners=self.dispute_owners(), fingerprint=hashlib.sha256(text.encode()).hexdigest(), text=text,
            credit=credit_rules(self, data), watches=watches(self, data),
        )  # fmt: skip

    def limits(self) -> Limits:
        path: Path = ("limits",)
        table = self.table(self.data, "limits", ())
        self.known(table, path, [field.name for field in fields(Limits)])
        values: dict[str, Any] = {"min_chase": self.amounts(table, "min_chase", path)}
        for field in fields(Limits):
            if field.name == "promise_min_share":
                values[field.name] = self.share(table, field.name, path, Limits.promise_min_share)
            elif field.name != "min_chase":
                default = getattr(Limits, field.name)
                values[field.name] = self.whole(table, field.name, path, 0, default)
        return Limits(**values)

    def windows(self) -> Windows:
        path: Path = ("windows",)
        table = self.table(self.data, "windows", ())
        names = [field.name for field in fields(Windows)]
        self.known(table, path, names)
        return Windows(**{name: self.window(table, name, path, getattr(Windows, name)) for name in names})

    def dispute_owners(self) -> dict[str, str]:
        path: Path = ("dispute_owners",)
        table = self.table(self.data, "dispute_owners", ())
        self.known(table, path, DISPUTE_REASONS)
        owners = dict.fromkeys(DISPUTE_REASONS, "finance_manager")
        for reason in owners:
            role = self.text(table, reason, path, "finance_manager").removeprefix("role:")
            if role in ROLES:
                owners[reason] = role
            else:
                self.note((*path, reason), "unknown_role", value=role, allowed=list(ROLES))
        return owners

    def ladders(self) -> tuple[Ladder, ...]:
        tables = self.tables(self.data, "ladder", ())
        if not tables:
            self.note(("ladder",), "no_ladder")
        ladders: list[Ladder] = []
        for number, table in enumerate(tables):
            path: Path = ("ladder", number)
            self.known(table, path, ("name", "when", "step"))
            name = self.text(table, "name", path)
            if not name:
                self.note((*path, "name"), "no_ladder_name", n=number + 1)
            elif any(ladder.name == name for ladder in ladders):
                self.note((*path, "name"), "same_ladder", value=name)
            if ladders and ladders[-1].when.everybody:
                self.note(path, "unreachable", name=name, before=ladders[-1].name)
            ladders.append(Ladder(name, self.when(table, path), self.steps(table, path, name)))
        if ladders and not ladders[-1].when.everybody:
            self.note(("ladder", len(ladders) - 1), "no_catch_all", warning=True, name=ladders[-1].name)
        self.same_ids(ladders)
        return tuple(ladders)

    def same_ids(self, ladders: list[Ladder]) -> None:
        """A step's id is permanent: a firing knows it, and moving a case to a ladder compares by it."""
        seen: dict[str, tuple[str, int]] = {}
        for number, ladder in enumerate(ladders):
            for step in ladder.steps:
                other, at = seen.setdefault(step.id, (ladder.name, step.at))
                if at != step.at and other != ladder.name:
                    path = ("ladder", number)
                    self.note(path, "other_day", warning=True, id=step.id, ladder=ladder.name, other=other)

    def when(self, owner: dict[str, Any], path: Path) -> When:
        table = self.table(owner, "when", path)
        path = (*path, "when")
        keys = ("rating", "type", "tag", "region")
        self.known(table, path, (*keys, "min_amount", "above_average"))
        if "when" in owner and not table:
            self.note(path, "empty_when")
        for key in (key for key in keys if key in table and table[key] in ([], "")):
            self.note((*path, key), "empty_list", key=key)
        found = {key: self.words(table, key, path) for key in keys}
        return When(
            **found, min_amount=self.amounts(table, "min_amount", path),
            above_average=self.times(table, "above_average", path),
        )  # fmt: skip

    def times(self, owner: dict[str, Any], key: str, path: Path) -> Decimal | None:
        """From 1 to 1,000; a half is `"1.5"`."""
        if key not in owner:
            return None
        times = self.number(owner[key])
        if times is None:
            self.note((*path, key), "not_a_figure", value=str(owner[key]))
        elif times < 1:
            self.note((*path, key), "too_small", value=str(times), least=1)
        elif times > 1000:
            self.note((*path, key), "too_big", value=str(times), most=1000)
        else:
            return times
        return None

    def steps(self, owner: dict[str, Any], path: Path, ladder: str) -> tuple[Step, ...]:
        tables = self.tables(owner, "step", path)
        if not tables:
            self.note(path, "no_step", ladder=ladder)
        steps: list[Step] = []
        for number, table in enumerate(tables):
            here: Path = (*path, "step", number)
            step = self.step(table, here)
            if step.id and any(other.id == step.id for other in steps):
                self.note((*here, "id"), "same_step", value=step.id)
            steps.append(step)
        return tuple(sorted(steps, key=lambda step: step.at))

    def step(self, table: dict[str, Any], path: Path) -> Step:
        self.known(table, path, (
            "id", "at", "every", "until", "audience", "cc", "action", "actions", "stage", "severity", "message", "answer_by",
        ))  # fmt: skip
        step_id = self.text(table, "id", path)
        if not re.fullmatch(r"[A-Za-z0-9_.\-]{1,64}", step_id):
            self.note((*path, "id"), "bad_id", value=step_id)
        if "at" not in table:
            self.note((*path, "at"), "no_offset", id=step_id)
        at = self.whole(table, "at", path, None, 0) or 0
        every, until = self.repeats(table, path, at)
        actions = self.actions(table, path)
        severity = self.word(table, "severity", path, SEVERITIES)
        stage = self.whole(table, "stage", path, 1, None)
        step = Step(
            id=step_id, at=at, every=every, until=until, actions=actions, severity=severity, stage=stage,
            audience=self.audience(table, "audience", path, (*STAFF, *CUSTOMER), "no_audience"),
            cc=self.audience(table, "cc", path, (*STAFF, *CUSTOMER)),
            message=self.message(table, path, actions, severity, stage, at),
            answer_by=self.whole(table, "answer_by", path, 1, None),
        )  # fmt: skip
        self.fitting(table, path, step)
        return step

    def repeats(self, table: dict[str, Any], path: Path, at: int) -> tuple[int | None, int | None]:
        every = self.whole(table, "every", path, 1, None)
        until = self.whole(table, "until", path, None, None)
        if "every" in table and "until" not in table:
            self.note((*path, "every"), "every_without_until")
        elif "until" in table and "every" not in table:
            self.note((*path, "until"), "until_without_every")
        elif until is not None and until < at:
            self.note((*path, "until"), "until_before", until=until, at=at)
        return (every, until) if every is not None and until is not None else (None, None)

    def actions(self, table: dict[str, Any], path: Path) -> tuple[str, ...]:
        if "action" in table and "actions" in table:
            self.note((*path, "action"), "action_twice")
        key = "action" if "action" in table else "actions"
        actions = self.words(table, key, path)
        if not table.get(key):
            self.note((*path, "actions"), "no_action", allowed=list(ACTIONS))
        for action in actions:
            if action not in ACTIONS:
                self.note((*path, key), "unknown_word", value=action, allowed=list(ACTIONS))
        if "letter" in actions and ("task" in actions or "alert" in actions):
            self.note((*path, key), "letter_alone")
        return tuple(action for action in ACTIONS if action in actions)  # one order, whatever was written

    def message(
        self, table: dict[str, Any], path: Path, actions: tuple[str, ...], severity: str | None, stage: int | None, at: int
    ) -> str:
        """What is named, else what such a step usually says."""
        letter = "letter" in actions
        allowed = list(LETTER_KINDS.values()) if letter else list(STAFF_KINDS)
        if "message" in table:
            return self.word(table, "message", path, allowed) or ""
        if letter:
            return LETTER_KINDS.get(stage or 1, "")
        if "task" in actions:
            soon = severity == "due_soon" or (severity is None and at <= 0)
            return "task.due_soon" if soon else "task.critical" if severity == "critical" else "task.overdue"
        return "alert.high_risk" if "flag" in actions else "alert.severe"

    def fitting(self, table: dict[str, Any], path: Path, step: Step) -> None:
        """What is right by itself, and wrong together."""
        to_customer = [one for one in (*step.audience, *step.cc) if one in CUSTOMER]
        if step.is_letter and "stage" not in table:
            self.note((*path, "stage"), "no_stage", id=step.id)
        elif step.is_letter and step.stage is not None and step.stage not in LETTER_KINDS:
            self.note((*path, "stage"), "unknown_word", value=str(step.stage), allowed=["1", "2", "3"])
        if step.stage is not None and not step.is_letter:
            self.note((*path, "stage"), "stage_without_letter")
        if step.speaks and to_customer:
            self.note((*path, "audience"), "customer_gets_letters_only", value=to_customer[0])
        if step.is_letter and step.stage in (1, 2) and step.audience and not set(step.audience) <= set(CUSTOMER):
            self.note((*path, "audience"), "letter_to_staff", id=step.id)
        if step.is_letter and step.stage == 3 and to_customer:
            self.note((*path, "audience"), "final_to_customer", id=step.id)
        if step.is_letter and step.at <= 0:
            self.note((*path, "at"), "letter_too_early", warning=True, at=step.at)
        if step.cc and not step.is_letter:
            self.note((*path, "cc"), "cc_without_letter")
        if step.answer_by is not None and "task" not in step.actions:
            self.note((*path, "answer_by"), "answer_without_task", warning=True)
