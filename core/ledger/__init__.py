"""The ledger: append-only entries, and what they add up to on a day.

post.py        every way in: issue, adjust, receive, grant, allocate, undo, reverse, cancel
balances.py    what is open, unapplied and owed, as of a day
reports.py     aging and the overdue ranking, over everything, in one pass
invariants.py  what must always hold, as functions that return what does not

An entry's sign is of the customer's balance: + they owe more. It stands on a receivable, or (`receivable_id` is None)
on the unapplied credit of the receipt or credit note it names; an allocation is one of each, so they cancel out.

`open_minor` of receivable, receipt and credit note are caches of the whole journal, future entries included.
So what was open on a day D is `open_minor` less the entries that are effective after D: reading the past costs what
happened since, reading today costs nothing. Only post.py writes entries, allocations and these caches.
"""
