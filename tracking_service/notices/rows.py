"""A row of the outbox: to whom, in which words, and when it may go."""

import json
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, Final, NamedTuple

from plumbline.text import Language, visible
from tracking_service.domain.hours import next_daily
from tracking_service.domain.notice import Change, Message, written
from tracking_service.notices.people import Address, Mode, Person

LANGUAGES: Final[tuple[Language, ...]] = ("en", "zh")
_SECOND: Final = 1_000_000_000
#: What was seen so long ago comes from a gateway that catches up: it goes out together with what follows.
OLD_NS: Final = 120 * _SECOND
#: So long more of the same is waited for.
SETTLE_NS: Final = 60 * _SECOND


class Timing(NamedTuple):
    """How a notice waits."""

    state: str
    at: int
    catch_up: bool = False


def time_for(person: Person, mode: Mode, kind: str, *, now: int, zone: tzinfo, at: int) -> Timing:
    """When a notice of what was seen at `at` may go out to a person whose clock is `zone`'s."""
    if mode == "digest":
        return Timing("gathered", next_daily(now, person.digest_at, zone))
    if now - at > OLD_NS:
        return Timing("gathered", now + SETTLE_NS, catch_up=True)
    quiet = person.quiet.over_at(now, zone) if person.quiet is not None and kind not in person.urgent else None
    return Timing("waiting", now) if quiet is None else Timing("gathered", quiet)


def about(change: Change) -> str:
    """What a change is about, as the outbox keeps it."""
    return visible(change.subject, 130)


@dataclass(frozen=True, slots=True)
class Draft:
    """A notice to one person, before it is addressed."""

    change: Change
    kind: str
    person: Person
    message: Message
    timing: Timing
    now: int

    def row(self, address: Address, key: str) -> dict[str, Any]:
        """The row that brings it to one address; `key`: not made where one with it is there."""
        person, change = self.person, self.change
        passes_on = person.next_person is not None and person.next_after_s is not None and self.kind in person.next_kinds
        return {
            "dedup_key": key,
            "recipient": address.recipient,
            "name": person.name,
            "language": person.language,
            "subject": visible(self.message.subject, 512),
            "body": self.message.body.replace("\0", "␀"),  # which PostgreSQL refuses
            "state": self.timing.state,
            "attempts": 0,
            "created_at": self.now,
            "next_attempt_at": self.timing.at,
            "way": address.way,
            "person": person.id,
            "kind": self.kind,
            "about": about(change),
            "site": change.site,
            "order_number": change.order,
            "matter": change.dedup_key,
            "claim": change.claim,
            "catch_up": self.timing.catch_up,
            "next_at": self.timing.at + (person.next_after_s or 0) * _SECOND if passes_on else None,
            "answers": None,
            "texts": json.dumps(self._texts(), ensure_ascii=False) if passes_on else None,
        }

    def _texts(self) -> dict[str, Message]:
        """In both languages: the next person may speak the other one."""
        return {language: written(self.change, language) for language in LANGUAGES}
