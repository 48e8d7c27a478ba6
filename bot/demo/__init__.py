"""`huikuan demo`: a sample company to try.

company     who works there, and who buys
history     twelve months of invoices and money, posted in bulk
story       the last days: the engine runs, and people answer on their phones
stage       makes it or opens it again, and serves it
"""

from bot.demo.stage import run

__all__ = ["run"]
