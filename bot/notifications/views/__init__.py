"""The facts of every message. REGISTRY maps the `view` of a template to its class."""

from __future__ import annotations

from typing import Any

from bot.notifications.views.base import Option, Part, Phrase, ReceivableRow
from bot.notifications.views.collect import CollectView, CopyView, DigestLine, DigestView, NoteView
from bot.notifications.views.credit import CreditView, DeputyView, OrderView
from bot.notifications.views.deviation import DeviationLine, DeviationTotal, DeviationView
from bot.notifications.views.figures import (
    AgingLine,
    AgingView,
    BalanceView,
    CurrencyLine,
    OpenLine,
    OverdueLine,
    OverdueView,
    PromiseLine,
    TodoLine,
    TodoView,
    TraceStep,
    TraceView,
)
from bot.notifications.views.fulfilment import ClosedOrderRow, InvoiceView, PrepayRow, PrepayView, ShipmentRow, SignView
from bot.notifications.views.groups import GroupView
from bot.notifications.views.letters import (
    FailedView,
    LetterRow,
    LetterSample,
    LetterView,
    ReleaseView,
    UnsureView,
)  # fmt: skip
from bot.notifications.views.lists import HeldOrderLine, HoldLine, HoldsView, LimitLine, LimitView
from bot.notifications.views.money import AllocateView, GapView, PaymentView, StaleView
from bot.notifications.views.orders import (
    ApprovalLine,
    ApprovalsView,
    CreditStatusView,
    CurrencyExposure,
    OrderLine,
    OrderStatusView,
    OrderStep,
    PendingLine,
)
from bot.notifications.views.promises import ClaimView, DisputeView, PauseView, PromiseView
from bot.notifications.views.proposals import ProposalMonth, ProposalView
from bot.notifications.views.ratings import RatingListView, RatingPart, RatingRow, RatingView, ScoreLine
from bot.notifications.views.replies import (
    ChoiceView,
    ConfirmView,
    DoneView,
    ErrorView,
    HelpView,
    Line,
    ObjectView,
    SureView,
    TrialView,
    WhoamiView,
)
from bot.notifications.views.risks import RelatedView, RiskView, StoppedView
from bot.notifications.views.watches import WatchView

REGISTRY: dict[str, type[Any]] = {
    "collect": CollectView,
    "copy": CopyView,
    "invoice": InvoiceView,
    "sign": SignView,
    "prepay": PrepayView,
    "digest": DigestView,
    "note": NoteView,
    "letter": LetterView,
    "release": ReleaseView,
    "unsure": UnsureView,
    "failed": FailedView,
    "promise": PromiseView,
    "claim": ClaimView,
    "dispute": DisputeView,
    "pause": PauseView,
    "credit": CreditView,
    "order": OrderView,
    "deputy": DeputyView,
    "risk": RiskView,
    "related": RelatedView,
    "stopped": StoppedView,
    "watch": WatchView,
    "proposal": ProposalView,
    "payment": PaymentView,
    "allocate": AllocateView,
    "stale": StaleView,
    "gap": GapView,
    "reply_balance": BalanceView,
    "reply_aging": AgingView,
    "reply_overdue": OverdueView,
    "reply_todo": TodoView,
    "reply_help": HelpView,
    "reply_whoami": WhoamiView,
    "reply_test": TrialView,
    "reply_trace": TraceView,
    "reply_approvals": ApprovalsView,
    "reply_order": OrderStatusView,
    "reply_credit": CreditStatusView,
    "reply_rating": RatingView,
    "reply_rating_list": RatingListView,
    "reply_group": GroupView,
    "reply_holds": HoldsView,
    "reply_limit": LimitView,
    "reply_deviation": DeviationView,
    "reply_choice": ChoiceView,
    "reply_confirm": ConfirmView,
    "reply_sure": SureView,
    "reply_error": ErrorView,
    "reply_done": DoneView,
    "reply_object": ObjectView,
}

__all__ = [
    "REGISTRY", "AgingLine", "AgingView", "AllocateView", "ApprovalLine", "ApprovalsView", "BalanceView", "ChoiceView",
    "ClaimView", "ClosedOrderRow", "CollectView", "ConfirmView", "CopyView", "CreditStatusView", "CreditView",
    "CurrencyExposure", "CurrencyLine", "DeputyView", "DeviationLine", "DeviationTotal", "DeviationView", "DigestLine",
    "DigestView", "DisputeView", "DoneView", "ErrorView", "FailedView", "GapView", "HeldOrderLine", "HelpView",
    "HoldLine", "HoldsView", "InvoiceView", "LetterRow", "LetterSample", "LetterView", "LimitLine", "LimitView", "Line",
    "NoteView", "ObjectView", "OpenLine", "Option", "OrderLine", "OrderStatusView", "OrderStep", "OrderView",
    "OverdueLine", "OverdueView", "Part", "PauseView", "PaymentView", "PendingLine", "Phrase", "PrepayRow",
    "PrepayView", "PromiseLine", "PromiseView", "ProposalMonth", "ProposalView", "RatingListView", "RatingPart",
    "RatingRow", "RatingView", "ReceivableRow", "ReleaseView", "RiskView", "ScoreLine", "ShipmentRow", "SignView",
    "StaleView", "SureView", "TodoLine", "TodoView", "TraceStep", "TraceView", "TrialView", "UnsureView", "WhoamiView",
]  # fmt: skip
