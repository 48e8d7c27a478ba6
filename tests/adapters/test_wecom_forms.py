"""The form page: only for whom it was made, once, without scripts; it keeps what was typed and saves like a tap."""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from sqlalchemy import select, update

from bot.adapters.memory import Memory
from core.credit import orders
from core.dunning.stored import active
from core.errors import Unreachable
from core.models import Account, CreditRequest, Customer, Person
from core.models.base import table_of
from tests.adapters.test_wecom_app import Company
from tests.databases import Databases
from tests.fakes.wecom import FakeWecom, Shown
from tests.rigs.wecom_browser import ONCE as NOBODY
from tests.rigs.wecom_browser import Browser, asks
from tests.rigs.wecom_browser import form_of as hidden
from tests.scenarios.ordering import place, put

P = table_of(Person)


@pytest.fixture
def wecom() -> Iterator[FakeWecom]:
    with FakeWecom() as fake:
        yield fake
        assert fake.wrong == [] and fake.lint == []


@pytest.fixture
def hk(databases: Databases, wecom: FakeWecom) -> Iterator[Company]:
    made = Company(databases.create("sqlite"), wecom, forms=True)
    yield made
    made.close()


def link(card: Shown) -> str:
    return next(b.url for b in card.buttons if b.text == "填写详情")


def opened(hk: Company, wecom: FakeWecom) -> tuple[Browser, requests.Response]:
    browser = Browser(wecom, "li")
    page = browser.enter(link(hk.first()))
    assert page.status_code == 200, page.text
    return browser, page


def test_the_card_has_one_button_for_it_and_nothing_secret_in_its_link(hk: Company) -> None:
    card = hk.first()
    assert [b.text for b in card.buttons].count("填写详情") == 1 and len(card.buttons) <= 6
    assert parse_qs(urlsplit(link(card)).query) == {"m": [card.card["task_id"]]}


def test_what_no_card_can_ask_is_filled_in(hk: Company, wecom: FakeWecom) -> None:
    browser, page = opened(hk, wecom)
    for words in ("¥120,000.00", "称付部分", "承诺日期", "有争议", "需要单据", "其他情况", 'type="date"', 'lang="zh"'):
        assert words in page.text, words
    done = browser.save(page, "task.promise", date="2026-07-09", amount="12万", note="月底 <b>前</b>")
    assert done.status_code == 200 and "可以关闭此页" in done.text
    assert hk.promises("甲") == ["open"]
    hk.settled(lambda: hk.card().buttons == () or "承诺" in hk.card().text)


def test_the_card_in_the_chat_changes_with_it(hk: Company, wecom: FakeWecom) -> None:
    browser, page = opened(hk, wecom)
    browser.save(page, "task.promise", date="2026-07-10")
    hk.settled(lambda: hk.card().buttons == ())
    assert "承诺" in hk.card().text


def test_the_page_lists_the_invoices(hk: Company, wecom: FakeWecom) -> None:
    _, page = opened(hk, wecom)
    assert "<li>I1 · " in page.text and ">保存</button>" in page.text


def test_a_decision_s_button_says_which(hk: Company, wecom: FakeWecom) -> None:
    held(hk)
    page = Browser(wecom, "zhou").enter(link(hk.card("zhou")))
    assert ">驳回</button>" in page.text and ">附条件批准</button>" in page.text and ">保存</button>" not in page.text


def test_errors_stand_at_their_field_and_what_was_typed_is_kept(hk: Company, wecom: FakeWecom) -> None:
    browser, page = opened(hk, wecom)
    again = browser.save(page, "task.dispute", reason="", amount="abc", note='"><script>alert(1)</script>')
    assert again.status_code == 422 and again.text.count('role="alert"') == 2
    assert 'value="abc"' in again.text and "&lt;script&gt;" in again.text and "<script" not in again.text
    late = browser.save(again, "task.promise", date="2026-01-01")
    assert late.status_code == 422 and 'aria-invalid="true"' in late.text
    asked = browser.save(late, "task.not_reached", again_on="2026-12-31")  # what only the core knows
    assert asked.status_code == 422
    assert 'id="task.not_reached-again_on-error"' in asked.text and 'value="2026-12-31"' in asked.text
    assert browser.save(asked, "task.promise", date="2026-07-09").status_code == 200
    assert hk.promises("甲") == ["open"]


def test_nobody_else_learns_anything(hk: Company, wecom: FakeWecom, caplog: pytest.LogCaptureFixture) -> None:
    card = hk.first()
    wecom.add_member("Mallory")
    for user in ("mallory", "wang", "somebody-outside"):
        page = Browser(wecom, user).enter(link(card))
        assert page.status_code == 403 and "¥" not in page.text and "甲" not in page.text
    without = requests.get(link(card), **NOBODY)
    assert without.status_code == 302 and without.text == ""
    for path in ("/form/fill?f=" + "0" * 32, "/form/entered?code=x&state=" + "0" * 32, "/form?m=nothing", "/form?m=../../x"):
        assert requests.get(hk.url + path, **NOBODY).status_code in (404, 410)


def test_the_way_back_works_once_and_in_the_same_browser(hk: Company, wecom: FakeWecom) -> None:
    card = hk.first()
    mine, thief = Browser(wecom, "li"), Browser(wecom, "li")
    back = mine.sign_in(link(card))
    assert thief.get(back, timeout=10).status_code == 410  # and it is used up now
    assert mine.get(back, timeout=10).status_code == 410
    page = mine.enter(link(card))
    assert page.status_code == 200 and thief.get(page.url, timeout=10).status_code == 410


def test_links_end(hk: Company, wecom: FakeWecom) -> None:
    from datetime import timedelta

    card = hk.first()
    browser = Browser(wecom, "li")
    back = browser.sign_in(link(card))
    hk.now += timedelta(minutes=11)
    old = browser.get(back, timeout=10)
    assert old.status_code == 410 and "十分钟" in old.text
    page = browser.enter(link(card))
    hk.now += timedelta(minutes=31)
    assert browser.save(page, "task.promise", date="2026-07-09").status_code == 410 and hk.promises("甲") == []


def test_another_site_cannot_post(hk: Company, wecom: FakeWecom) -> None:
    browser, page = opened(hk, wecom)
    fields = hidden(page.text, "task.promise") | {"date": "2026-07-09"}
    save = page.url.rsplit("/", 1)[0] + "/save"
    assert browser.post(save, data=fields | {"_csrf": "0" * 32}, timeout=10).status_code == 410
    assert requests.post(save, data=fields, timeout=10).status_code == 410
    assert browser.post(save, data=b"\xff" * 70_000, timeout=10).status_code == 410
    assert hk.promises("甲") == []
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert "http" not in re.sub(r"<!doctype html>|https?://127\.0\.0\.1", "", page.text) and "<script" not in page.text
    assert "hk_form" in browser.cookies


def test_saved_once(hk: Company, wecom: FakeWecom) -> None:
    browser, page = opened(hk, wecom)
    assert browser.save(page, "task.promise", date="2026-07-09").status_code == 200
    assert browser.save(page, "task.promise", date="2026-07-08").status_code == 410
    assert hk.promises("甲") == ["open"]


def test_a_card_that_is_over_says_so(hk: Company, wecom: FakeWecom) -> None:
    card = hk.first()
    address = link(card)
    hk.act("li", "task.promise", "甲", date="2026-07-10")
    page = Browser(wecom, "li").enter(address)
    assert page.status_code == 200 and "没有要填写的内容" in page.text


# --- asked once more ---


def held(hk: Company) -> Shown:
    """li's card of an order that waits for zhou."""
    hk.begin("2026-07-06 10:00")
    hk.customer("甲", "li", credit_limit_minor=100_000)
    place(hk, "甲", "2000.00", "SO1")
    return hk.card()


def withdraws(hk: Company, wecom: FakeWecom) -> tuple[Browser, requests.Response]:
    browser = Browser(wecom, "li")
    return browser, browser.enter(link(held(hk)))


def test_what_asks_once_more_on_a_card_does_so_on_the_page(hk: Company, wecom: FakeWecom) -> None:
    browser, page = withdraws(hk, wecom)
    sure = browser.save(page, "credit.withdraw", reason="客户 <b>改单</b>")
    assert sure.status_code == 200 and "尚未保存" in sure.text and "<script" not in sure.text
    for words in ("撤回 甲 订单 SO1（¥2,000.00）的放行申请？", "客户 <b>改单</b>"):
        assert words in unescape(sure.text), words
    assert "<b>" not in sure.text and request_state(hk) == "pending"
    done = browser.confirm(sure)
    assert done.status_code == 200 and "可以关闭此页" in done.text
    assert request_state(hk) == "withdrawn"
    hk.settled(lambda: "撤回" in hk.card().text)


def test_a_yes_to_amounts_that_have_changed_is_asked_again(hk: Company, wecom: FakeWecom) -> None:
    browser, page = withdraws(hk, wecom)
    sure = browser.save(page, "credit.withdraw", reason="改单")
    put(hk, "SO1", "1999.00")
    again = browser.confirm(sure)
    assert "¥1,999.00" in again.text and "尚未保存" in again.text and request_state(hk) == "pending"
    browser.confirm(again)
    assert request_state(hk) == "withdrawn"


def test_back_to_the_form_keeps_what_was_typed_and_does_nothing(hk: Company, wecom: FakeWecom) -> None:
    browser, page = withdraws(hk, wecom)
    sure = browser.save(page, "credit.withdraw", reason="改单")
    form = browser.save(sure, "credit.withdraw", _back="1")
    assert form.status_code == 200 and ">改单</textarea>" in form.text and "credit.explain" in asks(form.text)
    assert request_state(hk) == "pending"
    assert "可以关闭此页" in browser.save(form, "credit.explain", note="月底付").text  # which asks nothing


def test_a_yes_that_nobody_asked_for_is_a_question(hk: Company, wecom: FakeWecom) -> None:
    browser, page = withdraws(hk, wecom)
    assert "尚未保存" in browser.save(page, "credit.withdraw", _sure="0" * 32).text
    assert request_state(hk) == "pending"


def test_what_is_decided_while_the_page_asks_is_over(hk: Company, wecom: FakeWecom) -> None:
    browser, page = withdraws(hk, wecom)
    sure = browser.save(page, "credit.withdraw")
    hk.set_customer("甲", credit_limit_minor=1_000_000)
    with hk.db() as work:
        orders.check_customer(work, active(work)[1], 1)
    assert "没有要填写的内容" in browser.confirm(sure).text


def test_conditions_are_repeated_with_the_order_they_are_about(hk: Company, wecom: FakeWecom) -> None:
    held(hk)
    browser = Browser(wecom, "zhou")
    page = browser.enter(link(hk.card("zhou")))
    sure = browser.save(page, "credit.approve_with", prepay_percent="30", terms="15", note="*先款* <b>后货</b>，分两批")
    assert "审批意见" in sure.text and "*先款* <b>后货</b>，分两批" in unescape(sure.text)
    assert "尚未保存" in sure.text and "附条件批准 甲 订单 SO1（¥2,000.00）？" in unescape(sure.text)
    assert request_state(hk) == "pending"
    other = Browser(wecom, "li")
    theirs = other.enter(link(hk.card()))
    stolen = hidden(theirs.text, "credit.withdraw") | {"_ask": hidden(sure.text, "credit.approve_with")["_ask"]}
    other.post(theirs.url.rsplit("/", 1)[0] + "/save", data=stolen, timeout=10)
    assert request_state(hk) == "pending", "a question is its reader's"
    assert "可以关闭此页" in browser.confirm(sure).text
    assert request_state(hk) == "approved"


def request_state(hk: Company) -> str:
    with hk.look() as work:
        return str(work.session.execute(select(CreditRequest.state)).scalar_one())


def test_names_show_as_typed(hk: Company, wecom: FakeWecom) -> None:
    hk.begin("2026-07-02 08:00")
    name = "<script>x</script> & ]]> **b** {{ 7*7 }}"
    hk.customer("甲", "li")
    with hk.db() as work:
        work.session.execute(update(table_of(Customer)).values(name=name, short_name=name))
        work.session.execute(update(table_of(Person)).where(table_of(Person).c.handle == "li").values(locale="en"))
    hk.receivable("甲", "100.00", due="2026-07-01", number="I1", issued="2026-06-01")
    hk.morning("2026-07-02")
    address = next(b.url for b in hk.card().buttons if b.url)
    page = Browser(wecom, "li").enter(address)
    assert name in unescape(page.text) and "<script" not in page.text and 'lang="en"' in page.text
    wecom.lint.clear()  # English words are longer than the same number of characters in Chinese


def test_many_tries_are_slowed_down(hk: Company, wecom: FakeWecom) -> None:
    address = link(hk.first())
    found = [requests.get(address, **NOBODY).status_code for _ in range(32)]
    assert found[0] == 302 and found[-1] == 429


def test_without_wecom_nothing_is_saved(hk: Company, wecom: FakeWecom) -> None:
    card = hk.first()
    wecom.faults.status("auth/getuserinfo", 500)
    browser = Browser(wecom, "li")
    assert browser.enter(link(card)).status_code == 502


def test_without_the_database_the_page_says_so(hk: Company, wecom: FakeWecom, monkeypatch: pytest.MonkeyPatch) -> None:
    address = link(hk.first())

    def gone(*_: object) -> None:
        raise Unreachable("no")

    monkeypatch.setattr(Memory, "count", gone)
    page = requests.get(address, **NOBODY)
    assert page.status_code == 503 and "什么也没有保存" in page.text


def test_whoever_left_sees_nothing_more(hk: Company, wecom: FakeWecom) -> None:
    """The member is in WeCom still, and has the page open."""
    browser, page = opened(hk, wecom)
    with hk.db() as work:
        work.session.execute(update(P).where(P.c.handle == "li").values(active=False))
    for seen in (browser.get(page.url, timeout=10), browser.save(page, "task.promise", date="2026-07-09")):
        assert seen.status_code == 410 and "¥" not in seen.text
    assert hk.promises("甲") == []


def test_whoever_has_the_account_now_sees_nothing_of_before(hk: Company, wecom: FakeWecom) -> None:
    browser, page = opened(hk, wecom)
    with hk.db() as work:
        mine = table_of(Account)
        work.session.execute(update(mine).where(mine.c.user_id == "li").values(person_id=hk._person_id(work, "lin")))
    assert browser.get(page.url, timeout=10).status_code == 410


def test_below_a_path_of_the_proxy(hk: Company, wecom: FakeWecom) -> None:
    card = hk.first()
    hk.app.adapters["wecom"].public_url += "/hk"  # type: ignore[attr-defined]
    asked = requests.get(link(card), **NOBODY)
    assert "Path=/hk/form;" in asked.headers["Set-Cookie"] + ";"
    assert "%2Fhk%2Fform%2Fentered" in asked.headers["Location"]


def test_looking_whether_the_address_works_uses_nothing_up(hk: Company, wecom: FakeWecom) -> None:
    card = hk.first()
    browser = Browser(wecom, "li")
    back = browser.sign_in(link(card))
    assert browser.head(back, timeout=10).status_code == 405
    assert browser.get(back, timeout=10).status_code == 200


def test_a_message_is_not_found_by_its_number(hk: Company, wecom: FakeWecom) -> None:
    hk.first()
    assert [requests.get(f"{hk.url}/form?m=d{n}", **NOBODY).status_code for n in range(4)] == [404] * 4


def test_that_an_answer_is_there_cannot_be_found_out_by_counting(hk: Company, wecom: FakeWecom) -> None:
    """An answer is called by its number only. Its link opens for its reader; the number alone says nothing at all."""
    hk.first()
    wecom.say("li", "/todo")
    hk.settled(lambda: "打开待办" in hk.card().text)
    wecom.tap("li", hk.card(), hk.card().key_of("打开待办"))
    wecom.tap("li", hk.card(), hk.card().key_of("提交"), {"task": list(hk.card().questions["task"].options)[1]})
    hk.settled(lambda: len(wecom.screen("li")) == 3)
    hk.settled(lambda: any(b.text == "填写详情" for b in hk.card().buttons))
    mine = link(hk.card())
    assert Browser(wecom, "li").enter(mine).status_code == 200
    [name] = parse_qs(urlsplit(mine).query)["m"]
    number = name.partition("-")[0]
    assert re.fullmatch(r"d\d+", number)
    guesses = [number, "d9999", f"{number}-", f"d9999-{name.partition('-')[2]}", f"{number}-{'0' * 20}"]
    answers = [requests.get(f"{hk.url}/form?m={guess}", **NOBODY) for guess in guesses]
    assert [answer.status_code for answer in answers] == [404] * 5
    assert len({re.sub(r'nonce="[^"]+"', "", answer.text) for answer in answers}) == 1
    assert not any("Set-Cookie" in answer.headers for answer in answers)


def test_it_fits_a_phone(hk: Company, wecom: FakeWecom) -> None:
    _, page = opened(hk, wecom)
    assert 'name="viewport" content="width=device-width' in page.text
    sizes: list[Any] = re.findall(r"(?:^|[^-])width:\s*(\d+)px", page.text)
    assert sizes == []
