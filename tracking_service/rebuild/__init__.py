"""Make state anew from the log, beside the live one, and compare: live equals rebuilt, always."""

from tracking_service.rebuild.compare import TABLES, Difference
from tracking_service.rebuild.run import Rebuilt, rebuild

__all__ = ["TABLES", "Difference", "Rebuilt", "rebuild"]
