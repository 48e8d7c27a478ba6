"""One package a messenger. They don't know each other; `base` is all they share."""
