"""DingTalk: an internal app with a robot. Stream mode brings what people do, our own client sends.

With a card template (`card_template`) messages are interactive cards; without one they are markdown with links.
"""
