"""Whoever reads a card of a customer whose orders are stopped reads that, too: nowhere is it cut away."""

import json

import pytest

from bot.card import LANGS, Lang
from bot.fit import fit
from bot.notifications.templates import render, templates
from bot.notifications.views import LetterView
from bot.preview import faces, kinds

KINDS = [kind for kind in kinds() if hasattr(templates().view_of(kind).example("zh"), "customer")]
LETTERS = [kind for kind in kinds() if templates().view_of(kind) is LetterView]
SAID = {"zh": "停单：逾期、黑名单", "en": "On hold: overdue, blacklisted."}


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in LETTERS])
def test_every_card_of_the_customer_says_it_in_every_messenger(kind: str, lang: Lang) -> None:
    view = templates().view_of(kind).example(lang)
    card = render(kind, view, lang, ("order", "blacklist"))
    for face in faces():
        fitted, _ = fit(card, face.capabilities(lang), today=view.today)
        sent = json.dumps(face.draw(fitted, view.today), ensure_ascii=False)
        assert SAID[lang] in sent, face.name


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("kind", LETTERS)
def test_no_letter_to_the_customer_says_it(kind: str, lang: Lang) -> None:
    view = templates().view_of(kind).example(lang)
    assert render(kind, view, lang, ("order", "blacklist")) == render(kind, view, lang)
