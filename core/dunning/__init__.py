"""Dunning: what fires, when, to whom, and what stops it."""
