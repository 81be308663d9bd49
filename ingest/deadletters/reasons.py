"""Every reason for which ingest sets something aside: what it means, whose matter it is, what to do.

`docs/deadletters.md` prints this table; a test holds it together with the words that the code uses.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

_REPLAY: Final = "then replay"


class Reason(NamedTuple):
    """What one word means."""

    meaning: str
    remedy: str


REASONS: Final[Mapping[str, Reason]] = {
    "unknown_site": Reason(
        "there is no site file for the site that the event names",
        "add its file to the sites folder (no restart): its letters are then replayed by themselves; or mend the site's name on the gateway",
    ),
    "unknown_device": Reason(
        "the site file does not name the device, and says that such devices are set aside (`unknown_devices`)",
        f"add the device to the site file (no restart), {_REPLAY}; or mend the name where it is sent from",
    ),
    "over_budget": Reason(
        "a new device, measurement or metric would exceed the site's budget of names in the time series",
        f"find out who makes up names; if they are meant, raise the number under `[budgets]` in the site file, {_REPLAY}",
    ),
    "reserved_name": Reason(
        "a reading calls itself like a measurement that is made here (`position`, `scan`, `heat` …), or ends its name like a rollup (`_1m`, `_15m`, `_1h`)",
        "give the measurement another name in the device profile or the gateway's configuration; `correct` mends single letters",
    ),
    "clock_ahead": Reason(
        "the event's time is more than a day ahead of ours",
        f"set the clock of the gateway (or ours), {_REPLAY} once that day has come; where the gateway tells how far it was wrong, "
        "its letters are replayed by themselves",
    ),
    "clock_unset": Reason(
        "the gateway's clock had not been set, so the time of a reading is not known",
        "nothing: it is taken in by itself when the gateway knows the time; see to the gateway's time server if that never comes",
    ),
    "not_json": Reason(
        "the bytes are no JSON, or a damaged compressed stream",
        "look at them (`show`); check who publishes on that topic, and the link. A gateway sends again what was not committed",
    ),
    "invalid": Reason(
        "the JSON is no event or no batch: a field is missing, of the wrong type or out of its range",
        f"`show` marks the place; mend the sender, or one letter with `export` and `replay --corrected`; after an upgrade of ours, {_REPLAY}",
    ),
    "unknown_kind": Reason("the event is of a kind that this version does not know", f"upgrade ingest, {_REPLAY}"),
    "newer_version": Reason("the event has a newer form than this version reads", f"upgrade ingest, {_REPLAY}"),
    "too_large": Reason(
        "an event above 64 KiB or a batch above 4 MiB",
        "make the sender send less at once; only the first 256 KiB are kept, so what was longer cannot be replayed",
    ),
    "misplaced": Reason(
        "the message says another site, gateway or class than its topic",
        f"check who publishes there, and the broker's access rules; if the sender is right, mend its topic, {_REPLAY}",
    ),
    "leap": Reason(
        "the batch's numbers lie further ahead of its stream than any gateway counts: a damaged or forged header",
        "nothing, if the gateway sends what lies between: it sends this again too. Replay it only if you know its numbers to be right",
    ),
    "point_refused": Reason(
        "the series store will never take the point, most often because a field has another type there",
        f"the text says what the store said; remove or rename the field in the store or at the sender, {_REPLAY}",
    ),
    "database_refused": Reason(
        "the SQL database refuses the event for what it contains", f"the text says why; mend that or tell us, {_REPLAY}"
    ),
    "undecodable": Reason(
        "a device that publishes without a gateway sent what its dialect cannot read",
        f"the text says what; mend the device's settings or the dialect's in the site's configuration, {_REPLAY}",
    ),
    "partly_undecodable": Reason(
        "of what a device published without a gateway some values could not be read; the others were taken in",
        f"the text says which; mend the device's settings or the dialect's in the site's configuration, {_REPLAY}",
    ),
}

_UNKNOWN: Final = Reason("a word of a newer version", "look at its text; upgrade this command")


def meaning_of(reason: str) -> str:
    """What the word means."""
    return REASONS.get(reason, _UNKNOWN).meaning


def remedy_of(reason: str) -> str:
    """What to do."""
    return REASONS.get(reason, _UNKNOWN).remedy
