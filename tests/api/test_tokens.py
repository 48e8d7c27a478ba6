"""`huikuan token`: issued once, listed without their secret, revoked for good."""

import sqlite3

import pytest

from tests.cli.conftest import CommandLine
from tests.cli.conftest import hk as hk


def test_a_token_is_shown_once_and_only_its_digest_is_stored(hk: CommandLine) -> None:
    made = hk("token", "add", "shop", "--scope", "orders:read", "--scope", "orders:write", "--source", "商城", "--json").json
    assert made["scopes"] == ["orders:write", "orders:read"] and made["source"] == "商城" and made["expires"] is None
    assert made["token"].startswith("hk_") and len(made["token"]) > 40
    kept = "\n".join(sqlite3.connect(hk.folder / "var/huikuan.db").iterdump())
    assert made["token"] not in kept and "shop" in kept
    listed = hk("token", "list", "--json").json["tokens"]
    assert listed == [{name: value for name, value in made.items() if name != "token"}]
    assert "商城" in hk("token", "list").out and made["token"] not in hk("token", "list").out
    human = hk("token", "add", "crm", "--scope", "orders:read").out.splitlines()
    assert human[-1].startswith("hk_") and human[-1] != made["token"]


def test_a_token_works_through_its_last_day(hk: CommandLine) -> None:
    made = hk("token", "add", "shop", "--scope", "orders:read", "--expires", "2099-12-31", "--json").json
    assert made["expires"] == "2100-01-01T00:00:00+08:00" and made["state"] == "active"
    assert hk.refused("token", "add", "old", "--scope", "orders:read", "--expires", "2020-01-01")["code"] == "token.expired"
    for date in ("soon", "9999-12-31"):
        assert hk.refused("token", "add", "x", "--scope", "orders:read", "--expires", date)["code"] == "time.bad_date"


def test_what_is_revoked_stays_revoked(hk: CommandLine) -> None:
    hk("token", "add", "shop", "--scope", "orders:write")
    assert hk("token", "revoke", "shop", "--json").json["state"] == "revoked"
    assert "shop" in hk("token", "revoke", "shop").out
    assert hk.refused("token", "add", "shop", "--scope", "orders:write")["code"] == "token.taken"
    assert hk.refused("token", "revoke", "crm")["code"] == "token.unknown"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("x", "--scope", "orders:delete"), "token.bad_scope"),
        (("x",), "usage.wrong"),
        (("", "--scope", "orders:read"), "token.bad_name"),
        ((" x", "--scope", "orders:read"), "token.bad_name"),
        (("x" * 65, "--scope", "orders:read"), "token.bad_name"),
        (("x", "--scope", "orders:read", "--source", "a\nb"), "token.bad_name"),
    ],
)
def test_what_is_no_token(hk: CommandLine, words: tuple[str, ...], code: str) -> None:
    assert hk.refused("token", "add", *words)["code"] == code
    assert hk("token", "list", "--json").json == {"tokens": []}
