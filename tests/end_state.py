"""What ingest leaves behind, in a form that two runs can be compared by: inbox, ledger, dead letters, every point."""

import time
from typing import Any, Final

import httpx
from sqlalchemy import select

from ingest.heat.tables import heat_mark
from ingest.ledger.report import report
from ingest.operations.metrics import Metrics
from ingest.patience import Patience, Stop
from ingest.projection.movement import SPAN_NS
from ingest.rollups import Roller
from ingest.series.influx import InfluxStore
from ingest.tables import dead_letter
from plumbline.database import open_engine
from plumbline.inbox import inbox
from plumbline.rollup import COVER
from tests.servers import InfluxDb

_http: Final = httpx.Client(trust_env=False)
#: How often something came, and when, differs from run to run; what became of it may not.
_COUNTED = ("site", "gateway", "epoch", "event_class", "watermark", "highest", "received", "dead", "thinned", "lost", "missing")

#: When rollups were computed, and how workers and gateways stood each minute: no two runs say the same.
_OF_THE_RUN = {COVER, "ingest", "gateway", "ledger", "dead_letter"}


async def sql_state(url: str) -> dict[str, Any]:
    """Inbox, ledger and dead letters.

    Which fixes are movements depends on what arrived first, and each worker decides anew; what holds is that a device that
    was somewhere in a span of time has said so in the inbox.
    """
    engine = open_engine(url)
    try:
        async with engine.connect() as connection:
            rows = (
                await connection.execute(select(inbox.c.event_id, inbox.c.kind, inbox.c.device, inbox.c.at, inbox.c.body))
            ).all()
            columns = (
                dead_letter.c.reason,
                dead_letter.c.gateway,
                dead_letter.c.event_class,
                dead_letter.c.seq,
                dead_letter.c.payload,
            )
            letters = (await connection.execute(select(*columns))).all()
        streams = await report(engine)
    finally:
        await engine.dispose()
    return {
        "inbox": {row.event_id: row.body for row in rows if row.kind != "fix"},
        "movements": {(row.device, row.at // SPAN_NS) for row in rows if row.kind == "fix"},
        "ledger": [tuple(getattr(stream, name) for name in _COUNTED) for stream in streams],
        "letters": sorted(tuple(letter) for letter in letters),
    }


async def heat_waits(url: str) -> bool:
    """Whether some presence is not in the heat yet."""
    engine = open_engine(url)
    try:
        async with engine.connect() as connection:
            await connection.execution_options(read_only=True)
            return await connection.scalar(select(heat_mark.c.id).limit(1)) is not None
    finally:
        await engine.dispose()


async def rolled_up(url: str, server: InfluxDb, database: str) -> None:
    """Compute the rollups that are waiting still; no worker runs any more."""
    engine, store = open_engine(url), InfluxStore(server.url, database)
    later = time.time_ns() + 3600 * 10**9  # whoever computed is given up
    try:
        roller = Roller(
            engine=engine,
            store=store,
            token="end",
            stop=Stop(),
            metrics=Metrics(),
            patience=Patience(),
            clock=lambda: later,
            settle_s=0,
        )
        while await roller.round():
            pass
    finally:
        await store.aclose()
        await engine.dispose()


def points(server: InfluxDb, database: str) -> dict[str, list[Any]]:
    """Every point of every measurement, but for what says how things stood while it ran."""
    found: dict[str, list[Any]] = {}
    for (measurement,) in _rows(server, database, "SHOW MEASUREMENTS"):
        if measurement in _OF_THE_RUN:
            continue
        found[measurement] = sorted(_rows(server, database, f'SELECT * FROM "{measurement}"'), key=repr)
    return found


def business_points(server: InfluxDb, database: str) -> int:
    """How many points of business events there are."""
    counts = 0
    for measurement, name in (("scan", "id"), ("check_in", "person"), ("state", "state")):
        counts += sum(row[0][1] for row in _rows(server, database, f'SELECT count("{name}") FROM "{measurement}"', ("count",)))
    return counts


def _rows(server: InfluxDb, database: str, query: str, columns: tuple[str, ...] = ()) -> list[tuple[Any, ...]]:
    answer = _http.post(f"{server.url}/query", params={"db": database, "epoch": "ns"}, data={"q": query}, timeout=120)
    answer.raise_for_status()
    (result,) = answer.json()["results"]
    return [
        tuple((name, value) for name, value in zip(series["columns"], row, strict=True) if not columns or name in columns)
        if "SELECT" in query
        else tuple(row)
        for series in result.get("series", [])
        for row in series["values"]
    ]
