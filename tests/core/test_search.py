"""A customer is found by whatever people call it, but a write is only sure of an exact name."""

import pytest
from sqlmodel import Session

from core.models import Customer, Person
from core.permissions import EVERYTHING, Scope
from core.search import find, find_prefix, fold, index_text


@pytest.fixture
def customers(session: Session) -> Session:
    rep = Person(handle="li", name="小李", roles=["rep"])
    session.add(rep)
    session.flush()
    for code, name, short_name, aliases, owner in [
        ("C019", "华兴商贸有限公司", "华兴商贸", ["HX Trading"], rep.id),
        ("C020", "华信电子股份有限公司", "华信", [], None),
        ("C021", "大华兴业集团", "大华", [], None),
        ("C0199", "7 Eleven 便利店", "", [], rep.id),
        ("C01", "北京重庆路百货", "", ["百货"], None),
        ("C02", "上海百货", "", ["百货"], None),
        ("0042", "Acme", "", [], None),
        ("0043", "Acme Trading Co., Ltd.", "", [], None),
        ("A-1", "一号", "", [], None),
        ("A1", "二号", "", [], None),
    ]:
        search = index_text(code, name, short_name, aliases)
        session.add(Customer(code=code, name=name, short_name=short_name, aliases=aliases, owner_id=owner, search=search))
    session.flush()
    return session


def codes(session: Session, text: str, scope: Scope = EVERYTHING) -> tuple[bool, list[str]]:
    exact, found = find(session, scope, text)
    return exact, [customer.code for customer in found]


def test_folding_forgets_width_case_spaces_and_punctuation() -> None:
    assert fold(" ＡＢＣ－１（华东） ") == fold("abc1华东") == "abc1华东"
    assert fold("Straße") == "strasse"
    assert fold("%_\\'") == ""


@pytest.mark.parametrize(
    "text",
    ["C019", "c019", "Ｃ０１９", "华兴商贸有限公司", "华兴商贸", " 华兴 商贸 ", "hx trading", "HX-Trading"],
)
def test_the_names_themselves_are_exact(customers: Session, text: str) -> None:
    assert codes(customers, text) == (True, ["C019"])


@pytest.mark.parametrize("text", ["hxsm", "HXSM", "huaxingshangmao", "hua xing shang mao", "华兴商", "兴商贸"])
def test_pinyin_initials_and_parts_find_but_are_not_sure(customers: Session, text: str) -> None:
    assert codes(customers, text) == (False, ["C019"])


def test_characters_that_are_read_in_two_ways(customers: Session) -> None:
    assert codes(customers, "bjcqlbh") == (False, ["C01"])


def test_the_same_sound_or_a_typing_error(customers: Session) -> None:
    assert codes(customers, "华星商贸") == (False, ["C019"])
    assert codes(customers, "acme tradng") == (False, ["0043"])
    assert codes(customers, "huaxinshangmao")[1][0] == "C019"
    assert codes(customers, "C018") == (False, [])  # the next number is another customer, not a typing error


def test_two_customers_with_one_name_are_a_choice(customers: Session) -> None:
    assert codes(customers, "百货") == (False, ["C02", "C01"])
    assert codes(customers, "a1") == (False, ["A-1", "A1"])
    assert codes(customers, "A1") == (True, ["A1"])  # written exactly as the code is


def test_beginnings_come_before_middles(customers: Session) -> None:
    assert codes(customers, "华兴") == (False, ["C019"])
    assert codes(customers, "华") == (False, ["C019", "C020"])


@pytest.mark.parametrize("text", ["", "  ", "%", "_", "、", "不存在", "zzzz", "'; drop table customer; --"])
def test_nothing_is_found_for_nothing(customers: Session, text: str) -> None:
    assert codes(customers, text) == (False, [])


def test_outside_the_scope_nobody_exists(customers: Session) -> None:
    rep = Scope(owner_ids=frozenset({customers.connection().exec_driver_sql("select id from person").scalar_one()}))
    assert codes(customers, "C019", rep) == (True, ["C019"])
    for text in ("C020", "华信", "华信电子股份有限公司", "hxdz", "大华兴业"):
        assert codes(customers, text, rep) == (False, [])
        assert codes(customers, text, Scope()) == (False, [])


@pytest.mark.parametrize(
    ("text", "code", "rest", "exact"),
    [
        ("C019 明天 5万", "C019", "明天 5万", True),
        ("7 Eleven 便利店 7-15 5万", "C0199", "7-15 5万", True),
        ("7 eleven 7-15", "C0199", "7-15", False),
        ("Acme Trading Co., Ltd. fri", "0043", "fri", True),
        ("Acme fri 5000", "0042", "fri 5000", True),
        ("0042 3", "0042", "3", True),
        ("C01 9", "C01", "9", True),  # not C019
        ("c01 9", "C01", "9", True),
        ("HX Trading 500", "C019", "500", True),
        ("hxsm 500", "C019", "500", False),
        ("华 500", None, "500", False),
    ],
)
def test_the_name_ends_where_the_rest_begins(
    customers: Session, text: str, code: str | None, rest: str, exact: bool
) -> None:
    words = text.split()
    found = find_prefix(customers, EVERYTHING, words)
    assert " ".join(words[found.words :]) == rest
    assert found.exact is exact
    if code:
        assert [customer.code for customer in found.customers] == [code]
