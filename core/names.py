"""What people call messengers and roles, in Chinese and English, and what we call them."""

import unicodedata
from difflib import get_close_matches

MESSENGERS: dict[str, tuple[str, ...]] = {
    "wecom": ("企业微信", "企微", "微信", "WeCom", "WeChat Work", "WeChat", "WXWork"),
    "dingtalk": ("钉钉", "DingTalk", "Ding"),
    "slack": ("Slack",),
    "local": ("Local", "本地", "本地聊天", "网页", "local chat"),
}
# Roles carry rights: only what says exactly one of them is read as it. The first is what zh readers see.
ROLES: dict[str, tuple[str, ...]] = {
    "rep": ("业务员", "销售", "销售员", "销售代表", "sales rep", "sales representative"),
    "sales_manager": ("销售经理",),
    "sales_director": ("销售总监",),
    "finance": ("财务", "财务人员"),
    "finance_manager": ("财务经理",),
    "finance_director": ("财务总监",),
    "risk": ("风控", "风控人员"),
    "management": ("管理层",),
    "admin": ("管理员", "系统管理员", "administrator"),
}
_NEAR = 0.4  # of ten characters four are the same: titles are short


def messenger(text: str) -> str | None:
    """Our name of the messenger that people call so; None for one that we don't know."""
    return _MESSENGERS.get(_plain(text))


def messengers() -> str:
    """All of them, as they may be written."""
    return ", ".join(name if others[0].isascii() else f"{name}/{others[0]}" for name, others in MESSENGERS.items())


def role(text: str) -> str:
    """Our name of the role that people call so; any other post stays as it is written, in small letters."""
    return _ROLES.get(_plain(text), text.casefold())


def roles(lang: str) -> dict[str, str]:
    """What each role is called in that language; all of it is read."""
    return {name: called[0] if lang == "zh" else name for name, called in ROLES.items()}


def near_roles(text: str, lang: str) -> list[str]:
    """Up to two roles, as that language calls them, that may be meant by a word that is none."""
    words = {_plain(word): name for name, called in ROLES.items() for word in (name, *called)}
    plain = _plain(text)
    found = [words[word] for word in get_close_matches(plain, words, len(words), _NEAR)]
    within = [name for word, name in words.items() if plain and (plain in word or word in plain)]
    return [roles(lang)[name] for name in dict.fromkeys((*within, *found))][:2]


def _plain(text: str) -> str:
    """Without what makes no difference: width, case, blanks, dashes."""
    return "".join(char for char in unicodedata.normalize("NFKC", text).casefold() if char.isalnum())


def _by_word(names: dict[str, tuple[str, ...]]) -> dict[str, str]:
    return {_plain(word): name for name, words in names.items() for word in (name, *words)}


_MESSENGERS, _ROLES = _by_word(MESSENGERS), _by_word(ROLES)
