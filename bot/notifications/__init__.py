"""What is said: a View (frozen facts) and a template (words) make a neutral Card.

views/      one frozen dataclass a family of message kinds; the loaders live beside whoever knows the database
templates   reads templates/messages/*.toml once, checks them, renders (kind, view, language) to a Card
"""
