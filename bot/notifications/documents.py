"""The letter of demand (stage 3): a file that the owner checks, signs and sends. The machine never sends it."""

import logging
from contextlib import suppress
from datetime import datetime
from html import escape
from pathlib import Path

from sqlalchemy import select

from bot.card import Card, as_lang
from bot.notifications.load import Cancel
from bot.notifications.load.letters import final_document
from bot.notifications.templates import render
from bot.transactions import Transactions
from core.models import Customer, Letter, Receivable, Task, TaskState
from core.models.base import table_of
from core.work import Work

L, T, C, R = table_of(Letter), table_of(Task), table_of(Customer), table_of(Receivable)
FINAL = 3
log = logging.getLogger(__name__)

_PAGE = """<!doctype html>
<html lang="{lang}"><meta charset="utf-8"><title>{title}</title>
<style>
  @page {{ size: A4; margin: 25mm 22mm }}
  body {{ font: 12pt/1.8 "Songti SC", "Noto Serif CJK SC", SimSun, serif; max-width: 166mm; margin: 0 auto; color: #111 }}
  h1 {{ text-align: center; font-size: 20pt; letter-spacing: .3em; margin: 12mm 0 }}
  p {{ text-indent: 2em; margin: 0 0 .6em }} p.plain {{ text-indent: 0 }}
  table {{ border-collapse: collapse; width: 100%; margin: 4mm 0; font-size: 11pt }}
  td {{ border: 1px solid #555; padding: 1.5mm 3mm }} td:last-child {{ text-align: right }}
  dl {{ margin: 4mm 0 }} dt {{ float: left; clear: left; width: 7em }} dd {{ margin: 0 0 1mm 7em; white-space: pre-line }}
  footer {{ text-align: right; margin-top: 16mm; white-space: pre-line }}
</style>
<h1>{title}</h1>
{text}
<table>{rows}</table>
<dl>{fields}</dl>
<footer>{footer}</footer>
</html>
"""


def write_letters(transactions: Transactions, now: datetime, folder: Path) -> list[Path]:
    """Renders the letters of demand that have no text yet, keeps them, writes them to files, and tells their tasks.

    A letter whose file cannot be written is not kept: it is rendered again at the next tick. The rest goes on.
    """
    with transactions.look(now) as work:
        waiting = list(work.session.execute(select(L.c.id).where(L.c.stage == FINAL, L.c.subject == "")).scalars())
    written = []
    for letter_id in waiting:
        try:
            with transactions.work(now) as work:
                made = _keep(work, letter_id)
                if made is not None:
                    written.append(_write(folder, *made))
        except OSError as error:
            log.warning("letter of demand %s not written to %s: %s", letter_id, folder, error)
    return written


def _write(folder: Path, name: str, page: str) -> Path:
    """All of it or nothing, so that nobody prints half a letter."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".{name}.part"
    try:
        part.write_text(page, encoding="utf-8")
        return part.replace(folder / name)
    except OSError:
        with suppress(OSError):
            part.unlink()
        raise


def _keep(work: Work, letter_id: int) -> tuple[str, str] | None:
    letter = work.session.get_one(Letter, letter_id)
    customer = work.session.get_one(Customer, letter.customer_id)
    lang = as_lang(customer.language, work.company.lang)
    view = final_document(work, letter_id=letter_id, lang=lang)
    if isinstance(view, Cancel):
        letter.subject = view.reason
        return None
    card = render("document.final", view, lang)
    letter.subject, letter.text = card.title, card.text
    numbers = work.session.execute(select(R.c.number).where(R.c.id.in_([int(i) for i in letter.receivables]))).scalars()
    letter.receivables = sorted(numbers)
    safe = "".join(c if c.isalnum() or c in "-_" else "_" for c in customer.code)
    name = f"letter-of-demand_{safe}_{work.today.isoformat()}_{letter_id}.html"
    tasks = work.session.execute(
        select(Task).where(T.c.customer_id == letter.customer_id, T.c.kind == "collect", T.c.state == TaskState.open)
    ).scalars()
    for task in tasks:
        task.events = [e | {"file": name} if e.get("kind") == "letter.final" and "file" not in e else e for e in task.events]
    work.audit("letter.rendered", "letter", letter_id, letter.customer_id, file=name)
    return name, page_of(card)


def page_of(card: Card) -> str:
    """The document as a page to print. Everything from data is escaped."""
    paragraphs = [line for line in card.text.split("\n") if line.strip()]
    text = "\n".join(
        f'<p{" class=plain" if number == 0 else ""}>{escape(line)}</p>' for number, line in enumerate(paragraphs)
    )
    rows = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in card.rows)
    fields = "".join(f"<dt>{escape(f.label)}</dt><dd>{escape(f.value)}</dd>" for f in card.fields)
    return _PAGE.format(
        lang=card.lang, title=escape(card.title), text=text, rows=rows, fields=fields, footer=escape(card.footer)
    )
