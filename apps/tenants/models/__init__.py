"""Client organisations, people, contracts, what people are told, and what other systems come in by."""

from .clients import Tenant
from .contracts import Contract, ContractEvent
from .doors import ApiToken, IdempotencyKey, InboundEvent, WebhookEndpoint
from .notices import DispatchLog, Notification, NotificationPreference, NotificationProvider
from .people import Invitation, SavedView, TenantAssignment, User

__all__ = [
    "ApiToken",
    "Contract",
    "ContractEvent",
    "DispatchLog",
    "IdempotencyKey",
    "InboundEvent",
    "Invitation",
    "Notification",
    "NotificationPreference",
    "NotificationProvider",
    "SavedView",
    "Tenant",
    "TenantAssignment",
    "User",
    "WebhookEndpoint",
]
