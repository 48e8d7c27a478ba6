"""The stories of tests/scenarios once more, each through a real messenger."""
