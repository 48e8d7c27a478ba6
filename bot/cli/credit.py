"""`huikuan credit`: what concerns the limits of all customers."""

import typer

from bot.cli.frame import DONE, At, Json, application, example, instant, line, show, t, table

credit = typer.Typer(rich_markup_mode=None, help=t("信用额度。", "Credit limits."), no_args_is_help=True)
SHOWN = 20  # on a terminal; --json has them all


def deviation(at: At = "", as_json: Json = False) -> int:
    from bot.commands.deviation import as_json as document
    from core.credit.deviation import report
    from core.dunning.stored import active
    from core.permissions import EVERYTHING

    now = instant(at)
    with application().transactions.look(now) as work:
        found = document(work, report(work, active(work)[1].credit, EVERYTHING))

    def human() -> None:
        columns = t("客户|评级|授信|模型|偏差", "customer|rating|granted|model|deviation").split("|")
        rows = [
            (
                f"{one['code']} {one['name']}", one["rating"] or "", f"{one['granted']} {one['currency']}", one["model"],
                one["deviation"] or "–",
            )
            for one in found["customers"][:SHOWN]
        ]  # fmt: skip
        table(columns, rows, right=(2, 3, 4))
        left = len(found["customers"]) - len(rows)
        if left > 0:
            line(t(f"还有 {left} 家，见 --json", f"{left} more: see --json"))
        for one in found["totals"]:
            share = one["deviation"] or "–"
            zh = f"合计 {one['currency']}：授信 {one['granted']}，模型 {one['model']}，偏差 {share}"
            line(t(zh, f"In all, {one['currency']}: {one['granted']} granted, {one['model']} by the model, {share}"))
        compared, off, allowed = (found[key] for key in ("compared", "off", "allowed"))
        line(t(f"比较 {compared} 家，超出 ±{allowed} 的 {off} 家", f"{compared} compared, {off} beyond ±{allowed}"))
        bare, unmodelled = found["without_limit"], found["without_model"]
        zh = f"未设额度 {bare} 家，评级没有模型额度 {unmodelled} 家"
        line(t(zh, f"{bare} without a limit, {unmodelled} with a rating that has no model"))

    show(found, as_json, human)
    return DONE


def register(app: typer.Typer) -> None:
    credit.command(
        "deviation",
        help=t("授信偏差：额度与模型额度相差多少。", "How far limits are off their model."),
        epilog=example("huikuan credit deviation", "huikuan credit deviation --json"),
    )(deviation)
    app.add_typer(credit, name="credit")
