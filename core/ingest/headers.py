"""Headers as they usually stand in Chinese files -> our columns, for files that need no map."""

from collections.abc import Mapping

# By kind and column, the first that the file has counts. "*" is every kind that has the column.
_CURRENCY, _CUSTOMER = ("币种", "货币", "币别"), ("客户编码", "客户编号", "客户代码", "客户号", "客户", "客户名称")
_ORDER, _TERMS = ("订单号", "订单编号", "销售订单号", "销售订单"), ("付款条件", "付款条款", "收款条件", "账期", "结算方式")
_CONTRACT, _OWNER = ("合同号", "合同编号", "合同"), ("业务员", "销售员", "负责人", "客户经理")
_AMOUNT = ("价税合计", "含税金额", "总金额", "金额")
ALIASES: dict[str, dict[str, tuple[str, ...]]] = {
    "*": {
        "currency": _CURRENCY, "customer": _CUSTOMER, "order": _ORDER, "contract": _CONTRACT, "owner": _OWNER,
        "terms": _TERMS, "region": ("区域", "大区", "地区"), "tags": ("标签",), "company": ("公司", "我方公司", "销售组织"),
    },
    "people": {
        "handle": ("账号", "用户名", "登录名", "工号"), "name": ("姓名", "名字"), "roles": ("角色", "岗位"),
        "manager": ("上级", "主管", "直属上级"), "email": ("邮箱", "电子邮箱", "邮件"),
        "mobile": ("手机", "手机号", "手机号码"),
        "locale": ("语言",), "timezone": ("时区",), "active": ("在职", "启用", "是否在职"), "deputy": ("代理人", "代理"),
        "away_from": ("外出开始", "请假开始"), "away_until": ("外出结束", "请假结束"),
    },
    "accounts": {
        "person": ("人员", "姓名", "账号"), "messenger": ("聊天工具", "平台"), "user_id": ("用户ID", "用户id", "平台账号"),
        "preferred": ("首选",), "text_only": ("仅文字",),
    },
    "customers": {
        "code": ("客户编码", "客户编号", "客户代码", "客户号", "编码"), "name": ("客户名称", "客户", "名称", "客户全称"),
        "short_name": ("客户简称", "简称"), "aliases": ("别名",), "type": ("客户类型", "类型"),
        "group": ("集团", "所属集团"), "rating": ("评级", "信用评级", "信用等级"),
        "credit_limit": ("信用额度", "授信额度", "额度"), "language": ("语言",), "no_letters": ("不发信函",),
        "finance_contact": ("财务联系人", "对账联系人"),
        "finance_email": ("财务邮箱", "对账邮箱"), "business_contact": ("业务联系人", "联系人"),
        "business_email": ("业务邮箱", "邮箱"), "phone": ("电话", "联系电话"),
        "tax_id": ("税号", "纳税人识别号", "统一社会信用代码"), "address": ("地址", "注册地址"),
    },
    "receivables": {
        "number": ("发票号", "发票号码", "应收单号", "单据号", "单据编号", "单号"), "kind": ("单据类型", "类型"),
        "issued_on": ("开票日期", "发票日期", "单据日期"), "due_on": ("到期日", "到期日期", "应收日期", "应付款日期"),
        "amount": ("价税合计", "含税金额", "应收金额", "发票金额", "总金额", "金额"),
        "open_amount": ("未收金额", "未收余额", "未核销金额", "欠款余额", "余额"), "product": ("产品", "产品线"),
        "event": ("到期事件",), "event_on": ("到期事件日期",), "disputed": ("争议金额",),
        "settled_on": ("结清日期", "付清日期"),
    },
    "receipts": {
        "number": ("收款单号", "流水号", "交易流水号", "单号"),
        "received_on": ("收款日期", "到账日期", "交易日期", "入账日期"),
        "amount": ("收款金额", "到账金额", "金额"), "receivable": ("发票号", "发票号码", "应收单号"),
        "payer": ("付款人", "付款方", "对方户名"), "reference": ("摘要", "附言", "用途"), "reverses": ("冲回", "冲销单号"),
    },
    "orders": {
        "number": ("订单号", "订单编号", "销售订单号", "单号"), "amount": ("订单金额", *_AMOUNT),
        "ordered_on": ("下单日期", "订单日期", "下单日", "订货日期"),
        "prepaid": ("预付金额", "预付款", "已预付"), "note": ("备注", "说明"), "asked_by": ("业务员", "销售员", "下单人"),
    },
    "shipments": {
        "number": ("发货单号", "出库单号", "发货单", "单号"), "amount": ("发货金额", *_AMOUNT),
        "shipped_on": ("发货日期", "出库日期"), "signed_on": ("签收日期",),
    },
    "risk-events": {
        "source": ("来源",), "key": ("事件编号", "编号"), "kind": ("事件类型", "类型"), "severity": ("严重程度", "级别"),
        "happened_on": ("发生日期", "日期"), "text": ("内容", "说明"), "url": ("链接", "网址"),
    },
    "insurance": {
        "insurer": ("保险公司", "承保人", "承保公司"), "amount": ("信保额度", "保险额度", "限额", "金额"),
        "from_on": ("生效日期", "起始日期"), "until": ("到期日期", "到期日", "失效日期"),
    },
    "group-limits": {"group": ("集团", "集团名称", "所属集团"), "limit": ("集团额度", "信用额度", "授信额度", "额度")},
    "figures": {
        "figure": ("指标", "指标名称", "项目"), "value": ("数值", "指标值"), "source": ("来源", "数据来源"),
        "as_of": ("截至日期", "数据日期", "报告日期", "日期"),
    },
}  # fmt: skip
# Beside a column of the tax, these may well be without it: that would be a guess.
_TAX = frozenset({"税额", "税金", "增值税额"})
_WITH_OR_WITHOUT = frozenset({"总金额", "金额", "订单金额", "发货金额", "发票金额"})


def of(kind: str, name: str) -> tuple[str, ...]:
    return (*ALIASES[kind].get(name, ()), *ALIASES["*"].get(name, ()))


def usual(kind: str, name: str, lang: str) -> str:
    """Behind the name of a column that is missing: what else it may be called; "" if nothing."""
    known = of(kind, name)[:3]
    if not known:
        return ""
    return f"（也可写作 {'、'.join(known)}）" if lang == "zh" else f" (or {', '.join(known)})"


def place(kind: str, name: str, found: Mapping[str, int]) -> int | None:
    """Where the file has that column under one of its usual headers; `found`: the file's headers and where they stand."""
    for header in of(kind, name):
        if header in found and not (header in _WITH_OR_WITHOUT and _TAX & found.keys()):
            return found[header]
    return None
