"""Benchmarks: ratios against the least work that could do the same, never times. `python -m bench --help`.

    clock      both sides interleaved, medians, and whether the machine was quiet
    stores     databases that are written durably, on SQLite and PostgreSQL
    book       made-up books: N receivables of N/20 customers, in the middle of their dunning
    dunning, figures, imports, cards, starts      what is measured
    table      the one table in docs/benchmarks.md
"""
