"""The command line: every command is documented once, here. Heavy imports stand inside the commands."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from bot.cli import books, chat, credit, dingtalk, messengers, orders, policy, slack, system, tokens, webhooks
from bot.cli.frame import frame, run, t

app = typer.Typer(
    name="huikuan",
    help=t(
        "回款：会自己催收的应收账款，就在大家已经在用的聊天里。",
        "Accounts receivable that chases itself, in the chat people use.",
    ),
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", metavar="FILE", help=t("设置文件（默认 huikuan.toml）", "settings file (default: huikuan.toml)")
        ),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help=t("出错时显示细节", "show the details of an error"))] = False,
    version: Annotated[bool, typer.Option("--version", help=t("显示版本", "show the version"))] = False,
) -> None:
    import logging
    import os

    frame.config = config
    frame.debug = debug or bool(os.environ.get("HUIKUAN_DEBUG"))
    level = logging.INFO if frame.debug else logging.WARNING
    logging.basicConfig(stream=sys.stderr, level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if version:
        from importlib.metadata import PackageNotFoundError
        from importlib.metadata import version as installed

        try:
            print(f"huikuan {installed('huikuan')}")
        except PackageNotFoundError:  # run from a checkout without an install
            print("huikuan")
    elif context.invoked_subcommand is None:
        print(context.get_help())


system.register(app)
books.register(app)
chat.register(app)
orders.register(app)
credit.register(app)
tokens.register(app)
webhooks.register(app)
policy.register(app)
messengers.register(app)
dingtalk.register(app)
slack.register(app)


def main() -> None:
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run(app))
