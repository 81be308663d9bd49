"""The ledger says of direct devices what it can prove, and not more."""

import asyncio
import json
from pathlib import Path

from ingest import migrate
from ingest.direct.tables import direct_gap, direct_lane, direct_tally
from ingest.ledger.report import report
from ingest.tables import ledger_day, ledger_stream
from plumbline.cli import main
from plumbline.database import open_engine

LANE = {"site": "yard", "gateway": "direct-x"}
STREAM = LANE | {"epoch": "e1", "event_class": "telemetry", "received": 7}
SECOND = 1_000_000_000


async def fill(url: str) -> None:
    engine = open_engine(url)
    await migrate(engine)
    async with engine.begin() as connection:
        await connection.execute(direct_lane.insert(), LANE)
        await connection.execute(ledger_stream.insert(), STREAM | {"upto": 7, "first_seen": 1, "last_seen": SECOND})
        await connection.execute(ledger_day.insert(), STREAM | {"day": "2026-06-11", "first_seq": 1, "last_seq": 7})
        tally = {"epoch": "e1", "messages": 9, "qos0": 3, "redelivered": 1, "retained": 2}
        await connection.execute(direct_tally.insert(), LANE | tally | {"first_seen": 1, "last_seen": 200 * SECOND})
        for since, kept in ((0, False), (100, True)):
            await connection.execute(
                direct_gap.insert(), LANE | {"since": since * SECOND, "until": (since + 60) * SECOND, "kept": kept}
            )
    await engine.dispose()


async def test_nothing_is_said_to_be_missing_and_nothing_to_be_complete(tmp_path: Path):
    url = f"sqlite:///{tmp_path}/plumbline.db"
    await fill(url)
    engine = open_engine(url)
    [stream] = await report(engine)
    await engine.dispose()
    assert (stream.delivery, stream.received, stream.missing, stream.days[0].missing) == ("direct", 7, None, None)
    assert stream.direct is not None
    assert (stream.direct.messages, stream.direct.qos0, stream.direct.redelivered, stream.direct.retained) == (9, 3, 1, 2)
    assert (stream.direct.unheard_s, stream.direct.unkept_s) == (120.0, 60.0)
    assert stream.verdict.startswith("direct devices: everything that MQTT gave us")
    assert "complete" not in stream.verdict


def test_the_command_shows_it_as_unknown(tmp_path: Path, capsys):
    url = f"sqlite:///{tmp_path}/plumbline.db"
    asyncio.run(fill(url))
    for arguments in (["ledger", "--database", url, "--check"], ["ledger", "--database", url, "--json"]):
        try:
            main(arguments)
        except SystemExit as end:
            assert not end.code  # noqa: PT017 - the command's own way to end well
    table, _, printed = capsys.readouterr().out.rpartition("\n[")
    assert "—" in table
    [stream] = json.loads("[" + printed)
    assert (stream["missing"], stream["delivery"], stream["direct"]["messages"]) == (None, "direct", 9)
