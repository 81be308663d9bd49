"""`plumbline tracking import`: documents, schedules and lists; the difference is shown before an order that is there changes."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import typer
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

import ingest
import tracking_service
from plumbline.command.site_files import Sites, site_files
from plumbline.command.sql import OF_UP, Database, opened
from plumbline.errors import SettingsError
from plumbline.site import SiteFile
from tracking_service import difference, document, importing, lists, schedules
from tracking_service.difference import Change
from tracking_service.document import CompanyDocument, OrderDocument
from tracking_service.errors import OrderChangedError, OrderRefusedError
from tracking_service.importing import Choices, Parsed
from tracking_service.lists import ListMapping
from tracking_service.log import turn
from tracking_service.orders import import_order
from tracking_service.rooms.ground import Ground

#: So many changes of a file are printed; the counts tell of all.
_SHOWN: Final = 500

Files = Annotated[
    list[Path],
    typer.Argument(
        help="Order and company documents (JSON), schedules (Microsoft Project XML, Primavera XER or XML, MPX), lists (CSV, XLSX); see docs/imports.md."
    ),
]
Order = Annotated[str | None, typer.Option(help="The order that schedules and lists are for; not needed beside its document.")]
Project = Annotated[str | None, typer.Option(help="Which project of a schedule file with several.")]
MappingFile = Annotated[Path | None, typer.Option(help="What the columns of a list mean (TOML).")]
Encoding = Annotated[str | None, typer.Option(help="Encoding of a file that does not say it: gb18030, cp1252, …")]
Remove = Annotated[bool, typer.Option("--remove", help="Take out lines or deliveries that the list does not have.")]
NoMilestones = Annotated[bool, typer.Option("--no-milestones", help="Take tasks only, not the milestones of a schedule.")]
NoCalendar = Annotated[bool, typer.Option("--no-calendar", help="Keep the order's working days and holidays.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the difference and change nothing.")]
Yes = Annotated[bool, typer.Option("--yes", help="Apply without asking.")]


def import_(
    files: Files,
    database: Database = OF_UP,
    sites: Sites = None,
    order: Order = None,
    project: Project = None,
    mapping: MappingFile = None,
    encoding: Encoding = None,
    remove: Remove = False,
    no_milestones: NoMilestones = False,
    no_calendar: NoCalendar = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> None:
    """Import orders, and schedules and lists into orders: all files or, where one is refused, none.

    The same file again changes nothing. Of schedules and lists the difference is shown and asked about before it is applied.
    """
    told = lists.read_mapping(_bytes(mapping, lists.MAX_MAPPING_BYTES), str(mapping)) if mapping is not None else ListMapping()
    choices = Choices(project, encoding, told, remove, not no_milestones, not no_calendar)
    steps = sorted((_step(path, choices) for path in files), key=lambda step: not isinstance(step.source, CompanyDocument))
    _name(steps, order)
    known: Mapping[str, SiteFile] = site_files(sites, database)
    raise typer.Exit(asyncio.run(_import(steps, database, known, dry_run=dry_run, yes=yes)))


@dataclass(slots=True)
class _Step:
    """A file, and the order that it is or is for (or the company that it is)."""

    path: Path
    source: OrderDocument | CompanyDocument | Parsed
    number: str = ""


@dataclass(frozen=True, slots=True)
class _Done:
    """What a file does to its order."""

    status: str
    changes: Sequence[Change]
    remarks: Sequence[str]
    version: str
    """Of the order before; empty: there was none."""


def _step(path: Path, choices: Choices) -> _Step:
    data = _bytes(path, schedules.MAX_BYTES)
    told = data.removeprefix(b"\xef\xbb\xbf")  # editors on Windows put it there; JSON has none (RFC 8259, 8.1)
    if told[:1_000].lstrip().startswith(b"{") or path.suffix.lower() == ".json":
        data = told
        if _is_company(data):
            company = document.read_company(data, str(path))
            return _Step(path, company, company.company)
        order = document.read(data, str(path))
        return _Step(path, order, order.number)
    return _Step(path, importing.parsed(data, str(path), choices))


def _is_company(data: bytes) -> bool:
    """Whether a document is the company's; what is no JSON is told by who reads it as an order."""
    try:
        told: object = json.loads(data)
    except (ValueError, RecursionError):
        return False
    return isinstance(told, dict) and "company" in told


def _name(steps: Sequence[_Step], order: str | None) -> None:
    """Say for each schedule and list which order it is for."""
    here = list(dict.fromkeys(step.number for step in steps if isinstance(step.source, OrderDocument)))
    for step in steps:
        if step.number:
            continue
        if order is None and len(here) != 1:
            raise SettingsError(f"{step.path}: name the order that it is for with --order")
        step.number = order or here[0]


async def _import(steps: Sequence[_Step], database: str, sites: Mapping[str, SiteFile], *, dry_run: bool, yes: bool) -> int:
    async with migrated(database) as engine:
        asks = not yes and any(isinstance(step.source, Parsed) for step in steps)
        if not (dry_run or asks):
            done = await _pass(engine, steps, sites, keep=True)
            _tell(steps, done, documents=False)
            return 0
        shown = await _pass(engine, steps, sites, keep=False)
        _tell(steps, shown, documents=dry_run)
        if dry_run or not any(each.changes for each in shown):
            return 0
        if not sys.stdin.isatty():
            print("nothing was applied: look at the difference and say --yes", file=sys.stderr)
            return 1
        if not typer.confirm("Apply this?"):
            return 1
        await _pass(engine, steps, sites, keep=True, shown=shown)
        print("applied")
        return 0


async def _pass(
    engine: AsyncEngine,
    steps: Sequence[_Step],
    sites: Mapping[str, SiteFile],
    *,
    keep: bool,
    shown: Sequence[_Done] | None = None,
) -> Sequence[_Done]:
    """Do all of it in one transaction; without `keep` that is rolled back, so that even a look meets every refusal."""
    async with engine.connect() as connection, connection.begin() as transaction:
        done: list[_Done] = []
        for place, step in enumerate(steps):
            each = await _do(connection, step, sites)
            if shown is not None and each.version != shown[place].version:
                raise OrderChangedError(f"order {step.number}: somebody changed it meanwhile; look at the difference again")
            done.append(each)
        if not keep:
            await transaction.rollback()
    return done


async def _do(connection: AsyncConnection, step: _Step, sites: Mapping[str, SiteFile]) -> _Done:
    zones = {one.id: ZoneInfo(one.timezone) for one in sites.values()}
    await turn(connection)  # whoever wrote before us may have gone by a later time than ours until now
    if isinstance(step.source, CompanyDocument):
        made_company = await importing.import_company(connection, step.source, Ground(sites, zones, time.time_ns()))
        return _Done(made_company.status, (), (), "")
    remarks: Sequence[str] = ()
    try:
        before = await importing.stored_or_none(connection, step.number)
        after = step.source
        if isinstance(after, Parsed):
            here = before if before is not None else await importing.stored(connection, step.number)
            made = after.onto(here, importing.zone_of(here, sites))
            after, remarks = made.after, made.remarks
        done = await import_order(connection, after, sites=sites, zones=zones, now=time.time_ns())
        made_of_it = await importing.stored(connection, step.number)
    except OrderRefusedError as error:
        raise OrderRefusedError(f"{step.path}: {error}") from None
    changes = difference.difference(before, made_of_it)
    return _Done(done.status, changes, (*remarks, *done.warnings), importing.version(before) if before is not None else "")


def _tell(steps: Sequence[_Step], done: Sequence[_Done], *, documents: bool) -> None:
    """What each file does; the differences of documents only where they are asked for."""
    for step, each in zip(steps, done, strict=True):
        print(f"{each.status:9} {step.number}  {step.path}")
        for remark in each.remarks:
            print(f"  note: {remark}")
        if not isinstance(step.source, Parsed) and not documents:
            continue
        for change in each.changes[:_SHOWN]:
            print(f"  {change.told()}")
        if len(each.changes) > _SHOWN:
            print(f"  and {len(each.changes) - _SHOWN} more")
        if each.changes:
            print(f"  {', '.join(f'{count} {kind}' for kind, count in difference.counts(each.changes).items())}")


@asynccontextmanager
async def migrated(database: str, *, existing: bool = False) -> AsyncGenerator[AsyncEngine]:
    """The database, brought to this version; with `existing` no SQLite file is made where there is none."""
    async with opened(database, existing=existing) as engine:
        await ingest.migrate(engine)
        await tracking_service.migrate(engine)
        yield engine


def _bytes(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(most + 1)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror}); name a file that is there") from None
