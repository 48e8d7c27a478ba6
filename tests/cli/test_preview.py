"""`huikuan preview`: what a message looks like where, without a database and without a messenger."""

import pytest

from tests.cli.conftest import CommandLine


def test_without_a_kind_all_are_listed(hk: CommandLine) -> None:
    from bot.notifications.templates import templates

    listed = hk("preview", "--lang", "en", "--json").json["kinds"]
    assert {one["kind"] for one in listed} == templates().kinds
    assert all(one["title"] and one["messengers"] for one in listed)
    said = hk("preview").out
    assert "task.overdue" in said and "逾期 7 天" in said


def test_a_person_reads_words_and_a_program_the_real_payloads(hk: CommandLine) -> None:
    said = hk("preview", "task.overdue", "--lang", "zh").out
    for words in ("── Slack ──", "── 钉钉卡片 ──", "── 企业微信文字 ──", "回复序号", "“登记结果”：改为下拉菜单"):
        assert words in said, words
    shown = hk("preview", "task.overdue", "--json").json
    assert shown["kind"] == "task.overdue" and shown["lang"] == "zh"
    by_name = {one["messenger"]: one for one in shown["previews"]}
    assert list(by_name) == ["slack", "dingtalk", "dingtalk-text", "wecom", "wecom-robot", "wecom-text", "text"]
    assert by_name["slack"]["payload"]["blocks"]
    ding = by_name["dingtalk"]["payload"]
    assert ding["cardData"]["cardParamMap"]["btns"] and ding["imRobotOpenSpaceModel"]["supportForward"] is False
    assert by_name["wecom"]["payload"]["template_card"]["task_id"] == "example"
    robot = by_name["wecom-robot"]["payload"]
    assert robot["chatid"] == "example" and all(
        set(b) == {"text", "style", "key"} for b in robot["template_card"]["button_list"]
    )
    assert by_name["wecom"]["lost"] and by_name["dingtalk"]["lost"] == []


def test_one_messenger_and_one_language(hk: CommandLine) -> None:
    said = hk("preview", "promise.due", "--messenger", "dingtalk", "--lang", "en").out
    assert "DingTalk card" in said and "DingTalk text" in said and "Slack" not in said
    assert not any("\u4e00" <= char <= "\u9fff" for char in said)


def test_of_wecom_the_app_and_the_robot_are_shown(hk: CommandLine) -> None:
    said = hk("preview", "reply.aging", "--messenger", "wecom", "--lang", "zh").out
    assert "── 企业微信卡片 ──" in said and "── 企业微信机器人 ──" in said and "Slack" not in said
    robot = hk("preview", "reply.aging", "--messenger", "wecom", "--lang", "zh", "--json").json["previews"][1]["payload"]
    assert robot["markdown"]["content"] in said, "words are shown as the robot says them"


def test_letters_are_mail(hk: CommandLine) -> None:
    letter = hk("preview", "letter.notice", "--json").json["previews"]
    assert [one["messenger"] for one in letter] == ["mail"] and "【付款通知】" in letter[0]["payload"]["text"]
    assert hk("preview", "letter.notice").out.count("【付款通知】") == 2  # the subject, and the letter
    assert "催款函" in hk("preview", "document.final").out
    assert hk.refused("preview", "letter.notice", "--messenger", "slack")["code"] == "preview.not_there"


def test_a_wrong_kind_is_told_with_what_is_near(hk: CommandLine) -> None:
    wrong = hk.refused("preview", "task.overdu")
    assert wrong["code"] == "preview.unknown_kind" and "task.overdue" in wrong["hint"]
    assert hk.refused("preview", "zzzz")["code"] == "preview.no_such_kind"
    assert hk.refused("preview", "task.overdue", "--messenger", "fax")["code"] == "usage.wrong"


def test_the_form_of_wecom_is_shown_where_there_is_a_public_address(
    hk: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drawn() -> str:
        return hk("preview", "task.overdue", "--messenger", "wecom", "--lang", "zh", "--json").out

    assert "/form" not in drawn() and "填写详情" not in drawn()
    monkeypatch.setenv("HUIKUAN_PUBLIC_URL", "https://ar.example.com/")
    assert "https://ar.example.com/form?m=example" in drawn() and "填写详情" in drawn()


def test_a_person_sees_the_form_of_wecom_where_its_card_has_it(hk: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the app's card, beside the buttons; a robot has none, and a card that asks nothing has none."""

    def drawn(kind: str) -> dict[str, str]:
        said = hk("preview", kind, "--messenger", "wecom", "--lang", "zh").out
        return dict(part.split(" ──", 1) for part in said.split("── ")[1:])

    assert "填写详情" not in "".join(drawn("task.overdue").values())
    monkeypatch.setenv("HUIKUAN_PUBLIC_URL", "https://ar.example.com")
    shown, form = drawn("task.overdue"), "填写详情 (https://ar.example.com/form?m=example)"
    assert form in next(line for line in shown["企业微信卡片"].splitlines() if "(task.promise)" in line)
    assert "填写详情" not in shown["企业微信机器人"]
    assert "填写详情" not in "".join(drawn("reply.aging").values())
