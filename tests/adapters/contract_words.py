"""What the places of the contract have in common: the words that are typed and forged, and how long anybody waits."""

CANARY = "canary-8fJq2"
WORD = "SECRETWORD"  # stands in forged events: no log may hold it
DAY = "2026-07-03"  # also where only ready answers can be chosen: the Friday of 2026-07-02
FORGED = f"承诺 甲 7-3 {WORD}"
PATIENCE = 1.0  # seconds after which an answer is too late for the product
