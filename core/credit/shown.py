"""What an approver's card shows of a customer and an order, as it is kept: a tap, or a prepayment that comes later, is
compared with it. Pure."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from core.credit.exposure import Standing
from core.credit.verdict import Verdict

WORSE = {"A": 0, "B": 1, "C": 2, "D": 3}


def of(now: Standing, found: Verdict) -> dict[str, Any]:
    """What cards show and a tap is compared with; amounts in minor units of the limit's currency."""
    return {
        "currency": now.currency,
        "limit_minor": found.limit_minor,
        "limit_source": found.limit_source,
        "used_minor": found.used_minor,
        "over_minor": found.over_minor,
        "available_minor": found.available_minor,
        "overdue_minor": {c: e.overdue_minor for c, e in sorted(now.exposures.items()) if e.overdue_minor},
        "overdue_days": now.overdue_days,
        "rating": now.rating,
        "holds": sorted(now.holds),
        "reasons": [reason.json() for reason in found.reasons],
        "group": asdict(found.group) if found.group is not None else None,
        "insured": [[one.minor, one.currency, one.insurer, one.until.isoformat()] for one in now.insured],
    }


def is_worse(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether an approver who saw the one would decide on less than the other. Another day of delay is no news."""
    codes = {reason["code"] for reason in now["reasons"]} - {reason["code"] for reason in before["reasons"]}
    codes.discard("ask_within")  # said where nothing else speaks against the order
    overdue = any(minor > before["overdue_minor"].get(currency, 0) for currency, minor in now["overdue_minor"].items())
    rating = WORSE.get(now["rating"], 0) > WORSE.get(before["rating"], 0)
    held = set(now["holds"]) - set(before["holds"])
    over = _is_more(_own_over(before), _own_over(now)) or _is_more(_group_over(before), _group_over(now))
    parts = _part_overs(before)
    over = over or any(_is_more(parts.get(part, (0, "")), more) for part, more in _part_overs(now).items())
    less = any(minor > _insured(now).get(currency, 0) for currency, minor in _insured(before).items())
    return bool(over or codes or overdue or rating or held or less)


def has_worsened(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether a card shows better figures than those of now: also where the order fits, or is asked about for its terms, and
    the customer has used up more since."""
    return is_worse(before, now) or (_kind_of_room(before) == _kind_of_room(now) and _room(now) < _room(before))


def is_no_worse(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether nothing got worse, not even what is no news to an approver and may make it another one's to decide."""
    ratings = {before["rating"], now["rating"]}
    alike = len(ratings) == 1 or ratings <= WORSE.keys()
    return not has_worsened(before, now) and now["overdue_days"] <= before["overdue_days"] and alike


def over_of(facts: Mapping[str, Any]) -> tuple[int, str]:
    """By how much its order goes beyond the customer's own limit, else beyond the group's: (minor units, currency)."""
    group = facts.get("group")
    if not facts["over_minor"] and group:
        return group["over_minor"], group["currency"]
    return facts["over_minor"], facts["currency"]


def _insured(facts: Mapping[str, Any]) -> dict[str, int]:
    return {currency: minor for minor, currency, *_ in facts.get("insured", ())}


def _kind_of_room(facts: Mapping[str, Any]) -> tuple[str, bool]:
    return facts["currency"], facts["limit_minor"] is None


def _room(facts: Mapping[str, Any]) -> int:
    """What is left, which may be less than nothing. Without a limit only what is used counts."""
    return int(facts["limit_minor"] or 0) - int(facts["used_minor"])


def _own_over(facts: Mapping[str, Any]) -> tuple[int, str]:
    return facts["over_minor"], facts["currency"]


def _group_over(facts: Mapping[str, Any]) -> tuple[int, str, str]:
    """Facts of an older version have no group."""
    group = facts.get("group")
    return (group["over_minor"], group["currency"], group["name"]) if group else (0, "", "")


def _part_overs(facts: Mapping[str, Any]) -> dict[str, tuple[int, str]]:
    return {reason["part"]: tuple(reason["amount"]) for reason in facts["reasons"] if "part" in reason}


def _is_more(before: tuple[int, *tuple[str, ...]], now: tuple[int, *tuple[str, ...]]) -> bool:
    """Of a limit in another currency, or of another group, any excess is more than was seen: nothing says how the two
    compare but a rate of the day."""
    return now[0] > before[0] or (now[0] > 0 and now[1:] != before[1:])
