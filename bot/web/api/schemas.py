"""What /api/v1/openapi.json says of requests and answers. For documentation: orders are read by core.credit.incoming."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema

Amount = Field(description="in major units, as text or a whole number", examples=["50000.00"])


class OrderLine(BaseModel):
    item: str | None = None
    price: str | None = Field(default=None, description="unit price, in major units")
    list_price: str | None = None
    cost: str | None = None


class NewOrder(BaseModel, extra="forbid"):
    """An order to be checked. A changed order gets a new number, or the old one is cancelled first."""

    number: str = Field(min_length=1, max_length=100, examples=["SO-1001"])
    customer: str = Field(min_length=1, max_length=100, description="the customer's code", examples=["C001"])
    amount: str | int = Amount
    currency: str | None = Field(default=None, description="ISO 4217; the company's where it is left out")
    terms: str | None = Field(default=None, max_length=400, examples=["net30"])
    prepaid: str | int | bool | None = Field(default=None, description="what is paid beforehand; true: all of it")
    lines: list[OrderLine] | None = Field(default=None, max_length=500)
    note: str | None = Field(default=None, max_length=400, description="for whoever decides")
    asked_by: str | None = Field(default=None, description="a person's handle; else whoever looks after the customer")


State = Literal["held", "released", "refused", "rejected", "cancelled", "closed"]


class Reason(BaseModel, extra="allow"):
    """`code` says why; other fields are facts. An amount is [minor units, currency]."""

    code: str


class OrderAnswer(BaseModel):
    number: str
    verdict: State
    reasons: list[Reason]
    request: int | None = Field(description="the pending request for approval")


class OrderNow(OrderAnswer):
    conditions: dict[str, Any] = Field(description="under which it was approved; amounts in minor units")
    placed: str = Field(description="ISO 8601, in the company's time zone")
    decided: str | None
    ended: str | None


class Problem(BaseModel):
    code: str = Field(examples=["customer.unknown"])
    message: str
    where: str
    hint: str


class Failed(BaseModel):
    error: Problem


def of_requests() -> dict[str, Any]:
    """Schemas of what no function takes as a parameter, for the components."""
    _, made = models_json_schema([(NewOrder, "validation")], ref_template="#/components/schemas/{model}")
    return dict(made["$defs"])
