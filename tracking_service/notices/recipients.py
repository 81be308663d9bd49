"""What people say of their notices: the document that is put and read, and where it is kept."""

import json
from collections.abc import Collection, Sequence
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from sqlalchemy import Row, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from tracking_service.document.fields import Id, Part, Short, Words
from tracking_service.domain.notice import KINDS, PRESSING, Kind
from tracking_service.errors import UnknownThingError
from tracking_service.notices.people import ALL, Mode, zone_of
from tracking_service.notices.tables import recipient, wish
from tracking_service.tables import insert, insert_new

_DAY: Final = 24 * 60
#: So many recipients there may be.
MOST: Final = 10_000


def _minutes(told: str) -> str:
    hour, colon, minute = told.partition(":")
    digits = all(len(part) == 2 and part.isascii() and part.isdigit() for part in (hour, minute))
    if not (colon and digits and int(hour) < 24 and int(minute) < 60):
        raise ValueError("must be a time of the day, 00:00 to 23:59")
    return told


def _zone(told: str | None) -> str | None:
    if told is not None and zone_of(told) is None:
        raise ValueError("must be a time zone of the IANA database, for example Asia/Shanghai")
    return told


Time = Annotated[str, AfterValidator(_minutes), Field(description="HH:MM by the person's clock.")]


class WayDocument(Part):
    """Where a notice reaches a person."""

    way: Annotated[str, Field(max_length=31, pattern=r"^[a-z0-9][a-z0-9_-]*$")]
    """`mail`, or one of the operator's ways (docs/notices.md)."""
    to: Annotated[str, Field(max_length=200)] = ""
    """The address there: of mail it must be; a chat group needs none."""

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        local, at, host = self.to.rpartition("@")
        plain = self.to.isascii() and self.to.isprintable() and not set(self.to) & set(' ,;<>"()[]\\')
        if self.way == "mail" and not (at and local and host and plain):
            raise ValueError("to: must be an e-mail address")
        if not self.to.isprintable():
            raise ValueError("to: must not contain control characters")
        return self


class QuietDocument(Part):
    """When a person is left in peace."""

    start: Annotated[Time, Field(alias="from")]
    until: Time

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.start == self.until:
            raise ValueError(
                f"quiet: from {self.start} until {self.until} is no time at all; leave 'quiet' out to hear at any hour,"
                " take mode 'digest' to hear once a day, or mode 'off' to hear nothing"
            )
        return self


class EscalateDocument(Part):
    """Who hears of what this person does not acknowledge."""

    to: Id
    after_min: Annotated[int, Field(ge=1, le=7 * _DAY)]
    kinds: Annotated[tuple[Kind, ...], Field(max_length=len(KINDS))] = PRESSING


class WishDocument(Part):
    """What to hear of: an order, all orders of a site, or, with neither, everything. The most specific wish decides."""

    site: Id | None = None
    order: Id | None = None
    kinds: Literal["all"] | Annotated[tuple[Kind, ...], Field(min_length=1, max_length=len(KINDS))] = "all"
    mode: Mode
    """`immediate`; `digest`: once a day; `weekly`: the report; `off`."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.site is not None and self.order is not None:
            raise ValueError("order: an order stands on one site; leave out 'site'")
        if self.mode == "weekly" and self.kinds != "all":
            raise ValueError("kinds: the weekly report has no kinds; leave them out")
        if self.mode != "weekly" and "report" in self.kinds:
            raise ValueError("kinds: the report is had with mode 'weekly'")
        return self


class RecipientDocument(Part):
    """A person who wants notices, and how."""

    name: Annotated[Short, Field(max_length=128)]
    language: Literal["zh", "en"] = "en"
    zone: Annotated[str | None, AfterValidator(_zone), Field(max_length=64)] = None
    """IANA; without it the clock of the site in question counts."""
    ways: Annotated[tuple[WayDocument, ...], Field(min_length=1, max_length=5)]
    quiet: QuietDocument | None = None
    urgent: Annotated[tuple[Kind | Literal["corrected"], ...], Field(max_length=len(KINDS) + 1)] = ()
    """The kinds that may pass the quiet hours."""
    digest_at: Time = "07:00"
    weekday: Annotated[int, Field(ge=1, le=7)] = 1
    """Of the weekly report: 1 is Monday; it comes at `digest_at`."""
    escalate: EscalateDocument | None = None
    wishes: Annotated[tuple[WishDocument, ...], Field(max_length=500)] = ()


class StoredRecipient(RecipientDocument):
    """With its name in the API."""

    id: Words


async def put(
    connection: AsyncConnection, name: str, document: RecipientDocument, *, ways: Collection[str] | None, now: int
) -> None:
    """Keep what a person says. Raises `ValueError` where a way is not one of `ways` (`None`: not known here)."""
    unknown = [way.way for way in document.ways if ways is not None and way.way not in {"mail", *ways}]
    if unknown:
        raise ValueError(f"ways: there is no way '{unknown[0]}'; the operator has {', '.join(sorted({'mail', *(ways or ())}))}")
    here = (await connection.execute(select(recipient.c.id).where(recipient.c.id == name))).first()
    if here is None and len((await connection.execute(select(recipient.c.id).limit(MOST))).all()) >= MOST:
        raise ValueError(f"there are {MOST} recipients already; remove some")
    quiet, escalate = document.quiet, document.escalate
    values = {
        "name": document.name,
        "language": document.language,
        "zone": document.zone,
        "ways": json.dumps([[way.way, way.to] for way in document.ways], ensure_ascii=False),
        "quiet_from": _clock(quiet.start) if quiet is not None else None,
        "quiet_until": _clock(quiet.until) if quiet is not None else None,
        "urgent": json.dumps(document.urgent),
        "digest_at": _clock(document.digest_at),
        "weekday": document.weekday,
        "next_person": escalate.to if escalate is not None else None,
        "next_after_s": escalate.after_min * 60 if escalate is not None else None,
        "next_kinds": json.dumps(escalate.kinds if escalate is not None else ()),
    }
    statement = insert(connection, recipient).values(id=name, created_at=now, **values)
    await connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=values))
    known = select(wish.c.site, wish.c.order_number, wish.c.kind, wish.c.created_at).where(wish.c.recipient == name)
    since = {(row.site, row.order_number, row.kind): row.created_at for row in await connection.execute(known)}
    await connection.execute(delete(wish).where(wish.c.recipient == name))
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    for one in document.wishes:
        kinds = ("report",) if one.mode == "weekly" else (ALL,) if one.kinds == "all" else one.kinds
        for kind in kinds:
            key = (one.site or "", one.order or "", kind)
            if key in rows:
                where = one.order or one.site or "everything"
                raise ValueError(f"wishes: '{kind}' of {where} stands there twice")
            at = since.get(key, now)
            rows[key] = {
                "recipient": name,
                "site": key[0],
                "order_number": key[1],
                "kind": kind,
                "mode": one.mode,
                "created_at": at,
            }
    await insert_new(connection, wish, list(rows.values()))


async def remove(connection: AsyncConnection, name: str) -> None:
    """Forget a recipient; what waits for them still goes out. Raises `UnknownThingError` where there is none."""
    if not (await connection.execute(delete(recipient).where(recipient.c.id == name))).rowcount:
        raise UnknownThingError(f"there is no recipient '{name}'")


async def read(connection: AsyncConnection, name: str | None = None) -> Sequence[StoredRecipient]:
    """All recipients by name, or one. Raises `UnknownThingError` where there is none by that name."""
    statement = select(recipient).order_by(recipient.c.id)
    wishes = select(wish).order_by(wish.c.site, wish.c.order_number, wish.c.kind)
    if name is not None:
        statement, wishes = statement.where(recipient.c.id == name), wishes.where(wish.c.recipient == name)
    found = (await connection.execute(statement)).all()
    if name is not None and not found:
        raise UnknownThingError(f"there is no recipient '{name}'")
    by_recipient: dict[str, list[Row[Any]]] = {}
    for row in await connection.execute(wishes):
        by_recipient.setdefault(row.recipient, []).append(row)
    return [_stored(row, by_recipient.get(row.id, [])) for row in found]


def _stored(row: Row[Any], wishes: Sequence[Row[Any]]) -> StoredRecipient:
    document: dict[str, Any] = {
        "id": row.id,
        "name": row.name,
        "language": row.language,
        "zone": row.zone,
        "ways": [{"way": way, "to": to} for way, to in json.loads(row.ways)],
        "quiet": None if row.quiet_from is None else {"from": _shown(row.quiet_from), "until": _shown(row.quiet_until)},
        "urgent": json.loads(row.urgent),
        "digest_at": _shown(row.digest_at),
        "weekday": row.weekday,
        "escalate": None,
        "wishes": [
            {
                "site": one.site or None,
                "order": one.order_number or None,
                "kinds": "all" if one.kind in {ALL, "report"} else [one.kind],
                "mode": one.mode,
            }
            for one in wishes
        ],
    }
    if row.next_person is not None:
        after = row.next_after_s // 60
        document["escalate"] = {"to": row.next_person, "after_min": after, "kinds": json.loads(row.next_kinds)}
    return StoredRecipient.model_validate(document)


def _clock(told: str) -> int:
    return int(told[:2]) * 60 + int(told[3:])


def _shown(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
