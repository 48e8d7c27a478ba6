"""`python -m bot` is `huikuan`."""

from bot.cli import main

main()
