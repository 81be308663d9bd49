"""Nothing that the embedded store said it has is gone, whenever its process is killed."""
# ruff: noqa: ASYNC220 - the process that the test starts it also waits for, and nothing else runs meanwhile

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

from ingest.series.embedded import EmbeddedStore

ROOT = Path(__file__).parents[2]
SECOND = 10**9
#: Writes new rows, late ones and ones that were there, corrects some, forgets old ones; says each number once it is acknowledged.
WRITER = """
import asyncio, pathlib, sys
from ingest.series.embedded import EmbeddedStore
from plumbline.series import Measured, Point
S = 10**9
async def main(file, start):
    async with EmbeddedStore(pathlib.Path(file), compact_after=40) as store:
        print("open", flush=True)
        for turn in range(start, start + 100_000):
            tags = {"site": "s", "device": f"d{turn % 7}"}
            points = [Measured("m", tags, {"t": float(turn), "u": 1.0}, turn * 100 * S + i * S) for i in range(50)]
            late = [Measured("m", tags, {"t": float(turn), "v": 2.0}, turn * 100 * S + (49 - i) * S) for i in range(5)]
            await asyncio.gather(store.write(points), store.write([Point("note", tags, {"text": str(turn)}, turn * S)]))
            await store.write(late)
            if turn % 50 == 49:
                await store.forget("gone", turn * 100 * S)
            await store.write([Point("gone", tags, {"x": 1.0}, turn * 100 * S)])
            print(turn, flush=True)
asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


async def test_nothing_acknowledged_is_missing_after_sigkill_at_any_moment(tmp_path, say):
    file = tmp_path / "series.duckdb"
    chance = random.Random(6)
    acknowledged = -1
    for _ in range(8):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(file), str(acknowledged + 1)],
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        # So many lines later, and then so many bytes of its next work: not a time, but nowhere in particular either.
        for _ in range(chance.randrange(1, 40)):
            line = process.stdout.readline()
            acknowledged = int(line) if line.strip().isdigit() else acknowledged  # compactions are logged there too
        for _ in range(chance.randrange(20_000)):
            process.poll()
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().split(b"\n")
        process.wait()
        acknowledged = max([acknowledged, *(int(line) for line in rest[:-1] if line.isdigit())])
        async with EmbeddedStore(file) as store:
            asked = {"start": 0, "end": (acknowledged + 1) * 100 * SECOND, "every_ns": 100 * SECOND}
            found = await store.history("s", "m", "t", **asked)
            late = await store.history("s", "m", "v", **asked)
            notes = await store.latest("s", "note", 0)
            assert {bucket.start // (100 * SECOND) for bucket in found if bucket.samples == 50} == set(range(acknowledged + 1))
            assert all(bucket.samples == 50 and bucket.minimum == bucket.maximum for bucket in found)
            assert {bucket.start // (100 * SECOND) for bucket in late if bucket.samples == 5} == set(range(acknowledged + 1))
            assert max(int(row.fields["text"]) for row in notes) >= acknowledged
            earliest = await store.earliest("s", "gone")
            assert earliest is not None
            assert earliest >= (acknowledged // 50 * 50 - 1) * 100 * SECOND
    say(f"embedded store: 8 times SIGKILL while {acknowledged + 1} times 56 points were written: none of them missing")
