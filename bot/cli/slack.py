"""`huikuan slack manifest`: the settings of the Slack app, to paste when it is made."""

import json
from typing import Annotated

import typer

from bot.cli.frame import Json, example, settings, show, t

slack = typer.Typer(rich_markup_mode=None, help=t("Slack 的设置。", "Setting up Slack."), no_args_is_help=True)


def manifest(
    http: Annotated[
        bool,
        typer.Option(
            "--http",
            help=t("用 HTTP 事件（需要 HUIKUAN_PUBLIC_URL）", "for HTTP events (needs HUIKUAN_PUBLIC_URL)"),
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Errors: messenger.not_set, where HTTP is wanted and nobody knows the address."""
    from bot.adapters.slack.manifest import manifest as made
    from core.errors import ConfigError

    public_url = settings().public_url if http else ""
    if http and not public_url.startswith("https://"):
        raise ConfigError("messenger.not_set", messenger="slack", missing="HUIKUAN_PUBLIC_URL (https://…)")
    printed = made(public_url)
    show(printed, as_json, lambda: print(json.dumps(printed, ensure_ascii=False, indent=2)))


def register(app: typer.Typer) -> None:
    slack.command(
        name="manifest",
        help=t("打印新建 Slack 应用时要粘贴的清单（manifest）。", "Print the manifest to paste when the Slack app is made."),
        epilog=example("huikuan slack manifest", "huikuan slack manifest --http"),
    )(manifest)
    app.add_typer(slack, name="slack")
