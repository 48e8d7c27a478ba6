"""Everything besides messages that Slack is asked to draw: every form, with what is wrong above it, notes, Home, links."""

from dataclasses import replace
from typing import Any

from bot.adapters.base import Reply
from bot.adapters.slack.forms import Back, again, form, note
from bot.adapters.slack.home import home_view
from bot.adapters.slack.render import notice
from bot.card import LANGS
from bot.fit import PROFILES, ask_card, fit
from bot.preview import example, kinds

SLACK = PROFILES["slack"]
FORMS = replace(SLACK, max_inline=0)  # as they are asked: what a picker on the card has no room for, a form has
BACK = Back("task.promise", "D0LI:1.2", 3, "D0LI", "https://hooks.slack.com/actions/T0/1/x")
WRONG = {"zh": "金额超过应收余额 ¥1,000.00", "en": "The amount is more than the open ¥1,000.00"}


def views() -> dict[str, dict[str, Any]]:
    """By name; no two are the same."""
    found: dict[str, dict[str, Any]] = {}
    for lang in LANGS:
        found[f"note {lang}"] = note(WRONG[lang], lang)
        found[f"home nobody {lang}"] = home_view(Reply("not_allowed", WRONG[lang]))
        for kind in kinds():
            card, today = example(kind, lang)
            found[f"note {kind} {lang}"] = note(WRONG[lang], lang, card)
            found[f"home {kind} {lang}"] = home_view(Reply("done", "", fit(card, SLACK, today=today)[0], delivery_id=12))
            for action in card.actions:
                if action.inputs or action.confirm:
                    asked, _ = ask_card(card, action, FORMS, today=today)
                    made = form(asked, replace(BACK, action=action.id))
                    found[f"form {kind} {action.id} {lang}"] = made
                    found[f"refused {kind} {action.id} {lang}"] = again(made, WRONG[lang])
    first = {repr(view): name for name, view in reversed(found.items())}
    return {name: found[name] for name in reversed(first.values())}


def notices() -> dict[str, list[dict[str, Any]]]:
    """The blocks of sentences for one person."""
    return {lang: notice(text * 100)["blocks"] for lang, text in WRONG.items()}
