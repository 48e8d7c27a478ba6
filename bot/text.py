"""Text from outside, without what no keyboard writes: PostgreSQL refuses NUL, UTF-8 has no lone surrogates."""

import unicodedata
from typing import Any


def clean(text: str) -> str:
    """Control characters become spaces (line ends and tabs stay), lone surrogates go."""
    if text.isprintable():
        return text
    return "".join(
        " " if kind == "Cc" and char not in "\n\r\t" else char
        for char in text
        if (kind := unicodedata.category(char)) != "Cs"
    )


def is_id(value: Any) -> bool:
    """Whether something from outside can be an id: text that every database takes as it is. To clean one would make it
    another's."""
    return isinstance(value, str) and clean(value) == value
