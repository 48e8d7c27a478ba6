"""The page where whoever writes templates sees every message as each messenger draws it. Behind the local page's door."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.responses import FileResponse, JSONResponse
from starlette.responses import Response

from bot.card import Lang
from bot.lost import in_words
from bot.preview import FORM, Preview, example, kinds, previews
from bot.words import one_line
from core.errors import DomainError


def preview_routes(static: Path, form: str = FORM) -> APIRouter:
    """`preview` is the page, the rest is what it asks for. `form`: where it is, for WeCom."""
    router = APIRouter()

    @router.get("/preview")
    async def page() -> Response:
        return FileResponse(static / "preview.html", media_type="text/html; charset=utf-8")

    @router.get("/api/preview")
    async def get_kinds(lang: Lang = "zh") -> Any:
        def listed() -> list[dict[str, str]]:
            return [{"kind": kind, "title": example(kind, lang)[0].title} for kind in kinds()]

        return {"kinds": await asyncio.to_thread(listed)}

    @router.get("/api/preview/{kind}")
    async def get_preview(kind: str, lang: Lang = "zh") -> Any:
        try:
            made = await asyncio.to_thread(previews, kind, lang, form)
        except DomainError as error:
            return JSONResponse({"error": {"code": error.code, "message": one_line(error, lang)}}, 404)
        return {"kind": kind, "lang": lang, "previews": [_shown(one, lang) for one in made.values()]}

    return router


def _shown(made: Preview, lang: Lang) -> dict[str, Any]:
    """The payload as it is, and what is lost, in words."""
    face = made.face
    return {
        "name": face.name,
        "label": face.zh if lang == "zh" else face.en,
        "payload": made.payload,
        "lost": [in_words(one, lang) for one in made.lost],
    }
