"""The stories through DingTalk, with cards."""

from tests.everywhere.stories import for_everybody

RIG = "dingtalk"

globals().update(for_everybody())
