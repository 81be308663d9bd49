"""What a person wants done with dead letters: taken once more, mended, removed."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final, Unpack, cast

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ingest.deadletters.choice import Choice, chosen
from ingest.receiving.parcel import KEPT_BYTES
from ingest.tables import dead_letter
from ingest.upsert import is_postgresql
from plumbline import codec
from plumbline.errors import CodecError, PlumblineError

#: Ids named in one statement.
_AT_ONCE: Final = 500
#: What happened and who saw it: a correction leaves these as they came. Only a letter that cannot be read lets them be written.
EVIDENCE: Final = ("kind", "id", "site", "gateway", "epoch", "seq", "raw", "photo", "person")


async def request_replay(engine: AsyncEngine, *, now: int, **choice: Unpack[Choice]) -> int:
    """Ask the running service to take letters once more; those replayed already stay. Returns how many were asked for."""
    return len(await asked(engine, now=now, **choice))


async def asked(engine: AsyncEngine, *, now: int, **choice: Unpack[Choice]) -> list[int]:
    """The same, but returns the ids of the letters, for `progress`."""
    numbers: list[int] = []
    table = dead_letter.c
    async with engine.begin() as connection:
        for conditions in _conditions(choice):
            statement = update(dead_letter).where(table.replayed_at.is_(None), *conditions)
            numbers += await connection.scalars(statement.values(replay_requested_at=now).returning(table.id))
    return numbers


class Progress(Struct, frozen=True, kw_only=True):
    """How far a replay has come."""

    waiting: int
    taken: int
    refused: dict[str, int]
    """Refused again, by reason."""
    gone: int
    """Removed meanwhile."""


async def progress(engine: AsyncEngine, numbers: Sequence[int]) -> Progress:
    """What became of letters whose replay was asked for."""
    waiting = taken = found = 0
    refused: Counter[str] = Counter()
    table = dead_letter.c
    async with engine.connect() as connection:
        await connection.execution_options(read_only=True)
        for some in _chunks(numbers):
            statement = select(table.reason, table.replay_requested_at, table.replayed_at).where(table.id.in_(some))
            for reason, requested_at, replayed_at in (await connection.execute(statement)).all():
                found += 1
                if replayed_at is not None:
                    taken += 1
                elif requested_at is not None:
                    waiting += 1
                else:
                    refused[reason] += 1
    return Progress(waiting=waiting, taken=taken, refused=dict(refused), gone=len(numbers) - found)


async def correct(engine: AsyncEngine, number: int, payload: bytes, *, now: int) -> None:
    """Put a mended payload in a letter's place; what came stays beside it, for ever the same.

    Raises `PlumblineError` where there is no such letter, it was replayed, what is given cannot be read, or it says something
    else about what happened (`EVIDENCE`).
    """
    table = dead_letter.c
    async with engine.begin() as connection:
        row = await _locked(connection, number)
        if row.replayed_at is not None:
            raise PlumblineError(f"dead letter {number} was replayed already: what is in the ledger is not changed by hand")
        original: bytes = row.payload if row.original is None else row.original
        if row.seq is not None:
            _same_event(number, original, payload, row)
        elif len(payload) > KEPT_BYTES:
            raise PlumblineError(f"{len(payload)} bytes are given, a message of at most {KEPT_BYTES} can be mended")
        values: dict[str, Any] = {"payload": payload, "size": len(payload), "original": original, "corrected_at": now}
        await connection.execute(update(dead_letter).where(table.id == number).values(**values))


async def drop(engine: AsyncEngine, **choice: Unpack[Choice]) -> int:
    """Remove letters for good; the ledger goes on counting them as dead. Returns how many went."""
    count = 0
    async with engine.begin() as connection:
        for conditions in _conditions(choice):
            count += (await connection.execute(delete(dead_letter).where(*conditions))).rowcount
    return count


async def _locked(connection: AsyncConnection, number: int) -> Any:
    statement = select(dead_letter).where(dead_letter.c.id == number)
    row = (await connection.execute(statement.with_for_update() if is_postgresql(connection) else statement)).one_or_none()
    if row is None:
        raise PlumblineError(f"there is no dead letter {number}; 'plumbline deadletters list --each' shows which there are")
    return row


def _same_event(number: int, original: bytes, payload: bytes, row: Any) -> None:
    try:
        event = codec.decode_event(payload)
    except CodecError as error:
        raise PlumblineError(
            f"the correction of dead letter {number} is no event: {error.detail}; mend it and try again"
        ) from None
    place = (event.site, event.gateway, event.epoch, event.event_class, event.seq)
    if place != (row.site, row.gateway, row.epoch, row.event_class, row.seq):
        raise PlumblineError(
            f"the correction of dead letter {number} says {'/'.join(map(str, place))}, the letter is "
            f"{row.site}/{row.gateway}/{row.epoch}/{row.event_class}/{row.seq}: its place in the ledger stays"
        )
    before, after = _table(original), _table(payload)
    changed = [name for name in EVIDENCE if name in before and before[name] != after.get(name)]
    if changed:
        raise PlumblineError(
            f"the correction of dead letter {number} changes {', '.join(changed)}: what was captured is evidence and stays as it "
            "came; correct the order in tracking instead, where it is seen who did it"
        )


def _table(payload: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _conditions(choice: Choice) -> Iterator[list[ColumnElement[bool]]]:
    """For a statement each, since there may be more ids than one takes."""
    rest = choice.copy()
    numbers = rest.pop("numbers", None) or ()
    for some in _chunks(numbers) if numbers else [()]:
        rest["numbers"] = some
        yield chosen(**rest)


def _chunks(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    return (numbers[at : at + _AT_ONCE] for at in range(0, len(numbers), _AT_ONCE))
