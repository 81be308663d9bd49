"""Schedules of planning programs: read into one neutral form, compared with an order's work breakdown, taken over."""

from tracking_service.schedules.reading import MAX_BYTES, chosen, is_schedule, read
from tracking_service.schedules.schedule import Calendar, Predecessor, Schedule, Span, Task

__all__ = ["MAX_BYTES", "Calendar", "Predecessor", "Schedule", "Span", "Task", "chosen", "is_schedule", "read"]
