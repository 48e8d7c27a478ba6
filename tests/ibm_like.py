"""A file of the layout of IBM's late payment histories, the same one each time, for where the real one is not."""

import csv
import random
from datetime import date, timedelta
from pathlib import Path

HEADER = (
    "countryCode", "customerID", "PaperlessDate", "invoiceNumber", "InvoiceDate", "DueDate", "InvoiceAmount", "Disputed",
    "SettledDate", "PaperlessBill", "DaysToSettle", "DaysLate",
)  # fmt: skip


def write(path: Path, invoices: int = 600, customers: int = 100, seed: int = 20130102) -> Path:
    chance = random.Random(seed)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    codes = [f"{chance.randrange(10000):04d}-{''.join(chance.choices(letters, k=5))}" for _ in range(customers)]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for number in range(invoices):
            issued = date(2012, 1, 3) + timedelta(days=chance.randrange(700))
            settled = issued + timedelta(days=max(0, int(chance.gauss(26, 12))))
            due = issued + timedelta(days=30)
            writer.writerow([
                chance.choice((391, 406, 770, 818, 897)), codes[number % customers], _us(issued),
                f"{611365 + number * 7919:010d}", _us(issued), _us(due), f"{chance.randrange(526, 12828) / 100:g}",
                chance.choice(("Yes", "No")), _us(settled), "Paper", (settled - issued).days, max(0, (settled - due).days),
            ])  # fmt: skip
    return path


def _us(day: date) -> str:
    return f"{day.month}/{day.day}/{day.year}"
