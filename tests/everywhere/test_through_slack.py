"""The stories through Slack."""

from tests.everywhere.stories import for_everybody

RIG = "slack"

globals().update(for_everybody())
