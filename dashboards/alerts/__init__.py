"""Grafana's alert rules and who is told, as code: rules by table, in the forms of its files and of its HTTP API."""

from dashboards.alerts.contacts import Contacts
from dashboards.alerts.rules import ALERTS

__all__ = ["ALERTS", "Contacts"]
