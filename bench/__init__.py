"""Benchmarks: ratios against the least work that could do the same, never times. `python -m bench --help`.

    clock      both sides interleaved, medians, and whether the machine was quiet
    stores     databases that are written durably, on SQLite and PostgreSQL
    book       made-up books: N receivables of N/20 customers, in the middle of their dunning
    dunning, figures, imports, cards, starts      what is measured
    messengers, taps, serving                     what is measured between the product and messengers
    office, bare      the product with one messenger; the same calls in a bare loop
    far, sides        the strict fakes, in processes of their own
    table      the one table in docs/benchmarks.md
"""
