"""The local messenger: chats and mailboxes kept in the product's own database. A real adapter, not a mock."""

from bot.adapters.local.adapter import LocalAdapter, LocalMailbox

__all__ = ["LocalAdapter", "LocalMailbox"]
