"""What the places of the contract have in common: the words that are typed and forged, and how long anybody waits."""

CANARY = "canary-8fJq2"
WORD = "SECRETWORD"  # stands in forged events: no log may hold it
DAY = "2026-07-03"  # also where only ready answers can be chosen: the Friday of 2026-07-02
FORGED = f"承诺 甲 7-3 {WORD}"
NO_FRAMES = {  # by name: bytes that come as a text frame
    "no text": b'{"type":"\xff\xfe' + WORD.encode() + b'"}',
    "cut short": b'{"type":"CALLBACK","headers":{"topic":"' + WORD.encode(),
    "no frame": f'["{WORD}"]'.encode(),
    "too long": b'{"type":"' + WORD.encode() * 600_000 + b'"}',  # six million bytes
    "deep": b"[" * 100_000,
}
PATIENCE = 1.0  # seconds after which an answer is too late for the product
