"""The tables, one file a family. Importing this package registers every table with the metadata."""

from core.models.api import ApiToken
from core.models.collection import (
    Case,
    CaseState,
    Cover,
    Dispute,
    DisputeState,
    Firing,
    FiringOutcome,
    FollowUp,
    Hold,
    Pause,
    PauseState,
    Promise,
    PromiseState,
    StoredPolicy,
    Task,
    TaskReceivable,
    TaskState,
)
from core.models.credit import (
    CreditLine,
    CreditRequest,
    CreditVote,
    CustomerFigure,
    GroupLimit,
    LimitProposal,
    Order,
    OrderState,
    Rating,
    RequestState,
    RiskEvent,
    Shipment,
)
from core.models.journal import Allocation, Entry, EntryKind
from core.models.messaging import (
    AdapterState,
    Audit,
    Delivery,
    ImportRun,
    InboundEvent,
    JobSlot,
    Letter,
    LetterState,
    LocalMessage,
    OutboxMessage,
    OutboxState,
)
from core.models.party import Account, Contact, Customer, LinkCode, LinkTries, Person
from core.models.receivable import Claim, ClaimState, CreditNote, Receipt, Receivable
from core.models.webhook import WebhookEvent

__all__ = [
    "Account", "AdapterState", "Allocation", "ApiToken", "Audit", "Case", "CaseState", "Claim", "ClaimState", "Contact",
    "Cover", "CreditLine", "CreditNote", "CreditRequest", "CreditVote", "Customer", "CustomerFigure", "Delivery", "Dispute",
    "DisputeState", "Entry", "EntryKind", "Firing", "FiringOutcome", "FollowUp", "GroupLimit", "Hold", "ImportRun",
    "InboundEvent", "JobSlot", "Letter", "LetterState", "LimitProposal", "LinkCode", "LinkTries", "LocalMessage", "Order",
    "OrderState", "OutboxMessage", "OutboxState", "Pause", "PauseState", "Person", "Promise", "PromiseState", "Rating",
    "Receipt", "Receivable", "RequestState", "RiskEvent", "Shipment", "StoredPolicy", "Task", "TaskReceivable", "TaskState",
    "WebhookEvent",
]  # fmt: skip
