"""Orders, milestones and the evidence behind each; the API, the wall and the notices."""

from tracking_service.schema import migrate

__all__ = ["migrate"]
