"""`huikuan send-test`: a card to press goes to each account of a person; whoever presses it is told who they are."""

from collections.abc import Iterator
from typing import Any

import pytest

from bot.app import App
from bot.settings import Settings
from tests.cli.conftest import PEOPLE, CommandLine
from tests.fakes.slack import refused
from tests.fakes.slack_product import Loop, until
from tests.rigs import dingtalk, slack

ON = {"slack": slack.Rig, "dingtalk": dingtalk.Rig}


@pytest.fixture
def phones(hk: CommandLine, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """li has an account in Slack and in DingTalk, wang has none, zhou one in Slack."""
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    rigs: dict[str, Any] = {name: rig() for name, rig in ON.items()}
    for rig in rigs.values():
        rig.start()
        for name, value in rig.settings().items():
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("HUIKUAN_MESSENGERS", ",".join(ON))
    found = [("li", "slack"), ("li", "dingtalk"), ("zhou", "slack")]
    accounts = "".join(f"{person},{name},{rigs[name].account(person)}\n" for person, name in found)
    hk("import", "people", hk.file("people.csv", PEOPLE))
    hk("import", "accounts", hk.file("accounts.csv", "person,messenger,user_id\n" + accounts))
    yield rigs
    for rig in rigs.values():
        rig.stop()
        assert rig.trouble() == []


def test_a_card_goes_to_every_account_and_its_button_says_who_presses(hk: CommandLine, phones: dict[str, Any]) -> None:
    sent = hk("send-test", "li", "--json").json
    assert sent["person"] == "li"
    assert {one["messenger"]: one["sent"] for one in sent["results"]} == {"slack": True, "dingtalk": True}
    assert all("测试卡片 · 小李" in phones[name].shown("li")[-1].text for name in ON)
    loop, product = Loop(), App(Settings())
    try:
        loop.run(product.start())
        until(lambda: all(product.adapters[name].connected() for name in ON))  # type: ignore[attr-defined]
        for rig in phones.values():
            said = rig.tap("li", rig.shown("li")[-1].ref, "reply.confirm", {})
            read = [said]

            def answered(rig: Any = rig, read: list[str] = read) -> bool:
                read[1:] = [each.text for each in rig.shown("li")]
                return any("li" in text and "业务" in text for text in read)

            until(answered)
    finally:
        loop.run(product.stop())
        loop.stop()


def test_to_one_messenger_only(hk: CommandLine, phones: dict[str, Any]) -> None:
    assert "slack: 已发出" in hk("send-test", "li", "--messenger", "Slack").out
    assert len(phones["slack"].shown("li")) == 1 and phones["dingtalk"].shown("li") == []


@pytest.mark.parametrize(("words", "code"), [
    (("wang",), "account.none"), (("zhou", "--messenger", "dingtalk"), "account.none"), (("nobody",), "person.unknown"),
])  # fmt: skip
def test_whoever_cannot_be_written_to_is_told_so(
    hk: CommandLine, phones: dict[str, Any], words: tuple[str, ...], code: str
) -> None:
    assert hk.refused("send-test", *words)["code"] == code
    assert phones["slack"].shown("zhou") == []


def test_a_card_that_was_refused_is_an_exit_code_and_its_reason(hk: CommandLine, phones: dict[str, Any]) -> None:
    phones["slack"].fake.fail("chat.postMessage", refused("is_archived"))
    answered = hk("send-test", "li", code=1)
    assert "is_archived" in answered.out and "dingtalk: 已发出" in answered.out
    phones["slack"].fake.fail("chat.postMessage", refused("is_archived"))
    [one] = hk("send-test", "zhou", "--json", code=1).json["results"]
    assert (one["messenger"], one["sent"], one["reason"]) == ("slack", False, "is_archived")


def test_a_wrong_account_is_named_with_what_to_do_in_the_readers_language(
    hk: CommandLine, phones: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    hk("import", "accounts", hk.file("a.csv", "person,messenger,user_id\nwang,Slack,U0NOBODY\nwang,钉钉,nosuch\n"))
    said = hk("send-test", "wang", code=1).out
    assert "slack: 没有发出：Slack 里没有账号 U0NOBODY" in said and "dingtalk: 没有发出：钉钉里没有账号 nosuch" in said
    assert "huikuan unlink wang dingtalk" in said and "docs/setup-slack.md" in said and "user_not_found" not in said
    monkeypatch.setenv("HUIKUAN_LANG", "en")
    assert "Not sent: DingTalk knows no account nosuch" in hk("send-test", "wang", code=1).out
    results = hk("send-test", "wang", "--json", code=1).json["results"]
    assert {one["account"] for one in results} == {"U0NOBODY", "nosuch"}
