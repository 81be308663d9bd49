"""`plumbline bench nmea`: reading the logs of a folder, beside cutting the same bytes into lines with nothing read."""

import json
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from edge_agent.nmea import Epoch, NmeaStream, read_log
from plumbline.errors import PlumblineError

#: What one read of a fast port brings.
_CHUNK: Final = 1024
#: The fastest usual serial line: start bit, eight bits, stop bit.
_FAST_BYTES_PER_S: Final = 921_600 / 10
_ENOUGH_S: Final = 1.0
#: Two fifth decimals of a degree, about 2 m: the sentences of one epoch differ in digits.
_SAME_DEG: Final = 2e-5


def measure(folder: Path) -> dict[str, Any]:
    """Read every `*.log` of `folder` again and again for a second. Where `X.fixes.jsonl` stands beside `X.log`, also compare."""
    logs = sorted(folder.glob("*.log"))
    if not logs:
        raise PlumblineError(f"{folder}: holds no *.log; name a folder of recorded NMEA 0183 logs")
    data = [log.read_bytes() for log in logs]
    sentences = sum(map(_stream, data))
    size = sum(map(len, data))
    if not sentences:
        raise PlumblineError(f"{folder}: no sentence in {len(logs)} logs; name a folder of recorded NMEA 0183 logs")
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    reading_s, rounds = _cpu_s(lambda: [_stream(each) for each in data])
    cutting_s, _ = _cpu_s(lambda: [each.split(b"\n") for each in data])
    return {
        "logs": len(logs),
        "sentences": sentences * rounds,
        "us_per_sentence": round(reading_s / sentences * 1e6, 2),
        "us_per_line_only_cut": round(cutting_s / sentences * 1e6, 3),
        "cpu_at_921600_baud": round(reading_s / size * _FAST_BYTES_PER_S, 4),
        "memory_growth_kb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb,
    } | _compared(logs)


def _stream(data: bytes) -> int:
    stream = NmeaStream()
    for at in range(0, len(data), _CHUNK):
        stream.feed(data[at : at + _CHUNK])
    stream.close()
    return stream.counts.sentences


def _cpu_s(work: Callable[[], object]) -> tuple[float, int]:
    """Processor seconds of one round, and how many rounds were made."""
    rounds, start_s = 0, time.process_time()
    while rounds == 0 or time.process_time() - start_s < _ENOUGH_S:
        work()
        rounds += 1
    return (time.process_time() - start_s) / rounds, rounds


def _compared(logs: list[Path]) -> dict[str, int]:
    counts = {"positions": 0, "positions_found": 0, "no_fix_epochs": 0, "no_fix_read_as_fix": 0}
    for log in logs:
        answers = log.with_suffix(".fixes.jsonl")
        if not answers.exists():
            continue
        found = {epoch.time: epoch for epoch in read_log([log.read_bytes()])}
        for row in map(json.loads, answers.read_text("utf-8").splitlines()):
            epoch = found.get(row.get("time"))
            if row["mode"] < 2:
                counts["no_fix_epochs"] += 1
                counts["no_fix_read_as_fix"] += epoch is not None and epoch.mode > 1
            elif "lat" in row:
                counts["positions"] += 1
                counts["positions_found"] += epoch is not None and _same(row, epoch)
    return counts if counts["positions"] else {}


def _same(row: dict[str, Any], epoch: Epoch) -> bool:
    if epoch.lat is None or epoch.lon is None:
        return False
    return abs(row["lat"] - epoch.lat) <= _SAME_DEG and abs((row["lon"] - epoch.lon + 180) % 360 - 180) <= _SAME_DEG
