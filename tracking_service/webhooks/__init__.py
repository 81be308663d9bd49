"""Outgoing webhooks: what ERP and CRM systems hear of changes, signed, in order, once each by the message's id."""

from tracking_service.webhooks.queue import put

__all__ = ["put"]
