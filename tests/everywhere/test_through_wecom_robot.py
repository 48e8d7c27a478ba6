"""The stories through WeCom's robot."""

from tests.everywhere.stories import for_everybody

RIG = "wecom_aibot"

globals().update(for_everybody())
