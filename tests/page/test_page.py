"""Everything a person does on the local messenger's page, in a real browser."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from bot.adapters.base import Envelope, Reply
from bot.adapters.local import store
from bot.card import Action, Card, Choice, Input
from bot.notifications.views import Phrase
from core.db import reading, transaction
from core.models import Delivery
from tests.page.sample import CHROMIUM, FLAGS, Sample, collect, fill, link

try:
    from playwright.sync_api import Browser, Page, expect, sync_playwright
except ImportError:
    CHROMIUM = None
if CHROMIUM is None or not CHROMIUM.exists():
    pytest.skip("no browser: install the `e2e` extra and Debian's chromium", allow_module_level=True)

pytestmark = [pytest.mark.page, pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as p:
        made = p.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield made
        made.close()


@pytest.fixture
def tab(browser: Browser, site: tuple[str, Any], host: Sample, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page that was opened by its link after a few days of work; errors in it fail the test."""
    fill(host)
    context = browser.new_context(viewport=getattr(request, "param", {"width": 1280, "height": 800}), locale="zh-CN")
    context.set_default_timeout(10_000)
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.goto(link(site))
    page.wait_for_selector("body[data-ready]")
    expect(page.locator('[data-person="lina"] article').last).to_be_visible()
    yield page
    context.close()
    assert not wrong


PHONE = pytest.mark.parametrize("tab", [{"width": 390, "height": 844}], indirect=True)


def phone(tab: Page, handle: str) -> Any:
    return tab.locator(f'[data-person="{handle}"]')


def test_the_chats_of_several_people_stand_side_by_side(tab: Page) -> None:
    handles = [p.get_attribute("data-person") for p in tab.locator(".phone").all()]
    assert handles == ["lina", "wangwei", "chenyan", "@mailbox"]
    assert tab.locator("body").evaluate("b => b.scrollWidth <= innerWidth")
    letter = phone(tab, "@mailbox").locator(".letter").first
    letter.locator("summary").click()
    expect(letter.locator(".body")).to_contain_text("INV-2026-1001")
    tab.click("#lang")
    expect(phone(tab, "wangwei").locator("header p")).to_have_text("Sales manager")


def test_a_date_is_picked_and_the_card_closes_live(tab: Page, host: Sample, engine: Engine) -> None:
    card = phone(tab, "lina").locator("[data-delivery][data-state=open]").last
    number = card.get_attribute("data-delivery")
    card.locator('[data-action="task.promise"]').click()
    sheet = phone(tab, "lina").get_by_role("dialog")
    sheet.get_by_role("button", name="确定").click()
    expect(sheet.get_by_role("alert")).to_contain_text("请填写")
    sheet.get_by_role("button", name="周五").click()
    expect(sheet.locator("input[type=date]")).to_have_value("2026-07-10")
    sheet.locator("input[name=amount]").fill("5万")
    tab.keyboard.press("Enter")
    expect(sheet).to_have_count(0)
    expect(phone(tab, "lina").locator(".toast")).to_have_text("已登记：7月10日回款 120,000.00 元")
    closed = phone(tab, "lina").locator(f'[data-delivery="{number}"][data-state=closed]')
    expect(closed.locator("button")).to_have_count(0)
    expect(closed).to_contain_text("华兴商贸")
    (envelope,) = host.heard
    assert (envelope.user_id, envelope.action, envelope.delivery_id) == ("lina", "task.promise", int(number or 0))
    assert dict(envelope.input) == {"date": "2026-07-10", "amount": "5万"} and envelope.seen_rev == 1


def test_a_result_is_chosen_and_asks_for_its_date_by_keyboard(tab: Page, host: Sample) -> None:
    button = phone(tab, "lina").locator("[data-state=open] [data-action='task.log']").last
    button.focus()
    tab.keyboard.press("Enter")
    sheet = phone(tab, "lina").get_by_role("dialog")
    expect(sheet.get_by_role("button", name="客户承诺付款")).to_be_focused()
    tab.keyboard.press("Enter")
    expect(sheet.locator("input[type=date]")).to_be_focused()
    tab.keyboard.press("Escape")
    expect(sheet).to_have_count(0)
    expect(button).to_be_focused()
    assert [(e.action, dict(e.input)) for e in host.heard] == [("task.log", {"result": "promise"})]


def test_an_answer_that_refuses_keeps_the_form_open(tab: Page, host: Sample) -> None:
    host.answer = lambda envelope: Reply("invalid", "最远 90 天")
    phone(tab, "lina").locator('[data-state=open] [data-action="task.promise"]').last.click()
    sheet = phone(tab, "lina").get_by_role("dialog")
    sheet.locator("input[type=date]").fill("2027-07-10")
    sheet.get_by_role("button", name="确定").click()
    expect(sheet.get_by_role("alert")).to_have_text("最远 90 天")
    expect(sheet.locator("input[type=date]")).to_have_value("2027-07-10")


def test_a_confirmation_is_asked_inside_the_page(tab: Page, host: Sample) -> None:
    ask = Action("letters.release", "全部放行", style="primary", confirm="放行 3 封?")
    host.send("lina", Card("letters.release", "zh", "info", "3 封信待放行", actions=(ask,)))
    button = phone(tab, "lina").locator('[data-action="letters.release"]')
    button.click()
    phone(tab, "lina").get_by_role("button", name="取消").click()
    assert host.heard == []
    button.click()
    phone(tab, "lina").get_by_role("dialog").get_by_role("button", name="全部放行").click()
    expect(phone(tab, "lina").locator(".toast")).to_be_visible()
    assert [e.action for e in host.heard] == ["letters.release"]


def test_a_question_is_not_called_saved(tab: Page, host: Sample) -> None:
    ask = Action("credit.approve_with", "附条件批准", "form", (Input("note", "text", False, "审批意见"),))
    host.send("lina", Card("credit.request", "zh", "warning", "订单待审批", actions=(ask,)))
    host.answer = lambda envelope: Reply("done", "", Card("reply.sure", "zh", "info", "附条件批准？"))
    phone(tab, "lina").locator('[data-action="credit.approve_with"]').click()
    phone(tab, "lina").get_by_role("dialog").get_by_role("button", name="确定").click()
    expect(phone(tab, "lina").locator(".toast")).to_have_text("尚未保存，请在下面的卡片上确认")


def test_what_another_process_writes_appears_by_itself(tab: Page, database_url: str) -> None:
    write = f"""
import asyncio
from bot.adapters.base import Address
from bot.adapters.local import LocalAdapter
from bot.card import Card
from core.db import make_engine
from core.time import utcnow
chats = LocalAdapter(make_engine({database_url!r}), utcnow)
for to in ("lina", "zhoumin"):
    asyncio.run(chats.send(Address(to), Card("note.rise", "zh", "warning", "来自另一个进程"), "other:" + to))
"""
    expect(tab.locator("#others")).to_be_hidden()
    subprocess.run([sys.executable, "-c", write], check=True)
    expect(phone(tab, "lina").locator("article").last).to_contain_text("来自另一个进程")
    expect(tab.locator("#others")).to_have_text("1")  # a person whose phone is not shown
    tab.click("#people")
    tab.get_by_role("checkbox", name="周敏").check()
    tab.keyboard.press("Escape")
    expect(phone(tab, "zhoumin").locator("article").last).to_contain_text("来自另一个进程")
    expect(tab.locator("#others")).to_be_hidden()


def test_an_answered_question_loses_its_buttons(tab: Page, host: Sample) -> None:
    ask = Action("reply.confirm", "确认", style="primary")
    number = host.send("lina", Card("reply.confirm", "zh", "info", "是华兴商贸吗？", actions=(ask,)))

    def answer(envelope: Envelope) -> Reply:
        with transaction(host.engine) as session:
            session.get_one(Delivery, number).state = "closed"
        return Reply("done", "", Card("reply.done", "zh", "success", "已登记"))

    host.answer = answer
    card = phone(tab, "lina").locator(f'[data-delivery="{number}"]')
    card.get_by_role("button", name="确认").click()
    expect(card.locator("button")).to_have_count(0)
    expect(phone(tab, "lina").locator("article").last).to_contain_text("已登记")


def test_a_card_is_pressable_once_its_delivery_is_known(tab: Page, host: Sample, engine: Engine) -> None:
    ask = Action("claim.void", "未查到", style="danger")
    number = host.send("lina", Card("claim.review", "zh", "info", "待确认", actions=(ask,)))
    expect(phone(tab, "lina").locator(f'[data-delivery="{number}"] [data-action="claim.void"]')).to_be_enabled()
    host.redraw(number, Card("claim.review", "zh", "info", "改过了", actions=(ask,)))
    expect(phone(tab, "lina").locator(f'[data-delivery="{number}"][data-rev="2"]')).to_contain_text("改过了")


def test_typed_words_are_answered_in_the_chat_and_survive(tab: Page, engine: Engine) -> None:
    phone(tab, "lina").locator(".say input").fill("余额 华兴商贸")
    tab.keyboard.press("Enter")
    expect(phone(tab, "lina").locator(".line.in").last).to_contain_text("余额 华兴商贸")
    expect(phone(tab, "lina").locator("[data-kind='reply.balance']")).to_be_visible()
    phone(tab, "lina").locator(".quick button", has_text="待办").click()
    expect(phone(tab, "lina").locator("[data-kind='reply.todo']")).to_be_visible()
    tab.reload()
    expect(phone(tab, "lina").locator(".line.in")).to_have_count(2)
    with reading(engine) as session:
        kinds = [m.payload.get("text") or m.payload["card"]["kind"] for m in store.chat(session, "lina")[-4:]]
    assert kinds == ["余额 华兴商贸", "reply.balance", "待办", "reply.todo"]


def test_a_profile_shows_what_a_messenger_loses(tab: Page) -> None:
    last = phone(tab, "lina").locator("[data-state=open]").last
    expect(last.locator(".lost")).to_have_count(0)
    tab.select_option("#view", "wecom")
    expect(last.locator(".lost summary")).to_contain_text("企业微信")
    last.locator(".lost summary").click()
    expect(last.locator(".lost li").first).to_be_visible()
    last.locator('[data-action="task.promise"]').click()
    expect(last.locator(".menu select").first).to_be_visible()  # the buttons gave way to drop-downs
    last.get_by_role("button", name="取消").click()
    expect(last.locator('[data-action="task.promise"]')).to_be_visible()
    tab.select_option("#view", "text")
    expect(last.locator(".plain")).to_contain_text("回复序号")
    expect(last.locator("button")).to_have_count(0)
    tab.reload()
    expect(last.locator(".plain")).to_be_visible()  # remembered


def test_names_are_text_whatever_they_look_like(tab: Page, host: Sample) -> None:
    bad = "<img src=x onerror=alert(1)>**x**<!channel>]]>\u202e\"'&amp;{{ 7*7 }}"
    card = replace(collect(customer=bad, short=bad), last_note=bad)
    tab.on("dialog", lambda dialog: pytest.fail(dialog.message))
    host.post("lina", "task.overdue", card)
    choice = Input("person", "choice", True, bad, (Choice("x", bad),))
    ask = Action("task.reassign", bad, "form", (choice,))
    host.send("lina", Card("x", "zh", "info", bad, bad, actions=(ask,), footer=bad))
    for view in ("full", "text", "wecom", "full"):
        tab.select_option("#view", view)
        expect(phone(tab, "lina").locator("article").last).to_contain_text("<img src=x")
    assert tab.locator("main img").count() == 0
    phone(tab, "lina").locator('[data-action="task.reassign"]').last.click()
    expect(phone(tab, "lina").get_by_role("dialog")).to_contain_text("<img src=x")
    assert tab.locator("main img").count() == 0


def test_the_clock_moves_and_shows_its_way(tab: Page, host: Sample) -> None:
    expect(tab.locator("#clock-time")).to_have_text("09:00")
    tab.click('[data-step="hour"]')
    expect(tab.locator("#clock-time")).to_have_text("10:00")
    tab.click("#clock-pick")
    tab.locator("input[name=to]").fill("2026-07-11T09:00")
    tab.keyboard.press("Enter")
    expect(tab.locator("#clock-day")).to_contain_text("休息日")
    expect(tab.locator('[data-step="day"]')).to_be_enabled()
    assert host.now.isoformat() == "2026-07-11T01:00:00+00:00"


def test_without_a_demo_there_is_no_clock(browser: Browser, site: tuple[str, Any], host: Sample) -> None:
    host.demo = False
    page = browser.new_page()
    page.goto(link(site))
    page.wait_for_selector("body[data-ready]")
    expect(page.locator("#clock")).to_be_hidden()
    expect(page.locator(".empty").first).to_contain_text("还没有消息")
    page.close()


@PHONE
def test_on_a_phone_one_chat_at_a_time(tab: Page, host: Sample) -> None:
    def fits() -> bool:
        return bool(tab.evaluate("document.documentElement.scrollWidth <= 390 && document.body.scrollWidth <= 390"))

    assert fits() and tab.locator(".phone:visible").count() == 1
    host.post("wangwei", "task.overdue", collect())
    expect(tab.locator('[data-tab="wangwei"] .badge')).to_have_text("1")
    for handle in ("wangwei", "chenyan", "@mailbox"):
        tab.locator(f'[data-tab="{handle}"]').click()
        expect(phone(tab, handle)).to_be_visible()
        assert fits()
        wide = "f => [...f.querySelectorAll('*')].filter(n => n.getBoundingClientRect().right > 391).length"
        assert phone(tab, handle).locator(".feed").evaluate(wide) == 0
    expect(tab.locator('[data-tab="wangwei"] .badge')).to_have_count(0)
    for view in ("slack", "dingtalk", "wecom", "text"):
        tab.select_option("#view", view)
        tab.locator('[data-tab="lina"]').click()
        expect(phone(tab, "lina").locator("article").last).to_be_visible()
        assert fits()


def test_a_lost_connection_is_said_and_found_again(tab: Page, host: Sample, site: tuple[str, Any]) -> None:
    site[1].state.front.close()  # the stream ends; the browser comes back for it
    expect(tab.locator("#offline")).to_be_visible()
    site[1].state.front.closed = False
    expect(tab.locator("#offline")).to_be_hidden()
    host.now += timedelta(minutes=1)
    host.send("lina", Card("note.rise", "zh", "info", "又连上了"))
    expect(phone(tab, "lina").locator("article").last).to_contain_text("又连上了")


def test_another_try_is_only_offered_on_days_that_are_accepted(tab: Page, host: Sample) -> None:
    action = Action("task.not_reached", "联系不上", "date", (Input("again_on", "date", True, "再次联系日期"),))
    host.send("lina", Card("task.overdue", "zh", "warning", "甲", actions=(action,)))
    phone(tab, "lina").locator('[data-action="task.not_reached"]').last.click()
    expect(tab.locator(".chips button")).to_have_text(["明天", "3 天后", "周五"])  # 8 July: the month ends too late


def test_the_letter_that_a_card_names_is_a_link_for_its_reader(tab: Page, host: Sample) -> None:
    name = "letter-of-demand_华兴_01_2026-07-08_7.html"
    told = (Phrase(code="event.letter_file", text=name),)
    host.post("wangwei", "letter.final", collect(events=told), severity="critical")
    found = phone(tab, "wangwei").get_by_role("link", name=name)
    expect(found).to_have_attribute("href", re.compile(r"^letters/wangwei/letter-of-demand_%E5%8D%8E"))
    with tab.context.expect_page() as opened:
        found.click()
    expect(opened.value.locator("h1")).to_have_text("没有这份催款函")  # this page has no folder of letters


@PHONE
def test_what_may_be_typed_is_readable_on_a_phone(tab: Page, host: Sample) -> None:
    """A long command leaves its meaning room."""
    from bot.commands.account import HELP
    from bot.notifications.templates import render
    from bot.notifications.views import HelpView, Line

    lines = tuple(Line(label=usage[0], value=does[0]) for usage, does in HELP.values())
    number = host.send("lina", render("reply.help", HelpView(today=date(2026, 7, 8), commands=lines), "zh"))
    card = phone(tab, "lina").locator(f'[data-delivery="{number}"]')
    expect(card).to_be_visible()
    meanings = card.locator(".rows .pair > :last-child")
    widths = meanings.evaluate_all("all => all.map(one => one.getBoundingClientRect().width)")
    assert len(widths) > 20 and min(widths) > 120, sorted(widths)[:3]


def test_an_approver_has_their_list_at_hand(tab: Page) -> None:
    expect(phone(tab, "lina").locator(".quick button")).to_have_text(["待办", "逾期", "账龄", "帮助"])
    told = tab.evaluate("['hexin', 'lina'].map(one => quickWords(one))")
    assert told == [["待办", "审批", "逾期", "账龄", "帮助"], ["待办", "逾期", "账龄", "帮助"]]
