"""Domain errors: a stable dotted code and the facts. The bot turns them into a sentence in the reader's language."""


class DomainError(Exception):
    """Something a person did that cannot be done. `code` is stable; `facts` fill the sentence of that code."""

    def __init__(self, code: str, **facts: object) -> None:
        self.code = code
        self.facts = facts
        super().__init__(f"{code}: " + ", ".join(f"{k}={v}" for k, v in facts.items()) if facts else code)


class ConfigError(DomainError):
    """Settings, policy or templates that cannot be used: exit code 2."""


class Unreachable(DomainError):
    """The database or a messenger could not be reached: exit code 3."""
