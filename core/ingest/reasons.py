"""Every reason why a row, a value or a whole file is refused, in both languages. Codes are stable."""

from typing import Any

from core.errors import ConfigError, DomainError

_ROWS: dict[str, tuple[str, str]] = {
    # cells
    "missing_value": ("「{column}」不能为空", "{column} is empty"),
    "bad_amount": (
        "「{value}」不是金额；请写成 1234.50 或 1,234.50",
        "{value!r} is not an amount; write 1234.50 or 1,234.50",
    ),
    "comma_decimal": (
        "「{value}」像是用逗号作小数点；请写成 1234.56",
        "{value!r} seems to use a decimal comma; write 1234.56",
    ),
    "negative_amount": ("金额「{value}」是负数；只有贷项通知单可以为负", "{value!r} is negative; only credit notes may be"),
    "zero_amount": ("金额是 0", "the amount is zero"),
    "precision": (
        "「{value}」的小数位太多；{currency} 只有 {digits} 位小数",
        "{value!r} has too many decimals; {currency} has {digits}",
    ),
    "too_large": ("金额「{value}」太大", "{value!r} is too large an amount"),
    "bad_figure": (
        "「{value}」不是数值；请写成 0.62 或 5000000，最多六位小数，百分比写成小数",
        "{value!r} is no figure; write 0.62 or 5000000, six decimals at most, a percentage as a fraction",
    ),
    "bad_date": ("「{value}」不是有效日期；请写成 2026-07-01", "{value!r} is not a date; write 2026-07-01"),
    "bad_flag": ("「{value}」应为 是 或 否", "{value!r} should be yes or no"),
    "bad_value": ("「{column}」不接受「{value}」；可用：{allowed}", "{column} cannot be {value!r}; allowed: {allowed}"),
    "bad_email": ("「{value}」不是邮箱地址", "{value!r} is not a mail address"),
    "bad_handle": ("账号「{value}」不能含空格", "the handle {value!r} must not contain spaces"),
    "bad_timezone": ("时区「{value}」不存在", "there is no time zone {value!r}"),
    "too_long": (
        "「{column}」有 {length} 个字符，最多 {limit} 个",
        "{column} has {length} characters, at most {limit} are possible",
    ),
    "unknown_currency": ("没有「{value}」这种货币", "there is no currency {value!r}"),
    # rows
    "too_many_cells": (
        "这一行比表头多出单元格；金额里的逗号要加引号",
        "the row has more cells than the header; put amounts with commas in quotes",
    ),
    "no_date": ("开票日期和到期日期都为空", "both issued_on and due_on are empty"),
    "bad_type": ("「{column}」须为文本", "{column} must be text"),
    "not_an_object": ("这一行不是对象", "the row is not an object"),
    "unknown_column": ("没有「{column}」这一列；可用：{allowed}", "there is no column {column!r}; allowed: {allowed}"),
    "duplicate": ("「{value}」在本文件第 {first} 行已出现", "{value!r} is already in row {first} of this file"),
    "other_company": (
        "属于公司「{value}」，本库只记「{ours}」的账：每家公司一个数据库",
        "it is of the company {value!r}; this database is that of {ours!r} alone: each own company has one of its own",
    ),
    "company_unnamed": (
        "写明属于公司「{value}」，而本公司的名称没有设置：请设置 company.name",
        "it is of the company {value!r}, and what the own company is called is not set: set company.name",
    ),
    "unknown_customer": (
        "没有客户「{value}」；请先导入客户，或在映射里写 create_customers = true",
        "there is no customer {value!r}; import customers first, or set create_customers = true in the map",
    ),
    "ambiguous_customer": ("有多个客户叫「{value}」；请写客户编号", "several customers are called {value!r}; give the code"),
    "unknown_person": ("没有人员「{value}」", "there is no person {value!r}"),
    "ambiguous_person": ("有多个人叫「{value}」；请写账号", "several people are called {value!r}; give the handle"),
    "event_of_another": (
        "这个来源的这条记录已属于另一个客户", "this record of its source belongs to another customer",
    ),
    "not_yet": ("日期「{value}」还没到", "{value!r} is still to come"),
    "away_backwards": ("外出截止日「{value}」早于开始日", "away until {value!r}, before it begins"),
    "own_manager": ("「{value}」不能做自己的上级或代理人", "{value!r} cannot be their own manager or deputy"),
    "unknown_group": ("没有客户属于集团「{value}」", "no customer is of the group {value!r}"),
    "ends_before_it_begins": ("截止日 {value} 早于起始日 {begins}", "it ends on {value}, before it begins on {begins}"),
    "later_cover_known": (
        "该客户已有 {begins} 起的保险额度，{value} 起的旧额度不再导入",
        "there is cover from {begins} on already; one from {value} on is older",
    ),
    "limit_in_other_currency": (
        "客户的信用额度以 {kept} 计：改为 {value} 时须在同一行给出新额度；在系统里改过的额度请先取消",
        "the credit limit is in {kept}: give a new one in the same row; one that was set here must be ended first",
    ),
    "other_customer": (
        "「{number}」已属于客户 {customer}，不能改到另一个客户",
        "{number!r} belongs to customer {customer}; it cannot move to another",
    ),
    "other_currency": ("「{number}」的货币是 {currency}，不能改", "{number!r} is in {currency}; that cannot change"),
    "below_allocated": (
        "「{number}」已收 {allocated}，金额不能改到更低",
        "{allocated} of {number!r} is already paid; the amount cannot fall below that",
    ),
    "open_above_amount": ("未收金额大于金额", "open_amount is above amount"),
    "credit_note_changed": (
        "贷项通知单「{number}」已记账，金额不能改；请作废后重开",
        "credit note {number!r} is posted; its amount cannot change: cancel it and issue another",
    ),
    "receipt_reversed": ("收款「{number}」已冲销，不能再改", "receipt {number!r} is reversed and cannot change"),
    "unknown_receipt": ("没有要冲销的收款「{value}」", "there is no receipt {value!r} to reverse"),
    "partial_reversal": (
        "冲销金额与收款「{number}」不符；只能全额冲销",
        "the amount is not that of receipt {number!r}; only all of it can be reversed",
    ),
    "reversed_before": (
        "冲销日期早于收款「{number}」的日期",
        "the reversal is dated before receipt {number!r} itself",
    ),
    "order_changed": (
        "订单「{number}」已按另外的内容提交过；内容改了的订单请用接口修改，或取消后用新编号重提",
        "order {number!r} is known with other contents; change it by the API, or cancel it and submit it with a new number",
    ),
    "order_field": ("「{column}」不能是「{value}」", "{column} cannot be {value!r}"),
    "prepaid_above_amount": ("预付金额大于订单金额", "prepaid is above the amount"),
    "order_to_come": ("下单日期 {value} 还没有到", "ordered_on {value} is still to come"),
    "signed_before": ("签收日期 {value} 早于发货日期 {shipped}", "signed_on {value} is before shipped_on {shipped}"),
    "shipment_invoiced": (
        "发货单「{number}」的订单已开票，「{column}」不能从 {kept} 改为 {value}",
        "the order of shipment {number!r} is invoiced: {column} cannot change from {kept} to {value}",
    ),
    # warnings
    "order_of_other": (
        "订单「{value}」是客户 {customer} 的；这笔发货不计入该订单",
        "order {value!r} is of customer {customer}; this shipment doesn't count as part of it",
    ),
    "edited_wins": (
        "「{column}」在系统里手工改过，保留「{kept}」，未采用「{value}」",
        "{column} was edited here: kept {kept!r}, not {value!r}",
    ),
    "terms_mismatch": (
        "到期日 {value} 与账期「{terms}」算出的 {computed} 不一致；以到期日为准",
        "due_on {value} differs from {computed} by terms {terms!r}; due_on is used",
    ),
    "unknown_terms": ("看不懂账期「{value}」，没有算到期日", "terms {value!r} are not understood; no due date computed"),
    "due_before_issued": ("到期日 {value} 早于开票日 {issued}", "due_on {value} is before issued_on {issued}"),
    "issued_on_kept": (
        "「{number}」已按 {kept} 记账，开票日期不变",
        "{number!r} is posted: issued_on stays {kept}",
    ),
    "open_differs": (
        "「{number}」系统未收 {kept}，文件为 {value}；未改动（只有 mode = \"open-items\" 才据此收款）",
        "{number!r}: {kept} is open here, {value} in the file; unchanged (only mode = \"open-items\" posts that)",
    ),
    "open_risen": (
        "「{number}」文件未收 {value} 高于系统的 {kept}；未改动，请核对是否冲销了收款",
        "{number!r}: the file has {value} open, above {kept} here; unchanged: was a receipt reversed?",
    ),
    "claim_confirmed": (
        "「{customer}」的这笔收款财务已凭付款声明确认过，不重复入账，只补上编号",
        "Finance had confirmed this receipt of {customer!r} from a claim; it got its number, nothing was posted twice",
    ),
    "credit_note_column": ("贷项通知单不使用「{column}」，已忽略", "credit notes do not use {column}; ignored"),
    "future_dates": ("{count} 行的「{column}」在 {today} 之后", "{column} lies after {today} in {count} rows"),
    "unknown_receivable": (
        "没有应收「{value}」；收款已入账，暂未核销",
        "there is no receivable {value!r}; the receipt is posted, unapplied",
    ),
    "not_this_receivable": (
        "应收「{value}」属于别的客户或货币；收款已入账，暂未核销",
        "receivable {value!r} is of another customer or currency; the receipt is posted, unapplied",
    ),
    "more_than_open": (
        "「{value}」未收不足，{rest} 暂未核销",
        "less than this is open on {value!r}; {rest} stays unapplied",
    ),
    "order_prepaid": (
        "订单「{value}」的预付款 {rest}，开票后核销",
        "{rest} is prepayment of order {value!r}: it is allocated once that is invoiced",
    ),
    "receipt_corrected": (
        "收款「{number}」与上次不同：旧的已冲销，按新的入账",
        "receipt {number!r} differs from last time: the old one is reversed, the new one posted",
    ),
    "unknown_role": (
        "「{value}」不是角色{near}；没有权限，只作标签。有权限的角色：{allowed}",
        "{value!r} is no role{near}; it carries no rights and is only a label. Roles with rights: {allowed}",
    ),
    "deputy_no_authority": (
        "代理人「{value}」没有信用审批权限，外出期间审批仍发给本人",
        "the deputy {value!r} has no role to decide about credit: while they are away, approvals still come to them",
    ),
    "manager_cycle": ("「{value}」的上级关系成环", "the managers above {value!r} form a circle"),
    "messenger_off": (
        "账号已存，但没有启用「{value}」：加进 HUIKUAN_MESSENGERS 并重启后生效，不必再导入",
        "the account is kept, but {value!r} is not switched on: it counts once HUIKUAN_MESSENGERS lists it and huikuan is"
        " restarted; there is no need to import it again",
    ),
    "account_moved": (
        "账号「{value}」原属 {kept}，现改属 {who}", "the account {value!r} belonged to {kept}, and is {who}'s now",
    ),
    "account_replaced": (
        "{who} 的 {messenger} 账号由「{kept}」改为「{value}」：旧账号不再使用，未办的卡片发到新账号",
        "{who}'s {messenger} account is {value!r} now, no longer {kept!r}: open cards come to the new one",
    ),
    "unused_columns": ("没有用到的列：{columns}", "columns not used: {columns}"),
}  # fmt: skip

_FILES: dict[str, tuple[str, str, str, str]] = {
    # zh message, zh hint, en message, en hint
    "unknown_kind": ("不能导入「{kind}」", "可用：{allowed}", "cannot import {kind!r}", "allowed: {allowed}"),
    "no_file": ("打不开文件 {where}：{detail}", "检查路径和权限", "cannot open {where}: {detail}", "check path and rights"),
    "encoding": (
        "认不出 {where} 的编码", "请另存为 UTF-8，或在映射里写 encoding",
        "the encoding of {where} is not clear", "save it as UTF-8, or set encoding in the map",
    ),
    "bad_csv": (
        "{where} 第 {row} 行不是有效的 CSV：{detail}", "检查这一行的引号",
        "row {row} of {where} is not valid CSV: {detail}", "look at the quotes in this row",
    ),
    "bad_workbook": (
        "读不了表格 {where}：{detail}", "请另存为 XLSX 或 CSV",
        "cannot read the workbook {where}: {detail}", "save it as XLSX or CSV",
    ),
    "empty": ("{where} 没有表头", "第一行应是列名", "{where} has no header", "the first row should name the columns"),
    "duplicate_column": (
        "列「{column}」出现了两次", "每个列名只能出现一次",
        "the column {column!r} is there twice", "a column's name may be there only once",
    ),
    "missing_column": (
        "缺少必需的列「{column}」{usual}", "文件里的列：{found}；列名不同可以用 --map 写对应关系",
        "the required column {column!r} is missing{usual}",
        "columns in the file: {found}; for other headers, --map names which is which",
    ),
    "mapped_column_missing": (
        "映射的列「{column}」不在文件里（{key}）", "文件里的列：{found}",
        "the map's column {column!r} is not in the file ({key})", "columns in the file: {found}",
    ),
    "ambiguous_dates": (
        "第 {row} 行「{column}」的日期「{value}」可以有几种读法", "在映射里写 date_order = \"DMY\" 或 \"MDY\"",
        "row {row}, {column}: the date {value!r} can be read in several ways",
        "set date_order = \"DMY\" or \"MDY\" in the map",
    ),
    "map_not_found": (
        "打不开映射 {where}：{detail}", "检查路径和权限", "cannot open the map {where}: {detail}", "check path and rights",
    ),
    "map_syntax": (
        "映射 {where} 有语法错误：{detail}", "见 TOML 的写法", "the map {where} is not valid TOML: {detail}", "see TOML",
    ),
    "map_unknown_key": (
        "映射里没有「{key}」这一项", "可用：{allowed}", "the map has an unknown key {key!r}", "allowed: {allowed}",
    ),
    "map_bad_value": (
        "映射的「{key}」不能是「{value}」", "可用：{allowed}", "{key} in the map cannot be {value!r}", "allowed: {allowed}",
    ),
    "map_kind": (
        "映射是给「{value}」用的，不是「{kind}」", "换一个映射", "the map is for {value!r}, not {kind!r}", "use another map",
    ),
    "vanished": (
        "{vanished} 笔未收款（共 {total} 笔）不在文件里，超过 30%", "确认文件完整后加 --yes",
        "{vanished} of {total} open items are not in the file, more than 30 %", "if the file is complete, add --yes",
    ),
    "conflict": (
        "导入时数据被别人改动，最后一批没有写入", "再导入一次：已写入的行不会重复",
        "somebody else changed the same rows meanwhile; the last batch was not written",
        "import again: rows already written are not repeated",
    ),
}  # fmt: skip


class Reject(Exception):
    """One row that cannot go in."""

    def __init__(self, code: str, column: str = "", value: object = "", **facts: Any) -> None:
        self.code = code
        self.column = column
        self.value = value
        self.facts = facts
        super().__init__(code)


def reason(code: str, lang: str, **facts: Any) -> str:
    zh, en = _ROWS[code]
    return (en if lang == "en" else zh).format(**facts)


def refusal(code: str, lang: str, *, config: bool = False, where: object = "", **facts: Any) -> DomainError:
    """Why the whole file is refused: nothing was written."""
    zh, zh_hint, en, en_hint = _FILES[code]
    facts["where"] = str(where)
    message, hint = (en, en_hint) if lang == "en" else (zh, zh_hint)
    kind = ConfigError if config else DomainError
    return kind(f"import.{code}", **facts, message=message.format(**facts), hint=hint.format(**facts))
