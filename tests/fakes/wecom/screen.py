"""What a member sees in the app's chat, and what of it can be tapped."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.fakes.wecom.refused import NotThere
from tests.fakes.wecom.state import Message, View

Selection = Mapping[str, str | list[str]]


@dataclass(frozen=True)
class Button:
    text: str
    key: str = ""  # what comes back to the product
    url: str = ""  # or what opens
    style: int = 1


@dataclass(frozen=True)
class Question:
    key: str
    title: str
    options: dict[str, str]  # id -> text
    chosen: tuple[str, ...]  # before anybody touches it
    many: bool = False
    disabled: bool = False


@dataclass(frozen=True)
class Shown:
    """One message as one member sees it at that moment; take a new one after anything happened."""

    userid: str
    msgid: str
    msgtype: str
    from_member: bool
    recalled: bool
    text: str  # every word on it, a line each
    card: dict[str, Any]
    replaced: str  # the text of the dead button that took the place of all buttons, "" while they live
    buttons: tuple[Button, ...]
    menu: tuple[Button, ...]
    questions: dict[str, Question]
    links: tuple[str, ...]

    def key_of(self, text: str) -> str:
        """The key of the button or menu entry with these words."""
        for button in (*self.buttons, *self.menu):
            if button.text == text and button.key:
                return button.key
        raise NotThere(f"no button {text!r} on {self.text!r}")


def look(message: Message, userid: str) -> Shown:
    view = message.views[userid]
    card = {} if message.recalled else dict(view.card)
    return Shown(
        userid=userid,
        msgid=message.msgid,
        msgtype=message.msgtype,
        from_member=message.from_member,
        recalled=message.recalled,
        text="" if message.recalled else "\n".join(_lines(message, view)),
        card=card,
        replaced=view.replaced,
        buttons=() if view.replaced else _buttons(card),
        menu=tuple(Button(entry["text"], entry["key"]) for entry in card.get("action_menu", {}).get("action_list", [])),
        questions={} if view.replaced else _questions(card),
        links=tuple(_links(card if view.card else message.content)),
    )


def _buttons(card: dict[str, Any]) -> tuple[Button, ...]:
    """[?] A replaced button takes all buttons away, links as well: an update by API names no single one."""
    found = [
        Button(button["text"], button.get("key", ""), button.get("url", ""), button.get("style", 1))
        for button in card.get("button_list", [])
    ]
    if "submit_button" in card:
        found.append(Button(card["submit_button"]["text"], card["submit_button"]["key"]))
    return tuple(found)


def _questions(card: dict[str, Any]) -> dict[str, Question]:
    selects = [*card.get("select_list", []), *([card["button_selection"]] if "button_selection" in card else [])]
    found = {select["question_key"]: _select(select) for select in selects}
    if "checkbox" in card:
        box = card["checkbox"]
        checked = tuple(option["id"] for option in box["option_list"] if option.get("is_checked"))
        many, off = box.get("mode") == 1, bool(box.get("disable"))
        found[box["question_key"]] = Question(box["question_key"], "", _options(box), checked, many, off)
    return found


def _select(select: dict[str, Any]) -> Question:
    """A drop-down always has a value: the first option unless the card says another."""
    first = select.get("selected_id") or select["option_list"][0]["id"]
    disabled = bool(select.get("disable"))
    return Question(select["question_key"], select.get("title", ""), _options(select), (first,), False, disabled)


def _options(question: dict[str, Any]) -> dict[str, str]:
    return {option["id"]: option["text"] for option in question["option_list"]}


def choose(shown: Shown, selected: Selection) -> dict[str, list[str]]:
    """What the phone sends for every question: what was selected, else what stood there before."""
    unknown = set(selected) - set(shown.questions)
    if unknown:
        raise NotThere(f"no question {sorted(unknown)} on the card, only {sorted(shown.questions)}")
    answers = {}
    for key, question in shown.questions.items():
        given = selected.get(key)
        chosen = list(question.chosen) if given is None else [given] if isinstance(given, str) else list(given)
        if given is not None and question.disabled:
            raise NotThere(f"question {key} is greyed out")
        if len(chosen) > 1 and not question.many:
            raise NotThere(f"question {key} takes one answer, not {chosen}")
        if not chosen or not set(chosen) <= set(question.options):
            raise NotThere(f"question {key} offers {sorted(question.options)}, not {chosen}")
        answers[key] = chosen
    return answers


def _lines(message: Message, view: View) -> list[str]:
    if view.card:
        return [*_words(view.card), *([view.replaced] if view.replaced else [])]
    return list(_words(message.content))


HIDDEN = {"url", "key", "card_type", "task_id", "question_key", "id", "selected_id", "icon_url", "userid", "media_id"}
HIDDEN |= {"replace_text", "appid", "pagepath", "image_url", "picurl"}


def _words(value: Any) -> list[str]:
    """The texts of a card in the order of its keys; rows on one line."""
    if isinstance(value, str):
        return [value] if value else []
    if isinstance(value, list):
        return [word for inner in value for word in _words(inner)]
    if not isinstance(value, dict):
        return []
    if "keyname" in value:
        return [f"{value['keyname']} {value.get('value', '')}".strip()]
    return [word for key, inner in value.items() if key not in HIDDEN for word in _words(inner)]


def _links(value: Any) -> list[str]:
    if isinstance(value, list):
        return [url for inner in value for url in _links(inner)]
    if not isinstance(value, dict):
        return []
    own = [value["url"]] if isinstance(value.get("url"), str) and value["url"] else []
    return own + [url for inner in value.values() for url in _links(inner)]
