"""What whoever listens to devices on a broker does with their dialects: the edge agent's MQTT reader, and ingest.

    topic, payload ── Entry.hear ──► Said | Trouble ── States.turn (of states only the changes) ──► whoever listens

`learn` reads what a broker retained of announcements (units, names, births) before anything else is heard.
"""

from plumbline.listening.announcements import learn
from plumbline.listening.entry import Entry, entry_of, same_messages
from plumbline.listening.states import States

__all__ = ["Entry", "States", "entry_of", "learn", "same_messages"]
