"""Phones of people in each messenger: a rig starts the strict fake, and stories run through the product's real adapter."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Shown:
    """A message as somebody sees it now. `ref` stays the same however often it is drawn anew."""

    ref: str
    text: str  # every word in reading order, fields and rows included
    actions: list[str]  # what can be done with it now, in forms and menus too
    closed: bool
