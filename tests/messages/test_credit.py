"""The cards of credit approval: what an approver reads in each case, and what the rep is told."""

from dataclasses import replace
from datetime import date

import pytest

from bot.card import LANGS, Card, Lang
from bot.fit import PROFILES, ask_card, fit
from bot.notifications.templates import render, templates
from bot.notifications.views import CreditView, OrderView, Phrase
from bot.preview import Face, faces
from core.money import Money
from tests.messages.test_templates import words

TODAY = date(2026, 7, 8)
REASONS = (
    "over_limit", "over_group_limit", "over_part_limit", "no_credit", "overdue", "frozen", "hold", "blacklist", "terms",
    "discount", "below_cost", "ask_within", "no_rate", "prepayment_awaited", "conditions",
)  # fmt: skip


def request(lang: Lang = "zh", /, **more: object) -> Card:
    return render("credit.request", replace(CreditView.example(lang), **more), lang)  # type: ignore[arg-type]


def order(kind: str, lang: Lang = "zh", /, **more: object) -> Card:
    return render(kind, replace(OrderView.example(lang), **more), lang)  # type: ignore[arg-type]


def fields(card: Card) -> dict[str, str]:
    return {field.label: field.value for field in card.fields}


def cny(major: int) -> Money:
    return Money(major * 100, "CNY")


def test_the_card_reads_at_a_glance() -> None:
    card = request()
    assert card.title == "超信用 ¥120,000.00 待审批 · 华兴商贸"
    assert fields(card) == {
        "评级": "C级，平均逾期 18.4 天付款", "额度": "¥500,000.00", "已用": "¥420,000.00", "本单": "¥200,000.00",
        "逾期": "¥100,000.00（7天）", "最近承诺": "7月6日 ¥120,000.00，连续失约2次",
        "超额": "¥120,000.00（额度的24%）", "集团已用": "¥1,900,000.00，超 ¥100,000.00",
        "集团额度": "¥2,000,000.00（华兴集团）", "信保额度": "¥300,000.00（中国信保，至12月31日）",
        "客户": "华兴商贸有限公司",
    }  # fmt: skip
    assert card.text == "小李 申请放行华兴商贸订单 SO-2026-0118（第 1/2 级审批）。\n申请人说明：老客户，月底回款后补齐"
    assert [action.id for action in card.actions] == ["credit.approve", "credit.approve_with", "credit.reject"]
    assert card.footer == "7月10日 12:00前审批，过时失效"


@pytest.mark.parametrize("lang", LANGS)
def test_a_yes_repeats_what_it_is_about(lang: Lang) -> None:
    approve = request(lang).actions[0]
    assert approve.style == "primary" and approve.confirm is not None
    name = "华兴商贸" if lang == "zh" else "Huaxing Trading"
    for part in (name, "SO-2026-0118", "¥200,000.00", "¥120,000.00"):
        assert part in approve.confirm, part
    within = request(lang, over=None, group_over=None).actions[0].confirm or ""
    assert "超额" not in within and "over by" not in within
    for card in (request(lang), request(lang, over=None)):  # over both limits, over the group's alone
        group = "超集团额度 ¥100,000.00" if lang == "zh" else "group over by CN¥100,000.00"
        assert group in (card.actions[0].confirm or "")


@pytest.mark.parametrize("profile", ["wecom", "dingtalk"])
def test_where_a_button_has_no_confirmation_a_second_card_asks(profile: str) -> None:
    fitted, _ = fit(request(), PROFILES[profile], today=TODAY)
    approve = fitted.actions[0]
    assert (approve.id, approve.draw) == ("credit.approve", "menu" if profile == "wecom" else "form")
    asked, _ = ask_card(fitted, approve, PROFILES[profile], today=TODAY)
    for part in ("仅放行此单", "华兴商贸", "SO-2026-0118", "¥200,000.00", "¥120,000.00"):
        assert part in asked.text, part


@pytest.mark.parametrize("lang", LANGS)
def test_the_question_fits_wecoms_card_with_all_that_it_waives(lang: Lang) -> None:
    [wecom] = [face.capabilities(lang) for face in faces() if face.name == "wecom"]
    awaited = (Phrase(code="credit.prepayment_awaited", amount=(cny(60_000),)),)
    fitted, _ = fit(request(lang, prepaid=cny(60_000), reasons=awaited), wecom, today=TODAY)
    asked, lost = ask_card(fitted, fitted.actions[0], wecom, today=TODAY)
    assert "text: cut" not in lost and "¥60,000.00" in asked.text and "¥100,000.00" in asked.text


def test_slack_asks_before_it_sends_the_tap() -> None:
    approve = fit(request(), PROFILES["slack"], today=TODAY)[0].actions[0]
    assert approve.draw == "button" and approve.confirm == request().actions[0].confirm


def test_what_the_answers_ask() -> None:
    asked = {a.id: [(i.name, i.type, i.required) for i in a.inputs] for a in request().actions}
    assert asked == {
        "credit.approve": [],
        "credit.approve_with": [
            ("prepay_percent", "choice", False), ("terms", "choice", False), ("until", "date", False),
            ("note", "text", False),
        ],
        "credit.reject": [("reason", "text", True)],
    }
    assert [c.value for c in templates().action("credit.approve_with", "zh").inputs[0].choices] == ["30", "50", "100"]


def test_no_single_pick_on_the_card_approves_on_conditions() -> None:
    drawn = {a.id: a.draw for a in fit(request(), PROFILES["slack"], today=TODAY)[0].actions}
    assert drawn == {"credit.approve": "button", "credit.approve_with": "form", "credit.reject": "form"}


FACES = [face for face in faces() if face.name != "wecom-robot"]
FACTS = {  # item for item what issue 4 has the card show; the customer is in the text by its short name
    "zh": ("华兴商贸", "C级，平均逾期 18.4 天付款", "¥500,000.00", "¥420,000.00", "¥200,000.00", "超信用 ¥120,000.00",
           "¥100,000.00（7天）", "7月6日 ¥120,000.00，连续失约2次", "老客户，月底回款后补齐", "SO-2026-0118"),
    "en": ("Huaxing Trading", "C, 18.4 days late on average", "CN¥500,000.00", "CN¥420,000.00", "CN¥200,000.00",
           "Over by CN¥120,000.00", "CN¥100,000.00 (7 days)", "6 Jul CN¥120,000.00, 2 broken",
           "old customer, pays at month-end", "SO-2026-0118"),
}  # fmt: skip
WORSE = {"acts_for": ("王总",), "reminders": 2, "changed": True, "prepaid": cny(60_000)}


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("more", [{}, WORSE], ids=["first", "reminded"])
@pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)
def test_the_figures_that_decide_fit_every_card(face: Face, more: dict[str, object], lang: Lang) -> None:
    held = ("order",) if more else ()
    view = replace(CreditView.example(lang), **more)  # type: ignore[arg-type]
    fitted, _ = fit(render("credit.request", view, lang, held), face.capabilities(lang), today=TODAY)
    said = "\n".join([fitted.title, fitted.text, *(f"{f.label} {f.value}" for f in fitted.fields)])
    for part in (*FACTS[lang], *(("停单：逾期" if lang == "zh" else "On hold: overdue",) if held else ())):
        assert part in said, part
    assert not any("…" in field.label for field in fitted.fields)


def test_a_robots_narrower_card_has_them_in_chinese() -> None:
    [robot] = [face for face in faces() if face.name == "wecom-robot"]
    fitted, _ = fit(request(), robot.capabilities("zh"), today=TODAY)
    for part in FACTS["zh"]:
        assert part in words(fitted), part


def test_what_wecom_has_no_field_for_stands_in_its_text() -> None:
    [wecom] = [face for face in FACES if face.name == "wecom"]
    fitted, lost = fit(request(), wecom.capabilities("zh"), today=TODAY)
    assert "集团已用：¥1,900,000.00，超 ¥100,000.00\n集团额度：¥2,000,000.00（华兴集团）\n" in fitted.text
    assert "field 集团已用: as text" in lost and "field 信保额度: too many" in lost


def test_a_long_story_pushes_nothing_else_off_wecoms_card() -> None:
    [wecom] = [face for face in FACES if face.name == "wecom"]
    agreed = Phrase(code="credit.conditions", n=30)
    fitted, lost = fit(request(note="老客户，" * 60, changed=True, conditions=agreed), wecom.capabilities("zh"), today=TODAY)
    for part in ("SO-2026-0118", "申请人说明：老客户", "情况较发起时变差", "已有审批人附条件同意：预付30%。", "驳回"):
        assert part in fitted.text, part
    assert "text: cut" in lost and len(fitted.text) <= 160


def test_whoever_has_no_rating_is_a_new_customer() -> None:
    assert fields(request(rating="", rating_why=None))["评级"] == "新客户，暂无评级"
    assert fields(request("en", rating="", rating_why=None))["Rating"] == "new customer, not rated"


def test_the_text_gives_the_reasons_that_no_figure_says() -> None:
    why = (*CreditView.example("zh").reasons, Phrase(code="credit.terms", n=90, text="60"))
    assert "审批）：账期90天超出授权（上限60天）。" in request(reasons=why).text
    group = Phrase(code="credit.over_group_limit", amount=(cny(100_000),), text="华兴集团")
    assert "超集团额度 ¥100,000.00（华兴集团）" in request(reasons=(*why, group)).text  # the title says the customer's own
    assert "超集团额度" not in request(over=None, reasons=(*why, group)).text


@pytest.mark.parametrize(
    ("more", "title"),
    [
        ({"over": None}, "超集团额度 ¥100,000.00 待审批 · 华兴商贸"),
        ({"over": None, "group_over": None}, "逾期客户订单待审批 · ¥200,000.00 · 华兴商贸"),
        ({"over": cny(0), "group_over": None, "overdue": ()}, "订单待信用审批 · ¥200,000.00 · 华兴商贸"),
    ],
)
def test_held_within_the_limit_it_says_what_for(more: dict[str, object], title: str) -> None:
    card = request(**more)
    assert card.title == title
    assert "超额" not in fields(card) and fields(card)["可用"] == "¥80,000.00"


def test_a_limit_of_nothing_is_not_no_limit() -> None:
    assert fields(request(limit=cny(0)))["额度"] == "¥0.00（须款到发货）"
    assert fields(request(limit=None, over=None, available=None))["额度"] == "未设额度"
    assert fields(request("en", limit=None))["Limit"] == "none set"


def test_what_isnt_there_takes_no_room() -> None:
    card = request(promise_on=None, promise_amount=None, not_kept=0, rating_why=None, note="", of_rungs=1)
    assert not {"最近承诺", "约定预付"} & set(fields(card))
    assert fields(card)["评级"] == "C级" and "级审批" not in card.text and "说明" not in card.text
    more = fields(request(prepaid=cny(60_000), promise_on=None, not_kept=3, overdue=()))
    assert more["约定预付"] == "¥60,000.00"
    assert more["最近承诺"] == "连续失约3次" and more["逾期"] == "无"


def test_worse_figures_are_pointed_out() -> None:
    assert "\n情况较发起时变差" in request(changed=True).text
    assert "变差" not in request().text
    assert "\nFigures got worse." in request("en", changed=True).text


@pytest.mark.parametrize(
    ("ended", "title", "tone"),
    [
        (Phrase(code="ended.approved", who="王总"), "王总 已批准", "success"),
        (Phrase(code="ended.approved_with", who="王总", n=30, on=date(2026, 7, 31)),
         "王总 已附条件批准", "success"),
        (Phrase(code="ended.rejected", who="王总", text="逾期未清"), "王总 已驳回", "muted"),
        (Phrase(code="ended.request_expired"), "审批超时，申请已失效", "muted"),
        (Phrase(code="ended.withdrawn", who="小李"), "小李 已撤回申请", "muted"),
        (Phrase(code="ended.obsolete"), "无需再审批", "muted"),
    ],
)  # fmt: skip
def test_it_closes_with_how_it_ended(ended: Phrase, title: str, tone: str) -> None:
    card = request(ended=ended)
    assert card.title == f"{title} · 订单 SO-2026-0118 · 华兴商贸"
    assert (card.closed, card.actions, card.tone) == (True, (), tone)


def test_a_long_reason_leaves_the_order_and_the_customer_in_the_title() -> None:
    """WeCom has 36 characters for it; what was written stands below, whole."""
    reason = "逾期未清 **[x](http://e)** #标题，" * 4
    ended = Phrase(code="ended.rejected", who="赵敏", text=reason)
    held = replace(OrderView.example("zh"), order="SO-2026-0118", ended=ended)
    for card in (request(ended=ended), render("order.held", held, "zh"), render("order.decided", held, "zh")):
        shown = fit(card, PROFILES["wecom"], today=held.today)[0]
        assert shown.title == "赵敏 已驳回 · 订单 SO-2026-0118 · 华兴商贸"
        assert f"赵敏 已驳回：{reason.strip()}" in card.text and "逾期未清" in shown.text
    assert "¥" in render("order.held", held, "zh").text
    with_conditions = Phrase(code="ended.approved_with", who="王总", n=30, on=date(2026, 7, 31))
    assert "预付30%，临时额度至7月31日" in request(ended=with_conditions).text


@pytest.mark.parametrize("lang", LANGS)
def test_every_reason_has_words(lang: Lang) -> None:
    assert {f"credit.{code}" for code in REASONS} <= templates().phrase_codes()
    for code in REASONS:
        assert templates().phrase(Phrase(code=f"credit.{code}"), lang, TODAY)[-1].isalnum()


def test_the_rep_hears_who_is_asked_until_when_and_why() -> None:
    card = order("order.held", state="held")
    assert "暂缓放行：超信用额度 ¥120,000.00；客户有逾期，最长7天。" in card.text
    assert "已提交周总监审批，7月10日 12:00前未批复则申请失效。" in card.text
    assert [action.id for action in card.actions] == ["credit.explain", "credit.withdraw"]
    nobody = order("order.held", state="held", asked=(), until=None)
    assert nobody.actions == () and "审批" not in nobody.text


def test_the_rep_may_ask_again_what_was_taken_back_or_not_answered() -> None:
    for state in ("withdrawn", "expired"):
        card = order("order.decided", state=state, may_ask=True)
        assert [action.id for action in card.actions] == ["credit.ask_again"] and "可重新申请" in card.text
        other = order("order.decided", state=state)
        assert other.actions == () and "可重新申请" not in other.text


def test_a_deputy_reads_for_whom_and_whoever_is_above_why() -> None:
    assert "王总外出，由您代为审批。" in request(acts_for=("王总",)).text
    assert "You decide in place of Wang Wei, who is away." in request("en", acts_for=("Wang Wei",)).text
    above = request(unanswered=("王总",), reminders=2).text
    assert "王总尚未批复，现一并请您审批。" in above and "提醒" not in above
    assert "第 2 次提醒" in request(reminders=2).text and "提醒" not in request().text


@pytest.mark.parametrize(
    ("state", "by", "said", "tone"),
    [
        ("released", "王总", "经王总批准，可安排发货。", "success"),
        ("released", "", "已符合信用条件，可安排发货。", "success"),
        ("conditions", "王总", "经王总附条件批准，条件满足后放行。", "warning"),
        ("rejected", "王总", "被王总驳回，请勿发货。", "danger"),
        ("expired", "", "申请已失效；订单仍暂缓放行。", "warning"),
        ("withdrawn", "小李", "放行申请已由小李撤回，订单仍暂缓放行。", "muted"),
        ("cancelled", "", "已取消，不再占用信用额度。", "muted"),
        ("refused", "", "按信用政策不予放行：", "danger"),
    ],
)
def test_the_rep_hears_what_was_decided(state: str, by: str, said: str, tone: str) -> None:
    card = order("order.decided", state=state, by=by)
    assert said in card.text and card.tone == tone and card.actions == ()
    assert card.title.startswith(templates().word(state, "order", "zh"))
    assert fields(card)["审批意见"] == "先收三成再发货"
    english = order("order.decided", "en", state=state, by=by and "Wang Wei")
    assert english.text and english.text.count("\n") == 0
