"""The log: everything that state is made of, append-only, in the order in which it was made of it.

State is a pure function of it: `rebuild` replays it and compares. One writer at a time: `turn` is the first thing that a
transaction does which is going to append.
"""

from tracking_service.log.pages import Entry, pages
from tracking_service.log.tables import act, log, log_head, transition, voided
from tracking_service.log.writing import append_act, append_events, turn

__all__ = [
    "Entry",
    "act",
    "append_act",
    "append_events",
    "log",
    "log_head",
    "pages",
    "transition",
    "turn",
    "voided",
]
