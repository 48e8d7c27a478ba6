"""A letter of demand opens from the page: for who may see its customer, and nothing else that lies around."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import Engine, select

from bot.notifications.documents import page_of
from bot.notifications.templates import render
from bot.notifications.views import REGISTRY
from bot.web.letters import policy_of
from core.db import transaction
from core.models import Audit, Customer, Person
from core.models.base import table_of
from tests.page.sample import NOW, Sample, collect, serving

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
NAME = "letter-of-demand_C_01_2026-07-08_7.html"


@pytest.fixture
def letters(tmp_path: Path) -> Path:
    return tmp_path / "letters"


@pytest.fixture
def site(host: Sample, letters: Path) -> Iterator[tuple[str, Any]]:
    with serving(host, letters) as found:
        yield found


@pytest.fixture
def name(engine: Engine, letters: Path) -> str:
    """The letter of a customer of lina's, rendered today."""
    letters.mkdir()
    card = render("document.final", REGISTRY["letter"].example("zh"), "zh")
    (letters / NAME).write_text(page_of(card), encoding="utf-8")
    with transaction(engine) as session:
        owner = session.execute(select(table_of(Person).c.id).where(table_of(Person).c.handle == "lina")).scalar_one()
        customer = Customer(code="C/01", name="华兴商贸有限公司", owner_id=owner)
        session.add(customer)
        session.flush()
        session.add(
            Audit(at=NOW, actor="system", action="letter.rendered", subject="letter", subject_id=7,
                  customer_id=customer.id, data={"file": NAME})
        )  # fmt: skip
    return NAME


@pytest.mark.parametrize("reader", ["lina", "wangwei", "zhoumin", "chenyan", "hexin"])
def test_who_may_see_the_customer_opens_it(http: httpx2.Client, name: str, reader: str) -> None:
    answer = http.get(f"/letters/{reader}/{name}")
    assert answer.status_code == 200 and "催款函" in answer.text
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-") and "unsafe" not in policy and "self" not in policy
    assert policy_of("<style>a</style>") != policy_of("<style>b</style>") and "style" not in policy_of("<p>none</p>")
    assert answer.headers["cache-control"] == "no-store" and answer.headers["x-content-type-options"] == "nosniff"


def test_whoever_may_not_gets_the_same_as_for_no_file(http: httpx2.Client, name: str, letters: Path) -> None:
    none = http.get(f"/letters/lina/{name.replace('_7', '_8')}")
    assert none.status_code == 404 and "没有这份催款函" in none.text
    (letters / name.replace("C_01", "C_02")).write_text("not in the books", encoding="utf-8")
    for path in (f"sunlei/{name}", f"nobody/{name}", f"lina/{name.replace('C_01', 'C_02')}"):
        answer = http.get(f"/letters/{path}")
        assert (answer.status_code, answer.text, dict(answer.headers) | {"date": ""}) == (
            none.status_code, none.text, dict(none.headers) | {"date": ""},
        ), path  # fmt: skip
    (letters / name).unlink()
    assert http.get(f"/letters/lina/{name}").text == none.text


def test_nothing_else_is_reached(http: httpx2.Client, name: str, letters: Path, engine: Engine) -> None:
    secret = letters.parent / "secret.html"
    secret.write_text("secret", encoding="utf-8")
    (letters / "notes.html").write_text("secret", encoding="utf-8")
    for path in ("../secret.html", "..%2fsecret.html", "%2e%2e/secret.html", "..%5csecret.html", "notes.html", ".", "%00",
                 f"..%2fletters%2f{name}", f"{name}%0a", f"{name}/..", name.replace("html", "HTML")):  # fmt: skip
        answer = http.get(f"/letters/lina/{path}")
        assert answer.status_code == 404 and "secret" not in answer.text, path
    (letters / name).unlink()
    (letters / name).symlink_to(secret)
    assert http.get(f"/letters/lina/{name}").status_code == 404


def test_it_needs_the_one_time_link_like_all_else(site: tuple[str, Any], name: str) -> None:
    answer = httpx2.get(f"{site[0]}/letters/lina/{name}")
    assert answer.status_code == 403 and "一次性链接" in answer.text


def test_times_are_those_of_the_company(http: httpx2.Client, host: Sample) -> None:
    host.post("lina", "task.overdue", collect())
    host.letter("letter.friendly", REGISTRY["letter"].example("zh"), "a@x.example")
    [card] = http.get("/api/chat/lina").json()["items"]
    assert card["at"] == card["updated"] == "2026-07-08T09:00:00+08:00"
    [letter] = http.get("/api/mailbox").json()["items"]
    assert letter["at"] == letter["letter"]["at"] == "2026-07-08T09:00:00+08:00"
