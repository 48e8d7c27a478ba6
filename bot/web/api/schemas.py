"""What /api/v1/openapi.json says of requests and answers. For documentation: orders are read by core.credit.incoming, rows
of the books by core.ingest."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema

from core.credit.risks import KINDS, SEVERITIES
from core.ingest import rows
from core.ingest.records import AMOUNTS, DATES, FLAGS, RECEIVABLE_KINDS

Amount = Field(description="in major units, as text or a whole number", examples=["50000.00"])


class OrderLine(BaseModel):
    item: str | None = None
    price: str | None = Field(default=None, description="unit price, in major units")
    list_price: str | None = None
    cost: str | None = None


class NewOrder(BaseModel, extra="forbid"):
    """An order to be checked. POST never changes one that is there already; PUT does."""

    number: str = Field(min_length=1, max_length=100, examples=["SO-1001"])
    customer: str = Field(min_length=1, max_length=100, description="the customer's code", examples=["C001"])
    amount: str | int = Amount
    currency: str | None = Field(default=None, description="ISO 4217; the company's where it is left out")
    ordered_on: date | None = Field(default=None, description="its own day: older invoices and shipments are not of it")
    terms: str | None = Field(default=None, max_length=400, examples=["net30"])
    prepaid: str | int | bool | None = Field(default=None, description="what is paid beforehand; true: all of it")
    lines: list[OrderLine] | None = Field(default=None, max_length=500)
    note: str | None = Field(default=None, max_length=400, description="for whoever decides")
    asked_by: str | None = Field(default=None, description="of a person who sees the customer; else its owner")
    extra: dict[str, str | int | float | None] | None = Field(
        default=None, max_length=100, description="what else is to be kept of it; nothing is decided on it"
    )


State = Literal["held", "released", "refused", "rejected", "cancelled", "closed"]


class Reason(BaseModel, extra="allow"):
    """`code` says why; other fields are facts. An amount is in major units of `currency`."""

    code: str


class OrderAnswer(BaseModel):
    number: str
    verdict: State
    reasons: list[Reason]
    request: int | None = Field(description="the pending request for approval")


class Pending(BaseModel):
    """Who is asked about an order. `step` of `steps` that must agree one after the other."""

    request: int
    since: str = Field(description="ISO 8601, in the company's time zone")
    expires: str = Field(description="the request lapses then, unless somebody decides")
    step: int
    steps: int
    need: Literal["any", "all"] = Field(description="whether any of those who are asked decides, or all must agree")
    asked: list[str] = Field(description="their roles", examples=[["finance_director"]])


class OrderNow(OrderAnswer):
    """Amounts in major units of `currency`."""

    amount: str
    currency: str
    shipped: str = Field(description="what of it is shipped")
    signed: str = Field(description="what the customer has signed for")
    invoiced: str
    pending: Pending | None = Field(description="the request for approval that nobody has decided yet")
    conditions: dict[str, Any] = Field(description="of its approval; `prepay` in major units, `terms_days` at most")
    placed: str = Field(description="when it came here; ISO 8601, in the company's time zone")
    ordered_on: str | None = Field(description="the order's own day")
    decided: str | None
    ended: str | None


class Problem(BaseModel):
    code: str = Field(examples=["customer.unknown"])
    message: str
    where: str
    hint: str


class Failed(BaseModel):
    error: Problem


class ReportProblem(BaseModel):
    """A row that could not go in, or what is worth knowing of one that did. `row`: its place, from 1 on; null: of all."""

    row: int | None
    column: str
    value: str
    code: str = Field(examples=["import.unknown_customer"])
    reason: str = Field(description="in words")


class Rounded(BaseModel):
    rows: int
    difference: str | dict[str, str]


class Total(BaseModel):
    count: int
    amount: str = Field(description="in major units")


class Report(BaseModel, extra="allow"):
    """What became of the rows: each is created, updated, unchanged or rejected. `totals` by currency."""

    kind: str
    rows: int
    created: int
    updated: int
    unchanged: int
    rejected: list[ReportProblem]
    warnings: list[ReportProblem]
    rounded: Rounded
    totals: dict[str, Total]


class CreditCustomer(BaseModel):
    code: str
    name: str
    rating: str = Field(description="A to D; `new` with too little history; empty before the first cycle has rated it")
    owner: str


class CreditExposure(BaseModel, extra="allow"):
    """Of one currency, in major units."""

    currency: str
    open: str
    overdue: str
    orders: str
    unapplied: str


class Credit(BaseModel, extra="allow"):
    """Amounts in major units of `currency`. `limit`: null without one, 0 for who pays in advance only."""

    customer: CreditCustomer
    currency: str
    limit: str | None
    base_limit: str | None
    used: str
    available: str | None
    usage: str | None = Field(examples=["84%"])
    cash_only: bool
    exposure: list[CreditExposure]
    days_overdue_max: int
    holds: list[Literal["order", "manual", "blacklist"]]
    pending: list[dict[str, Any]] = Field(description="orders that wait for an approval")
    orders: list[dict[str, Any]] = Field(description="the latest ones")
    risk_events: list[dict[str, Any]]


class NothingIn(BaseModel, extra="allow"):
    """Why nothing was taken. Where every single row was rejected, the report stands beside it."""

    error: Problem
    rejected: list[ReportProblem] | None = None


def fails(*codes: int) -> dict[int | str, dict[str, Any]]:
    return {code: {"model": Failed} for code in (401, 403, *codes, 503)}


def of_requests() -> dict[str, Any]:
    """Schemas of what no function takes as a parameter, for the components."""
    _, made = models_json_schema([(NewOrder, "validation")], ref_template="#/components/schemas/{model}")
    return dict(made["$defs"])


def rows_body(kind: str) -> dict[str, Any]:
    """Of a request with rows. What a row may say is told by its schema; whether it can go in, by the answer."""
    columns = {name: _column(kind, name) for name in rows.taken(kind)}
    row = {"type": "object", "properties": columns, "required": list(rows.needed(kind)), "additionalProperties": False}
    fields: dict[str, Any] = {"rows": {"type": "array", "maxItems": rows.MAX_ROWS, "items": row}}
    if kind == "receipts":
        fields["as_of"] = {
            "anyOf": [{"type": "string", "format": "date"}, {"type": "null"}],
            "description": "receipts are complete through this day; today where it is left out",
        }
    whole = {"type": "object", "properties": fields, "required": ["rows"], "additionalProperties": False}
    return {"content": {"application/json": {"schema": whole}}, "required": True}


def _column(kind: str, name: str) -> dict[str, Any]:
    if name in FLAGS or name == "disputed":
        return {"type": ["string", "integer", "boolean", "null"], "description": "yes or no"}
    told: dict[str, Any] = {"type": ["string", "integer"]}
    if name in AMOUNTS:
        told |= {"description": Amount.description, "examples": ["50000.00"]}
    elif name in DATES:
        told = {"type": ["string"], "examples": ["2026-07-01"]}
    elif name == "severity":
        told = {"type": ["string"], "enum": list(SEVERITIES)}
    elif name == "kind":
        kinds = KINDS if kind == "risk-events" else dict.fromkeys(RECEIVABLE_KINDS.values())
        told = {"type": ["string"], "enum": list(kinds)}
    elif name in ("customer", "code"):
        told |= {"description": "the customer's code", "examples": ["C001"]}
    if name in rows.needed(kind):
        return told | ({} if "enum" in told else {"minLength": 1})
    return {"anyOf": [told, {"type": "null"}]}
