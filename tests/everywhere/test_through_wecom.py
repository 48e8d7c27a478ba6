"""The stories through WeCom."""

from tests.everywhere.stories import for_everybody

RIG = "wecom"

globals().update(for_everybody())
