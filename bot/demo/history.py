"""Twelve months of invoices and money before the bot was switched on, and what is open on that morning.

Everything is relative to the demo's days and drawn from a fixed seed: the same `now` makes the same books.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Any

from bot.demo.company import BUYERS, BY_CODE, Buyer
from core.dunning.schedule import first_look
from core.dunning.stored import active
from core.ledger import post
from core.work import Work

MONTHS = 12
SOURCE = "demo"
QUIET_DAYS = 7  # beyond today: what falls due until then is told below, not drawn
# How many days after (or before) the due date customers of a rating pay.
_DELAYS = {"A": (-4, 2), "B": (0, 12), "C": (4, 28), "D": (15, 60)}
_PRODUCTS = ("数控夹具", "直线导轨", "减速机", "伺服电机", "精密轴承", "滚珠丝杠", "液压站", "工业相机")


@dataclass(frozen=True, slots=True)
class Days:
    """The working days of the story; `days[-6]` is the one on which the bot was switched on, `days[0]` is today."""

    by_index: dict[int, date]

    def __getitem__(self, index: int) -> date:
        return self.by_index[index]

    @property
    def first(self) -> date:
        return self.by_index[min(self.by_index)]

    @property
    def today(self) -> date:
        return self.by_index[0]


@dataclass(frozen=True, slots=True)
class Open:
    """A receivable that matters in the story. On working day `on` it is `age` days overdue (negative: before)."""

    code: str
    on: int
    age: int
    amount: int  # major units
    currency: str = ""
    paid: int = 0  # received before the story
    credited: int = 0  # taken off by a credit note


OPEN = (
    # 李娜: what she finds on her phone this morning, and what became of the last days
    Open("C001", 0, 1, 186_000),
    Open("C002", 0, -7, 96_400),
    Open("C003", -4, 7, 134_800),  # she keeps silent
    Open("C004", -6, 1, 152_000),  # a promise that is broken
    Open("C005", -5, 1, 118_500),  # a promise due today
    Open("C006", -3, 1, 124_000),  # paid in part, says the customer
    Open("C007", 0, 45, 88_600),  # a dispute about a part
    Open("C008", -5, 1, 76_300),  # the money came
    Open("C009", 0, 7, 64_200),
    # 陈浩
    Open("C011", 0, 16, 143_700),
    Open("C012", 0, 97, 265_000),
    Open("C012", 0, 47, 180_500),
    Open("C013", 0, 1, 58_900),
    Open("C014", 0, 19, 47_250),  # paused
    Open("C016", -4, 1, 83_000),  # its money lies unapplied
    # 赵雪
    Open("C017", 0, 24, 176_400),  # a promise that the manager must agree to
    Open("C019", 0, -7, 132_000),
    Open("C020", 0, 1, 298_000),
    Open("C021", -6, 7, 67_300),  # says paid, and finance agreed
    Open("C022", 0, 62, 109_500),
    Open("C024", -2, 7, 78_400),  # needs a copy of the invoice
    # 刘洋
    Open("C026", 0, 30, 98_700),
    Open("C030", 0, 1, 187_000, paid=100_000),
    Open("C031", 0, 7, 92_300),
    Open("C033", -2, 1, 156_000, credited=6_000),
    Open("C034", -3, 1, 74_600),  # nobody looks after them
    Open("C035", -1, 1, 61_800),  # nobody to write to
    # 林悦
    Open("C037", 0, 33, 64_000),
    Open("C038", 0, 7, 27_500),
    Open("C038", 0, 21, 18_200, currency="USD"),
    Open("C039", 0, -7, 12_800),
)
UNDATED = (("C019", 132_600, "acceptance", "验收后30天"), ("C027", 224_000, "acceptance", "验收后30天"))
# Granted and not used yet: reduces what is chased.
CREDIT_NOTES = (("C020", 12_000, "运输破损折让"), ("C010", 5_400, "年度返利"))


def days_of(work: Work, today: date, before: int = 6) -> Days:
    """Today, and the working days before it."""
    found, day = {0: today}, today
    for index in range(1, before + 1):
        day = work.company.calendar.previous_working_day(day)
        found[-index] = day
    return Days(found)


def write(work: Work, days: Days, customers: dict[str, int]) -> int:
    """Posts it all in bulk. Returns how many receivables there are."""
    _, policy = active(work)
    drawn = sorted([*_routine(days), *_story(days)], key=lambda one: (one["row"]["issued_on"], one["row"]["_code"]))
    rows = []
    for number, one in enumerate(drawn, 1):
        row = one["row"]
        code = row.pop("_code")
        issued: date = row["issued_on"]
        rows.append(
            row
            | {
                "number": f"INV-{issued:%y%m}-{number:04d}",
                "source": SOURCE,
                "customer_id": customers[code],
                "order_no": f"SO-{issued:%y%m}-{number:04d}",
                "contract_no": f"HT-{code[1:]}-{issued:%Y}",
                "next_step_on": first_look(policy, row["due_on"]),
            }
        )
    ids = post.new_receivables(work, rows)
    _pay(work, drawn, rows, ids)
    _credit(work, days, drawn, rows, ids, customers)
    return len(ids)


def _pay(work: Work, drawn: list[dict[str, Any]], rows: list[dict[str, Any]], ids: list[int]) -> None:
    paid = [(id_, row, one) for id_, row, one in zip(ids, rows, drawn, strict=True) if one["paid"]]
    paid.sort(key=lambda each: (each[2]["paid_on"], each[0]))
    receipts = post.new_receipts(
        work,
        [
            {
                "number": f"SK-{one['paid_on']:%y%m%d}-{count:04d}",
                "source": SOURCE,
                "customer_id": row["customer_id"],
                "received_on": one["paid_on"],
                "amount_minor": one["paid"],
                "currency": row["currency"],
                "payer": one["payer"],
                "reference": row["number"],
                "history": True,
            }
            for count, (_, row, one) in enumerate(paid, 1)
        ],
    )
    pairs = [(made, None, id_, one["paid"]) for made, (id_, _, one) in zip(receipts, paid, strict=True)]
    post.allocate_many(work, pairs)


def _credit(
    work: Work,
    days: Days,
    drawn: list[dict[str, Any]],
    rows: list[dict[str, Any]],
    ids: list[int],
    customers: dict[str, int],
) -> None:
    used = [(id_, row, one["credited"]) for id_, row, one in zip(ids, rows, drawn, strict=True) if one["credited"]]
    granted = [(row["customer_id"], row["currency"], minor, "价格差异") for _, row, minor in used]
    granted += [(customers[code], _currency(BY_CODE[code]), amount * 100, why) for code, amount, why in CREDIT_NOTES]
    day = days.first - timedelta(days=3)
    notes = [
        {
            "number": f"CN-{day:%y%m}-{count:02d}",
            "source": SOURCE,
            "customer_id": customer_id,
            "issued_on": day,
            "amount_minor": minor,
            "currency": currency,
            "reason": why,
        }
        for count, (customer_id, currency, minor, why) in enumerate(granted, 1)
    ]
    made = post.new_credit_notes(work, notes)
    post.allocate_many(work, [(None, note, id_, minor) for note, (id_, _, minor) in zip(made, used, strict=False)])


# --- what there is --------------------------------------------------------------------------------


def _routine(days: Days) -> list[dict[str, Any]]:
    """A usual invoice a month for each customer; what fell due before the story is paid, late as the rating says."""
    found = []
    for buyer in BUYERS:
        draw = Random(f"huikuan {buyer.code}")
        for month in range(MONTHS, -1, -1):
            amount = round(buyer.monthly * draw.uniform(0.55, 1.35), -2)
            issued = days.first - timedelta(days=month * 30 + draw.randint(1, 26))
            delay = draw.randint(*_DELAYS[buyer.rating])
            product = draw.choice(_PRODUCTS)
            due = issued + timedelta(days=buyer.days)
            if days.first - timedelta(days=1) <= due <= days.today + timedelta(days=QUIET_DAYS):
                continue  # what falls due in these days is told, not drawn
            minor = int(amount) * 100
            if due > days.today:
                found.append(_receivable(buyer, issued, due, minor, product=product))
                continue
            paid_on = min(max(due + timedelta(days=delay), issued), days.first - timedelta(days=1))
            found.append(_receivable(buyer, issued, due, minor, product=product, paid=minor, paid_on=paid_on))
    return found


def _story(days: Days) -> list[dict[str, Any]]:
    found = []
    for number, item in enumerate(OPEN):
        buyer = BY_CODE[item.code]
        due = days[item.on] - timedelta(days=item.age)
        issued = min(due - timedelta(days=buyer.days), days.first - timedelta(days=2))
        found.append(
            _receivable(
                buyer, issued, due, item.amount * 100, currency=item.currency, product=_PRODUCTS[number % len(_PRODUCTS)],
                paid=item.paid * 100, paid_on=days.first - timedelta(days=2), credited=item.credited * 100,
            )
        )  # fmt: skip
    for code, amount, event, terms in UNDATED:
        one = _receivable(BY_CODE[code], days.first - timedelta(days=40), None, amount * 100, product="安装调试")
        one["row"] |= {"event": event, "terms": terms}
        found.append(one)
    return found


def _receivable(
    buyer: Buyer,
    issued: date,
    due: date | None,
    minor: int,
    *,
    currency: str = "",
    product: str = "",
    paid: int = 0,
    paid_on: date | None = None,
    credited: int = 0,
) -> dict[str, Any]:
    row = {
        "_code": buyer.code,
        "kind": "invoice",
        "issued_on": issued,
        "due_on": due,
        "amount_minor": minor,
        "currency": currency or _currency(buyer),
        "product": product,
        "region": buyer.region,
        "owner_id": None,
        "terms": f"NET{buyer.days}",
        "event": "",
    }
    return {"row": row, "paid": paid, "paid_on": paid_on, "credited": credited, "payer": buyer.name}


def _currency(buyer: Buyer) -> str:
    return buyer.currency
