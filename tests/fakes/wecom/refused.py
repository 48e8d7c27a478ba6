"""What the messenger says no with."""


class Refused(Exception):
    """An API call answered with an errcode."""

    def __init__(self, errcode: int, errmsg: str) -> None:
        super().__init__(f"{errcode} {errmsg}")
        self.errcode = errcode
        self.errmsg = errmsg


class NotThere(AssertionError):
    """A person cannot do that: the button, the option, the menu or the link is not on the screen."""


class BadReply(Exception):
    """A passive reply that WeCom would throw away."""
