"""`huikuan demo`: a sample company to try. company -> history (12 months) -> story (the last days) -> stage (make it or open it, and serve it)."""

from bot.demo.stage import run

__all__ = ["run"]
