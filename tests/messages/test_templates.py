"""Every template: both languages, its View's example, hostile data, and loud failure on any mistake."""

from __future__ import annotations

import dataclasses
import shutil
import time
from datetime import date
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from bot.card import LANGS, TONES, Card, Lang, card_json, dump, load
from bot.notifications.templates import ACTION_IDS, TemplateError, Templates, folder, templates
from bot.notifications.views import REGISTRY, CollectView, LetterRow, LetterView, Phrase
from core.money import Money

KINDS = [
    "task.due_soon",
    "task.overdue",
    "task.critical",
    "task.silent",
    "task.gap",
    "task.copy",
    "task.invoice",
    "task.prepay",
    "task.sign",
    "task.related",
    "alert.severe",
    "alert.high_risk",
    "letter.friendly",
    "letter.notice",
    "letter.final",
    "promise.due",
    "promise.broken",
    "promise.corrected",
    "promise.approval",
    "claim.review",
    "claim.expired",
    "dispute.open",
    "dispute.settled",
    "pause.approval",
    "credit.request",
    "order.held",
    "limit.proposed",
    "order.decided",
    "risk.event",
    "orders.stopped",
    "watch.report",
    "letters.release",
    "letter.unsure",
    "delivery.failed",
    "receipts.stale",
    "receipt.allocate",
    "payment.arrived",
    "payment.reversed",
    "digest.daily",
    "note.rise",
    "note.closed",
    "note.decided",
    "note.deputy",
    "reply.balance",
    "reply.aging",
    "reply.overdue",
    "reply.todo",
    "reply.help",
    "reply.whoami",
    "reply.test",
    "reply.trace",
    "reply.approvals",
    "reply.order",
    "reply.credit",
    "reply.rating",
    "reply.rating_list",
    "reply.group",
    "reply.deviation",
    "reply.holds",
    "reply.limit",
    "reply.choice",
    "reply.confirm",
    "reply.sure",
    "reply.error",
    "reply.done",
    "reply.object",
]

NASTY = "{{7*7}}<!channel>**x**]]>{% raw %}&amp;<b>"


def example(kind: str, lang: Lang) -> Card:
    view = templates().view_of(kind)
    return templates().render(kind, view.example(lang), lang)


def words(card: Card) -> str:
    return "\n".join([
        card.title, card.text, *(f"{f.label}{f.value}" for f in card.fields), *("".join(r) for r in card.rows),
        *(a.label + (a.confirm or "") for a in card.actions), card.footer,
    ])  # fmt: skip


def bare(view: Any) -> Any:
    """The view with every optional thing missing."""
    changes = {}
    for f in dataclasses.fields(view):
        if f.default is not dataclasses.MISSING:
            changes[f.name] = f.default
    return dataclasses.replace(view, **changes)


def renamed(value: Any, name: str) -> Any:
    """Every text of a view replaced by `name`, but for the codes that templates look up."""
    codes = {"severity", "code", "state", "was", "lang", "currency", "reason", "outcome", "gap", "roles", "what"}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        if isinstance(value, Money):
            return value
        changes = {f.name: renamed(getattr(value, f.name), name) for f in dataclasses.fields(value) if f.name not in codes}
        return dataclasses.replace(value, **changes)
    if isinstance(value, tuple):
        return tuple(renamed(v, name) for v in value)
    return name if isinstance(value, str) and value else value


def test_every_kind_has_a_template_and_every_template_is_known():
    assert templates().kinds == {*KINDS, "document.final"}


@pytest.mark.parametrize("name", REGISTRY)
def test_a_view_is_frozen_and_typed(name: str):
    view = REGISTRY[name]
    assert dataclasses.is_dataclass(view) and view.__dataclass_params__.frozen  # type: ignore[attr-defined]
    hints = get_type_hints(view)
    assert hints["today"] is date
    assert float not in {a for h in hints.values() for a in (h, *get_args(h))}


@pytest.mark.parametrize("lang", LANGS)
def test_every_kind_that_may_not_arrive_has_a_name_for_people(lang: Lang):
    named = {kind for kind in templates().kinds if not kind.startswith("reply.")}
    assert {kind for kind in named if templates().word(kind, "kind", lang) == kind} == set()


def test_a_slip_of_the_keyboard_is_no_emergency():
    assert example("reply.error", "zh").tone == "warning"


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("kind", KINDS)
class TestEveryKind:
    def test_the_example_makes_a_card(self, kind: str, lang: Lang):
        card = example(kind, lang)
        assert card.kind == kind and card.lang == lang and card.tone in TONES
        assert card.title and len(card.title) <= 200
        assert all(f.label and f.value for f in card.fields), card.fields
        assert "{{" not in words(card) and "None" not in words(card)
        assert all(a.id in ACTION_IDS and a.label for a in card.actions)
        assert load(dump(card)) == card
        assert list(card_json(card)) == ["title", "text", "fields", "rows", "actions", "footer"]

    def test_it_says_something_with_every_optional_thing_missing(self, kind: str, lang: Lang):
        view = bare(templates().view_of(kind).example(lang))
        if kind in ("note.closed", "note.decided"):
            view = dataclasses.replace(view, ended=Phrase(code="ended.settled"))
        card = templates().render(kind, view, lang)
        assert card.title and "None" not in words(card)

    def test_data_is_text_and_never_a_template(self, kind: str, lang: Lang):
        view = renamed(templates().view_of(kind).example(lang), NASTY)
        said = words(templates().render(kind, view, lang))
        assert "49" not in said and "&lt;" not in said and "&amp;amp;" not in said
        assert NASTY in said or NASTY[:6] in said or kind in ("receipts.stale", "letters.release")

    def test_a_long_name_is_cut_with_a_mark(self, kind: str, lang: Lang):
        view = renamed(templates().view_of(kind).example(lang), "长" * 200)
        card = templates().render(kind, view, lang)
        assert len(card.title) <= 200
        assert "长" not in card.title or "…" in card.title or card.title.count("长") == 200
        assert all(len(cell) <= 120 for row in card.rows for cell in row)


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("kind", [k for k in KINDS if hasattr(templates().view_of(k), "closed")])
def test_a_closed_card_has_no_buttons_and_says_how_it_ended(kind: str, lang: Lang):
    view = templates().view_of(kind).example(lang)
    ended = Phrase(code="ended.promised", on=date(2026, 7, 10))
    card = templates().render(kind, dataclasses.replace(view, ended=ended), lang)
    assert card.closed and card.actions == () and card.rows == ()
    assert ("已承诺 7月10日" if lang == "zh" else "Promised for 10 Jul") in card.title
    assert card.tone == "success"


@pytest.mark.parametrize("kind", KINDS)
def test_languages_have_the_same_structure(kind: str):
    zh, en = (example(kind, lang) for lang in LANGS)
    shape = [
        (len(c.fields), len(c.rows), c.rows_more, [(a.id, a.ask, len(a.inputs)) for a in c.actions], c.tone)
        for c in (zh, en)
    ]
    assert shape[0] == shape[1]
    assert zh.text.count("\n") == en.text.count("\n")
    assert not any("\u4e00" <= c <= "\u9fff" for c in words(en)), words(en)


@pytest.mark.parametrize("lang", LANGS)
def test_every_phrase_reads_with_and_without_its_data(lang: Lang):
    full = Phrase(code="", on=date(2026, 7, 10), amount=(Money(100_00, "CNY"),), who="李", n=2, text="x")
    for code in templates().phrase_codes():
        for phrase in (dataclasses.replace(full, code=code), Phrase(code=code)):
            text = templates().phrase(phrase, lang, date(2026, 7, 8))
            assert text and text != code and "None" not in text


# --- words that are prescribed ---


def letter(*rows: tuple[str, date, int], today: date = date(2026, 7, 2)) -> LetterView:
    made = tuple(LetterRow(number=n, due=d, amount=Money(12_000_000, "CNY"), days=a) for n, d, a in rows)
    total = Money(12_000_000 * len(made), "CNY")
    return dataclasses.replace(LetterView.example("zh"), today=today, receivables=made, totals=(total,))


def test_the_friendly_letter_uses_the_prescribed_words_only_where_they_are_true():
    one = letter(("INV-20260701-8842", date(2026, 7, 1), 1))
    text = "【友好提醒】尊敬的客户,贵司尾号8842的发票已于昨日到期,请尽快安排处理。"
    assert text in templates().render("letter.friendly", one, "zh").text
    late = letter(("INV-8842", date(2026, 7, 1), 3), today=date(2026, 7, 4))
    said = templates().render("letter.friendly", late, "zh").text
    assert "昨日" not in said and "7月1日到期" in said and "3天" in said
    two = letter(("INV-8842", date(2026, 7, 1), 1), ("INV-8843", date(2026, 6, 30), 2))
    said = templates().render("letter.friendly", two, "zh").text
    assert "昨日" not in said and "2笔" in said and "最长2天" in said
    debit = dataclasses.replace(one, receivables=(dataclasses.replace(one.receivables[0], invoice=False),))
    assert "发票" not in templates().render("letter.friendly", debit, "zh").text


def test_the_notice_names_the_true_number_of_days():
    text = "【付款通知】贵司尾号8842的发票已逾期{}天,为避免影响后续合作,请立即安排付款。"
    for days in (7, 9):
        view = letter(("INV-8842", date(2026, 7, 1), days), today=date(2026, 7, 1 + days))
        assert text.format(days) in templates().render("letter.notice", view, "zh").text


def test_due_soon_and_critical_use_the_prescribed_words():
    view = dataclasses.replace(CollectView.example("zh"), customer="甲公司", events=(), days=30, due_in=7)
    soon = templates().render("task.due_soon", view, "zh").text
    assert "客户甲公司的款项¥120,000.00将于7日后到期，请提前与客户沟通。" in soon
    critical = templates().render("task.critical", view, "zh").text
    assert "【重要】客户甲公司已严重逾期30天,请总监介入处理。系统已暂停该客户下单功能。" in critical
    free = templates().render("task.critical", dataclasses.replace(view, hold=False), "zh").text
    assert "下单" not in free


def test_the_main_action_comes_first_and_data_adds_no_button():
    card = example("task.overdue", "zh")
    assert [a.id for a in card.actions] == ["task.log", "task.promise", "task.paid", "task.snooze"]
    assert card.actions[0].style == "primary"
    assert [c.value for c in card.actions[0].inputs[0].choices] == [
        "promise", "paid", "part_paid", "dispute", "not_reached", "copy", "other",
    ]  # fmt: skip
    view = dataclasses.replace(CollectView.example("zh"), read_only=True)
    assert templates().render("task.overdue", view, "zh").actions == ()


def test_dates_of_another_year_name_it_and_currencies_stand_apart():
    view = dataclasses.replace(
        CollectView.example("zh"), oldest_due=date(2025, 12, 31),
        parts=tuple(
            dataclasses.replace(CollectView.example("zh").parts[0], overdue=m)
            for m in (Money(12_000_000, "CNY"), Money(123_450, "USD"), Money(5_000, "JPY"))
        ),
    )  # fmt: skip
    said = words(templates().render("task.overdue", view, "zh"))
    assert "2025年12月31日" in said
    assert "¥120,000.00 + US$1,234.50 + JP¥5,000" in said


def test_rows_beyond_the_limit_are_counted():
    view = CollectView.example("zh")
    card = templates().render("task.overdue", dataclasses.replace(view, receivables=view.receivables * 4), "zh")
    assert len(card.rows) == 5 and card.rows_more == 3
    assert card_json(card)["rows"][-1] == ["还有 3 项"]


def test_a_name_can_break_no_line():
    view = dataclasses.replace(CollectView.example("zh"), short="甲\n【重要】\u202e公司\x07", customer="甲\r\n乙")
    card = templates().render("task.overdue", view, "zh")
    assert "\n" not in card.title and "\u202e" not in card.title and "\x07" not in card.title
    assert card.fields[0].value == "甲 乙"


# --- mistakes are found when loading ---


def spoiled(tmp_path: Path, old: str, new: str, file: str = "task.gap.toml") -> TemplateError:
    shutil.copytree(folder(), tmp_path / "t")
    path = tmp_path / "t" / file
    source = path.read_text(encoding="utf-8")
    assert old in source
    path.write_text(source.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(TemplateError) as caught:
        Templates(tmp_path / "t")
    return caught.value


@pytest.mark.parametrize(
    ("old", "new", "key", "reason"),
    [
        ("{{ last_owner }}", "{{ lastowner }}", "field[2].value", "no field 'lastowner'"),
        ('when = "last_owner"', 'when = "nobody"', "field[2].when", "no field 'nobody'"),
        ('tone = "warning"', 'tune = "warning"', "tune", "unknown key"),
        ('tone = "warning"', 'tone = "red"', "tone", "unknown tone"),
        ('id = "customer.assign"', 'id = "customer.delete"', "action[0].id", "unknown action id"),
        ('label = { zh = "原负责人", en = "Was" }', 'label = { zh = "原负责人" }', "field[2].label.en", "missing"),
        ('label = { zh = "原负责人", en = "Was" }', 'label = "原负责人"', "field[2].label", "words need"),
        ("{{ open | money }}", "{{ open | cash }}", "field[1].value", "cash"),
        ("{{ open | money }}", "{{ open.__class__ }}", "field[1].value", "not allowed"),
        ("{{ open | money }}", "{% for x in open %}{% endfor %}", "field[1].value", "not allowed"),
        ("word('gap')", "word('gaps')", "text[0].zh", "unknown word group"),
        ('each = "people"', 'each = "persons"', "action[0].choices.each", "no sequence"),
        ('view = "gap"', 'view = "gaps"', "view", "unknown view"),
    ],
)
def test_a_mistake_is_a_load_error_with_file_and_key(tmp_path: Path, old: str, new: str, key: str, reason: str):
    error = spoiled(tmp_path, old, new)
    assert (error.file, error.key) == ("task.gap.toml", key)
    assert reason in str(error)


def test_catalogues_are_checked_too(tmp_path: Path):
    error = spoiled(tmp_path, '["task.log"]', '["task.logg"]', "_actions.toml")
    assert error.file == "_actions.toml"


def test_a_broken_file_is_named(tmp_path: Path):
    assert spoiled(tmp_path, "view =", "view", "note.rise.toml").file == "note.rise.toml"


def test_a_view_of_another_kind_is_refused():
    with pytest.raises(TypeError, match="GapView"):
        templates().render("task.gap", CollectView.example("zh"), "zh")


def test_a_whole_card_costs_little_more_than_its_leaves():
    lang: Lang = "zh"
    view = CollectView.example(lang)
    language = templates()._languages[lang]
    leaves = templates().leaves("task.overdue", lang)
    names = {n: getattr(view, n) for n in templates()._template("task.overdue", lang).names}
    row = view.receivables[0]
    names |= {f.name: getattr(row, f.name) for f in dataclasses.fields(row)}
    sources = [leaf for leaf in leaves if leaf.const is None]
    rows = [c for r in templates()._template("task.overdue", lang).rows for c in r.cells]

    def loop() -> None:
        for leaf in [*sources, *rows]:  # the example has two rows
            "".join(leaf.root(language.context(names)))

    def best(call: Any) -> float:
        times = []
        for _ in range(30):
            start = time.perf_counter()
            for _ in range(20):
                call()
            times.append(time.perf_counter() - start)
        return min(times)

    assert best(lambda: templates().render("task.overdue", view, lang)) <= 1.6 * best(loop)


@pytest.mark.parametrize(
    ("notices", "zh", "en"),
    [(0, "今日待办 6 项 ·", "6 tasks today ·"), (5, "今日待办 1 项，提示 5 项 ·", "1 task and 5 notices today ·"),
     (6, "今日提示 6 项 ·", "6 notices today ·")],
)  # fmt: skip
def test_a_digest_tells_tasks_from_notices(notices: int, zh: str, en: str) -> None:
    for lang, words in (("zh", zh), ("en", en)):
        view = dataclasses.replace(templates().view_of("digest.daily").example(lang), notices=notices)
        assert words in templates().render("digest.daily", view, lang).title  # type: ignore[arg-type]
