"""Slack's own TypeScript types: payloads as literals, which the compiler also checks for keys that a type does not know."""

import json
from typing import Any

HEAD = """import type { HomeView, KnownBlock, ModalView } from '@slack/types';
type Known<V> = Omit<V, 'blocks'> & { blocks: KnownBlock[] };
"""  # a view of the package takes any block that has a type, whatever else is in it
TYPES = {"message": "KnownBlock[]", "modal": "Known<ModalView>", "home": "Known<HomeView>"}


def literal(name: str, payload: Any, place: str = "message") -> str:
    """`payload`: the blocks of a message, or a `modal` or `home` whole."""
    return f"export const {name}: {TYPES[place]} = {json.dumps(payload, ensure_ascii=False, indent=1)};\n"
