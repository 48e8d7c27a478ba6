"""`huikuan demo`: a sample company to try. company -> history (12 months) -> story (the last days) -> run (serve it)."""

from bot.demo.run import run

__all__ = ["run"]
