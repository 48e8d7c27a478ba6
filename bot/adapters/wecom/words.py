"""The few words that only this messenger needs, (zh, en)."""

WORDS = {
    "source": ("回款助手", "huikuan"),
    "form": ("填写详情", "Fill in"),
    "more": ("更多", "More"),
    "submit": ("提交", "Submit"),
    "back": ("返回", "Back"),
    "choose": ("请选择（不选则返回）", "Choose (none: back)"),
    "leave": ("不填", "Leave empty"),
    "choose_first": ("请先选择，再提交。", "Please choose first, then submit."),
    "ask_form": ("这一项请点“填写详情”填写。", "Please press “Fill in” for this one."),
    "ask_typed": ("这一项不能在卡片上填写，请发送命令，发送“帮助”可以看到全部命令。",
                  "This can't be asked on a card. Please send a command; “help” lists them."),
    "hello": ("您好！我会把需要跟进的应收款发到这里，按卡片上的按钮就能登记。发送“帮助”看我能做什么。",
              "Hello! What you have to follow up comes here; the buttons on its cards log it. “help” shows what I can do."),
    "only_text": ("我只看得懂文字。发送“帮助”看我能做什么。", "I read text only. Send “help” to see what I can do."),
    "write_first": ("请先在这里给我发一句话（例如“帮助”），之后我才能主动给您发消息。",
                    "Please send me a line here first (“help” will do): only then may I write to you."),
    "in_private": ("已私聊发送。", "Sent to you in private."),
    "write_in_private": ("请先私聊我一句话，我再在私聊里回答。", "Please write to me in private first; I answer there."),
    "cut": ("（内容较长，以下省略）", "(too long, cut here)"),
}  # fmt: skip


def word(name: str, lang: str) -> str:
    return WORDS[name][lang != "zh"]
