"""Policies that ship beside the default: one for the reminders of each source document, and all of them together.

s0.toml … s4.toml, union.toml: each a policy file like any other, to apply as it is or to start one's own from.
"""

from importlib.resources import files

# name -> what it does, in a sentence (zh, en)
ABOUT = {
    "s0": (
        "到期前 7 天提醒业务员；逾期第 1、7 天各发一封信；第 30 天交销售总监并暂停下单",
        "The rep 7 days before the due date; a letter on days 1 and 7; on day 30 the sales director and a hold on orders",
    ),
    "s1": (
        "按评级和金额：D 级从到期前 15 天起每天催，A 级放宽，单笔超过 50 万归财务经理；逾期首日告知经理和财务，"
        "超过 15 天升级",
        "By rating and amount: D daily from 15 days before, A looser, above 500,000 the finance manager; managers and "
        "finance hear of the first overdue day, escalation after 15",
    ),
    "s2": (
        "到期前 7 天、3 天和到期当天提醒业务员，把事情办在逾期之前",
        "The rep 7 and 3 days before the due date and on it: things happen before money is late",
    ),
    "s3": (
        "到期前 7、3、1 天和逾期第 1、7 天催收，超过 30 天标记高风险；赊销订单都要审批：额度内销售经理，超额度财务总监",
        "Days −7, −3, −1, +1 and +7, high risk after 30; every order on account is approved: within the limit by the sales "
        "manager, beyond it by the finance director",
    ),
    "s4": (
        "高风险客户逾期首日开始催，其余第 3 天友好提醒；超过 30 天冻结额度并启动追偿",
        "Risky customers from the first overdue day, a friendly reminder to the others on day 3; after 30 days credit is "
        "frozen and recovery begins",
    ),
    "union": (
        "以上各套提醒合在一起；每人每客户每天仍只有一张卡片",
        "The reminders of all of them together; still one card a person, customer and day",
    ),
}  # fmt: skip


def text(name: str) -> str | None:
    """The policy file of a preset, or None: there is none of that name."""
    if name not in ABOUT:
        return None
    return files(__name__).joinpath(f"{name}.toml").read_text(encoding="utf-8")
