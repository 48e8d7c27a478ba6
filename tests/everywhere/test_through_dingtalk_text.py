"""The stories through DingTalk, without a card template: links in messages."""

from tests.everywhere.stories import for_everybody

RIG = "dingtalk.TextRig"

globals().update(for_everybody())
