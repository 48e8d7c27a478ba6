"""Cases: what follows from a change of the ledger for cases, tasks and cards."""

from collections.abc import Collection

from core.work import Work


def refresh(work: Work, customer_ids: Collection[int], receipt_ids: Collection[int] = ()) -> None:
    """Brings promises, claims, cases, tasks and cards of these customers in line with the ledger."""
