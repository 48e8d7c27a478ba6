"""Slack: an app of the workspace, over Socket Mode or signed HTTP."""
