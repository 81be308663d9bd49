"""`plumbline tracking rebuild`: state made anew from the log, compared with the live one."""

import asyncio
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from plumbline.command.site_files import Sites, site_files
from plumbline.command.sql import OF_UP, Database
from plumbline.command.tracking_import import migrated
from plumbline.errors import SettingsError
from plumbline.memory import calm
from plumbline.site import SiteFile, Zones
from tracking_service.rebuild import Difference, Rebuilt
from tracking_service.rebuild import rebuild as made_anew
from tracking_service.tables import orders

#: Progress is told so often.
_EVERY_S = 2.0
#: A value in a difference is told up to so many characters.
_SHOWN = 120


def rebuild(
    database: Database = OF_UP,
    sites: Sites = None,
    adopt: Annotated[
        bool, typer.Option("--adopt", help="Where they differ, put the rebuilt state in place; the service waits meanwhile.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Make every state anew from the log and compare it with the live one. Ends with 1 where they differ."""
    began = time.monotonic()
    found = asyncio.run(_rebuild(database, sites, adopt=adopt))
    seconds = round(time.monotonic() - began, 1)
    if as_json:
        print(json.dumps(_plain(found, seconds), ensure_ascii=False))
    else:
        _say(found, seconds)
    if not found.equal:
        raise typer.Exit(1)


async def _rebuild(database: str, folder: Path | None, *, adopt: bool) -> Rebuilt:
    known = site_files(folder, database)
    progress = _Progress()
    async with migrated(database, existing=True) as engine:
        calm()
        await _refuse_unknown_sites(engine, known, adopt=adopt)
        return await made_anew(engine, sites=known, zones=Zones(known), now=time.time_ns(), adopt=adopt, told=progress.told)


async def _refuse_unknown_sites(engine: AsyncEngine, known: Mapping[str, SiteFile], *, adopt: bool) -> None:
    """Without a site's file its badges, tags and zones are not known: what was seen there would be taken out."""
    if not adopt:
        return
    async with engine.connect() as connection:
        named = set((await connection.execute(select(orders.c.site).distinct())).scalars())
    if missing := sorted(named - set(known)):
        raise SettingsError(
            f"the file of site {missing[0]} is not known; without its badges and zones the rebuilt state would lack what was"
            " seen there: name the folder of site files with --sites"
        )


class _Progress:
    """How far it is, on standard error: now and then, and only where it takes long."""

    def __init__(self) -> None:
        self._next = time.monotonic() + _EVERY_S

    def told(self, what: str, done: int, whole: int) -> None:
        """Say it, unless that was said a moment ago."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _EVERY_S
            print(f"{what}: {done:,} of {whole:,}", file=sys.stderr, flush=True)


def _plain(found: Rebuilt, seconds: float) -> dict[str, Any]:
    return {
        "equal": found.equal,
        "entries": found.entries,
        "rows": found.rows,
        "seconds": seconds,
        "differing": dict(found.differing),
        "differences": [
            {
                "table": one.table,
                "what": one.what,
                "key": _shown(one.key),
                "live": _shown(one.live),
                "rebuilt": _shown(one.rebuilt),
            }
            for one in found.shown
        ],
        "lost": found.lost,
        "adopted": found.adopted,
    }


def _say(found: Rebuilt, seconds: float) -> None:
    for one in found.shown:
        print(f"{one.table} {'/'.join(map(str, _shown(one.key) or ()))}: {_told(one)}")
    for table, count in found.differing.items():
        print(f"{table}: {count:,} rows differ")
    for event_id in found.lost[:20]:
        print(f"inbox: event {event_id} stands in the log and not in the inbox any more; restore the inbox from a backup")
    word = "live equals rebuilt" if found.equal else "live differs from rebuilt"
    print(f"{word}: {found.entries:,} entries of the log, {found.rows:,} rows, {seconds} s")
    if found.adopted:
        print("the rebuilt state is in place")
    elif found.differing:
        print("put the rebuilt state in place with --adopt; give --sites as the service has it, or badges and tags differ")


def _told(one: Difference) -> str:
    if one.live is None:
        return f"missing; rebuilt {_shown(one.rebuilt)}"
    if one.rebuilt is None:
        return f"should not be there: {_shown(one.live)}"
    return f"is {_shown(one.live)}, should be {_shown(one.rebuilt)}"


def _shown(row: tuple[Any, ...] | None) -> list[Any] | None:
    """A row as people and JSON can read it."""
    if row is None:
        return None
    texts = [value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in row]
    return [value[: _SHOWN - 1] + "…" if isinstance(value, str) and len(value) > _SHOWN else value for value in texts]
