"""The accounts-receivable domain. Sync; the session and `now` are arguments; never commits; no network.

The flow, in the order of the modules:

    ingest      files and records -> validated rows, upserted by (source, number)
    ledger      append-only entries; balances as of any date; aging; invariants
    dunning     facts -> decide -> plan -> apply: what fires today, to whom, and why
    tasks       to-dos of people: opened by firings, closed by results, raised by silence
    promises, claims, disputes, pauses    what takes money out of dunning, and what brings it back
    outbox      what must be said, written in the same transaction as the change
    actions     one table: action id -> permission, input, handler; `execute` runs a tap or a command
    queries     read models: balance, to-do lists, digests

`bot` calls core, commits, and talks to people. `core` never imports `bot`.
"""
