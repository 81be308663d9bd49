"""Notices: who hears of what, when and by which way; told in the transaction that moved the state, sent from an outbox."""

from tracking_service.notices.due import anything_due, tell_due
from tracking_service.notices.outbox import LEASE_NS, MAX_ATTEMPTS, NoticeError, Notices, Notifier, Outgoing
from tracking_service.notices.telling import moved, tell

__all__ = [
    "LEASE_NS",
    "MAX_ATTEMPTS",
    "NoticeError",
    "Notices",
    "Notifier",
    "Outgoing",
    "anything_due",
    "moved",
    "tell",
    "tell_due",
]
