"""The demo's order system in a real browser: an order is placed, the director's phone lights up, a tap decides."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx2
import pytest

from bot.app import App
from bot.demo.stage import FILE, open_demo
from bot.server import _page
from bot.settings import Settings
from tests.page.sample import CHROMIUM, FLAGS, in_thread, link, listening

try:
    from playwright.sync_api import Browser, Page, expect, sync_playwright
except ImportError:
    CHROMIUM = None
if CHROMIUM is None or not CHROMIUM.exists():
    pytest.skip("no browser: install the `e2e` extra and Debian's chromium", allow_module_level=True)

pytestmark = pytest.mark.page
WEDNESDAY = datetime(2026, 7, 15, 9, tzinfo=ZoneInfo("Asia/Shanghai"))
Site = tuple[str, Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as p:
        made = p.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield made
        made.close()


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo as it is on its first morning."""
    folder = tmp_path_factory.mktemp("sample")
    app = in_thread(open_demo(Settings(), folder / FILE, at=WEDNESDAY))
    in_thread(app.stop())
    return folder


@pytest.fixture
def app(sample: Path, tmp_path: Path) -> Iterator[App]:
    """The same, opened again in a folder of its own."""
    folder = tmp_path / "demo"
    shutil.copytree(sample, folder)
    found = in_thread(open_demo(Settings(), folder / FILE))
    yield found
    in_thread(found.stop())


@pytest.fixture
def site(app: App) -> Iterator[Site]:
    with listening(_page(app)) as found:
        yield found


@pytest.fixture
def tab(browser: Browser, site: Site, request: pytest.FixtureRequest) -> Iterator[Page]:
    context = browser.new_context(viewport=getattr(request, "param", {"width": 1280, "height": 800}), locale="zh-CN")
    context.set_default_timeout(10_000)
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.goto(link(site))
    page.wait_for_selector("body[data-ready]")
    yield page
    context.close()
    assert not wrong


PHONE = pytest.mark.parametrize("tab", [{"width": 390, "height": 844}], indirect=True)


def phone(tab: Page, handle: str) -> Any:
    return tab.locator(f'[data-person="{handle}"]')


def panel(tab: Page) -> Any:
    tab.click("#shop")
    found = phone(tab, "@shop")
    expect(found.locator("[data-shop=amounts] button").first).to_be_visible()
    return found


def order(shop: Any, number: str) -> Any:
    return shop.locator(f'[data-order="{number}"]')


def place(shop: Any, amount: str = "") -> Any:
    """Presses the button, with the amount that is beyond the limit if none is given. The new line."""
    if amount:
        shop.locator("[name=amount]").fill(amount)
    else:
        shop.get_by_role("button", name="超额度").click()
    before = shop.locator("[data-order]").count()
    shop.get_by_role("button", name="下单").click()
    expect(shop.locator("[data-order]")).to_have_count(before + 1)
    return shop.locator("[data-order]").first


def test_beyond_the_limit_the_director_decides_and_everybody_sees_it(tab: Page) -> None:
    shop = panel(tab)
    assert [p.get_attribute("data-person") for p in tab.locator(".phone").all()] == ["@shop", "wutao", "lina", "zhoumin"]
    assert tab.locator("body").evaluate("b => b.scrollWidth <= innerWidth")
    expect(shop.locator("[data-shop=credit]")).to_contain_text("额度 ¥300,000.00")
    shop.locator("[name=note]").fill("老客户，月底补齐")
    line = place(shop)
    assert line.get_attribute("data-order") == "SO-260715-01"
    expect(line).to_contain_text("暂缓放行")
    expect(line).to_contain_text("超信用额度 ¥69,800.00")
    expect(line).to_contain_text("等 吴涛 审批")
    card = phone(tab, "wutao").locator("[data-kind='credit.request'][data-state=open]", has_text="SO-260715-01")
    expect(card).to_contain_text("老客户，月底补齐")
    expect(phone(tab, "lina").locator("[data-kind='order.held']", has_text="SO-260715-01")).to_be_visible()
    card.locator('[data-action="credit.approve"]').click()
    sheet = phone(tab, "wutao").get_by_role("dialog")
    expect(sheet).to_contain_text("¥310,000.00")  # what is confirmed names the amounts
    expect(sheet).to_contain_text("¥69,800.00")
    sheet.get_by_role("button", name="批准").click()
    expect(line).to_contain_text("已放行")
    expect(line).to_contain_text("经 吴涛 批准")
    for handle in ("lina", "zhoumin"):
        expect(phone(tab, handle).locator("[data-kind='order.decided']", has_text="SO-260715-01")).to_be_visible()
    closed = phone(tab, "wutao").locator("[data-kind='credit.request'][data-state=closed]", has_text="SO-260715-01")
    expect(closed.locator("button")).to_have_count(0)


@PHONE
def test_on_a_phone_it_is_a_tab_beside_the_others(tab: Page) -> None:
    def fits() -> bool:
        wide = "n => [...n.querySelectorAll('*')].filter(o => o.getBoundingClientRect().right > 391).length"
        whole = tab.evaluate("document.documentElement.scrollWidth <= 390 && document.body.scrollWidth <= 390")
        return bool(whole) and tab.locator(".phone.active").evaluate(wide) == 0

    shop = panel(tab)
    assert fits()
    line = place(shop)
    expect(line).to_contain_text("暂缓放行")
    expect(tab.locator('[data-tab="wutao"] .badge')).to_have_text("1")
    line.get_by_role("button", name="等 吴涛 审批").click()
    expect(phone(tab, "wutao")).to_be_visible()
    card = phone(tab, "wutao").locator("[data-kind='credit.request'][data-state=open]").last
    card.locator('[data-action="credit.reject"]').click()
    assert fits()
    sheet = phone(tab, "wutao").get_by_role("dialog")
    sheet.locator("[name=reason]").fill("先收一半货款")
    sheet.get_by_role("button", name="确定").click()
    expect(sheet).to_have_count(0)
    tab.locator('[data-tab="lina"]').click()
    expect(phone(tab, "lina").locator("[data-kind='order.decided']").last).to_contain_text("先收一半货款")
    assert fits()
    tab.locator('[data-tab="@shop"]').click()
    expect(line).to_contain_text("已驳回")
    expect(line).to_contain_text("吴涛：先收一半货款")
    assert fits()


def test_within_the_limit_it_goes_out_at_once(tab: Page) -> None:
    shop = panel(tab)
    shop.get_by_role("button", name="额度内").click()
    line = place(shop, shop.locator("[name=amount]").input_value())
    expect(line).to_contain_text("已放行")
    expect(line.locator("button")).to_have_count(0)
    expect(shop.locator("[name=amount]")).to_have_value("")


def test_whoever_is_overdue_is_the_sales_directors_business_and_his_phone_comes(tab: Page, site: Site) -> None:
    shop = panel(tab)
    shop.locator("[name=customer]").select_option("C003")
    expect(shop.locator("[data-shop=credit]")).to_contain_text("逾期 13 天")
    shop.locator("[name=terms]").select_option("90")
    before = tab.request.get(f"{site[0]}/api/chat/zhengkai?profile=full")

    def slowly(route: Any) -> None:
        time.sleep(1.5)
        route.fulfill(response=before)

    tab.route("**/api/chat/zhengkai*", slowly)  # his card comes while his chat, as it was before, is on its way
    line = place(shop, "12,000")
    expect(line).to_contain_text("账期")
    expect(line).to_contain_text("等 郑凯 审批")
    expect(phone(tab, "zhengkai").locator("[data-kind='credit.request']").last).to_contain_text("¥12,000.00")


def test_what_is_no_amount_is_said_and_nothing_is_sent(tab: Page) -> None:
    shop = panel(tab)
    before = shop.locator("[data-order]").count()
    for wrong in ("", "abc", "-5", "0"):
        shop.locator("[name=amount]").fill(wrong)
        shop.get_by_role("button", name="下单").click()
        expect(shop.get_by_role("alert")).to_contain_text("请填金额")
    assert shop.locator("[data-order]").count() == before


def test_it_stays_where_it_was_and_goes_as_it_came(tab: Page) -> None:
    before = [p.get_attribute("data-person") for p in tab.locator(".phone").all()]
    expect(tab.locator("#shop")).to_have_text("订单系统")
    shop = panel(tab)
    expect(order(shop, "SO-260714-02")).to_contain_text("等 吴涛 审批")
    tab.reload()
    expect(order(shop, "SO-260714-02")).to_contain_text("暂缓放行")
    tab.click("#lang")
    expect(order(shop, "SO-260710-02")).to_contain_text("Refused")
    expect(order(shop, "SO-260710-02")).to_contain_text("below cost", ignore_case=True)
    tab.click("#shop")
    assert [p.get_attribute("data-person") for p in tab.locator(".phone").all()] == before


def test_its_token_is_for_whoever_opened_the_page(site: Site, app: App) -> None:
    assert app.shop is not None
    with httpx2.Client(base_url=site[0], headers={"Origin": site[0]}) as client:
        assert client.get("/api/shop").status_code == 403
        client.get(link(site))
        found = client.get("/api/shop").json()
        assert found["token"] == app.shop.token and len(found["customers"]) == 40
        assert client.get("/api/shop/customers/C404").json()["error"]["code"] == "customer.unknown"
        body = {"number": found["next"], "customer": "C008", "amount": "1000.00"}
        assert client.post("/api/v1/orders", json=body).status_code == 401  # the page's cookie opens no REST
        bearer = {"Authorization": f"Bearer {found['token']}"}
        assert client.post("/api/v1/orders", json=body, headers=bearer).json()["verdict"] == "released"
        assert client.get("/api/shop/orders").json()["orders"][0]["state"] == "released"
