"""`huikuan dingtalk template`: the file that the card platform imports."""

from pathlib import Path
from typing import Annotated

import typer

from bot.cli.frame import DONE, example, line, t

dingtalk = typer.Typer(rich_markup_mode=None, help=t("钉钉的设置。", "Setting up DingTalk."), no_args_is_help=True)


def template(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help=t("写到这个文件；不写则打印", "write it here; without it, print it")),
    ] = None,
) -> int:
    """The template, printed or written. An existing file is replaced by the same template."""
    from importlib.resources import files

    text = files("bot.adapters.dingtalk").joinpath("template.json").read_text(encoding="utf-8")
    if file is None:
        print(text, end="")
        return DONE
    file.write_text(text, encoding="utf-8")
    line(
        t(
            f"已写入 {file}。在 open-dev.dingtalk.com/fe/card 新建模板、导入、发布，"
            "再把模板 ID 写进 HUIKUAN_DINGTALK_CARD_TEMPLATE。",
            f"Written to {file}. At open-dev.dingtalk.com/fe/card make a template, import the file, publish it, and set"
            " HUIKUAN_DINGTALK_CARD_TEMPLATE to its id.",
        )
    )
    return DONE


def register(app: typer.Typer) -> None:
    dingtalk.command(
        name="template",
        help=t("打印或写出要导入钉钉卡片平台的模板文件。", "Print or write the card template to import at DingTalk."),
        epilog=example("huikuan dingtalk template huikuan-card.json"),
    )(template)
    app.add_typer(dingtalk, name="dingtalk")
