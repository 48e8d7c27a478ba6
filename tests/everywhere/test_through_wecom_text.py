"""The stories through WeCom, for who types instead of pressing."""

from tests.everywhere.stories import for_who_types

RIG = "wecom.TextRig"

globals().update(for_who_types())
