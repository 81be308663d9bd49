"""How long a scan waits for its answer: bytes on the scanner's line → answer bytes back on the line.

The agent runs as its users run it, a process of its own, with a scanner on a pseudo-terminal, a manifest of 5,000 lines on its disk and
no server at all. Each scan is safe on the disk (fsync) before it is answered.
"""

import asyncio
import os
import select
import statistics
import sys
import time
import tty
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from edge_agent.gs1 import check_digit
from edge_agent.verdict.store import Store
from plumbline import child, manifest
from plumbline.compression import compressed
from plumbline.errors import PlumblineError
from plumbline.manifest import Content, Elsewhere, ExpectedLine, ExpectedOrder, ExpectedUnit, Manifest

SITE: Final = "bench"
LINES: Final = 5_000
_LINES_PER_ORDER: Final = 50
_ANSWERS: Final = {b"[A]": "accepted", b"[G]": "good", b"[W]": "warn", b"[B]": "bad"}
_PATIENCE_S: Final = 30.0


def gtin(item: int) -> str:
    """An article's GTIN-14, of GS1's range for examples."""
    digits = f"0950600{item:06d}"
    return digits + check_digit(digits)


def sscc(unit: int) -> str:
    """A pallet's SSCC, of GS1's range for examples."""
    digits = f"09506000{unit:09d}"
    return digits + check_digit(digits)


def expected(lines: int = LINES) -> Manifest:
    """A manifest of so many lines: each with article, batch and pallet, 20 pieces received, and as many codes of another site."""
    numbers = range(lines)
    orders: list[ExpectedOrder] = []
    for first in range(0, lines, _LINES_PER_ORDER):
        rows = tuple(
            ExpectedLine(
                line=str(n),
                title_en=f"Article {n}",
                title_zh=f"物料 {n}",
                unit="pcs",
                quantity="1000",
                arrived="20",
                gtin=gtin(n),
                batch=f"LOT{n:05d}",
                certificate_required=n % 10 == 0,
                pieces=tuple(f"item:{gtin(n)}/OLD{piece}" for piece in range(20)),
            )
            for n in range(first, min(first + _LINES_PER_ORDER, lines))
        )
        orders.append(ExpectedOrder(number=f"PO-{first}", title_en="Order", title_zh="订单", lines=rows))
    content = Content(
        orders=tuple(orders),
        units=tuple(
            ExpectedUnit(sscc=sscc(n), order=f"PO-{n - n % _LINES_PER_ORDER}", line=str(n), quantity="8") for n in numbers
        ),
        elsewhere=(Elsewhere(site="other", gtins=tuple(gtin(100_000 + n) for n in numbers)),),
    )
    values = {name: getattr(content, name) for name in Content.__struct_fields__}
    return Manifest(site=SITE, epoch="bench", version=1, digest=manifest.digest_of(content), at=1, **values)


def labels(scans: int) -> Iterator[bytes]:
    """What is scanned: half of it expected, the rest all that may be wrong."""
    for n in range(scans):
        item, serial = n * 7 % LINES, f"S{n // 10}"
        match n % 10:
            case 0 | 1 | 2 | 3:
                yield f"]C101{gtin(item)}10LOT{item:05d}\x1d21N{n}".encode()
            case 4:
                yield f"]C100{sscc(n % LINES)}".encode()
            case 5:
                yield f"]C100{sscc((n - 1) % LINES)}".encode()
            case 6:
                yield f"]C101{gtin(item)}10WRONG\x1d21{serial}".encode()
            case 7:
                yield f"]C101{gtin(100_000 + item)}".encode()
            case 8:
                yield f"]Q1nobody's code {n}".encode()
            case _:
                yield f"]C101{gtin(item)}10ABC1725123121{serial}".encode()


def measure(folder: Path, scans: int = 1_000) -> dict[str, Any]:
    """Measure `scans` scans in an empty folder: milliseconds from the last byte of a label to the last of its answer."""
    return asyncio.run(_measure(folder, scans))


async def _measure(folder: Path, scans: int) -> dict[str, Any]:
    near, far = os.openpty()
    tty.setraw(near)
    tty.setraw(far)
    try:
        payload = compressed(manifest.encode(expected()))
        (folder / "data").mkdir(parents=True)
        begin = time.perf_counter()
        Store(folder / "data" / "manifest", SITE).take(payload, None)
        taken = time.perf_counter() - begin
        path = folder / "gateway.toml"
        path.write_text(_SETTINGS.format(port=os.ttyname(far)), encoding="utf-8")
        command = (sys.executable, "-m", "plumbline", "edge", "run", "--config", str(path))
        async with child.running(*command, log=folder / "edge.log", folder=folder) as process:
            await asyncio.to_thread(_warm, near, folder)
            times, said = await asyncio.to_thread(_scan_all, near, scans)
            pages = int(Path(f"/proc/{process.pid}/statm").read_text(encoding="ascii").split()[1])
    finally:
        os.close(near)
        os.close(far)
    quantiles = statistics.quantiles(times, n=1000, method="inclusive")
    return {
        "scans": scans,
        "manifest_lines": LINES,
        "manifest_bytes": len(payload),
        "manifest_taken_in_ms": round(taken * 1000, 1),
        "answer_ms": {
            "p50": round(quantiles[499], 2),
            "p99": round(quantiles[989], 2),
            "highest": round(max(times), 2),
            "limit_p99": 100,
        },
        "answers": dict(said),
        "rss_mb": round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1),
    }


_SETTINGS: Final = f"""\
site = "{SITE}"
gateway = "gw-1"
[server]
brokers = ["mqtt://127.0.0.1:9"]
[page]
listen = "127.0.0.1:0"
[[reader]]
type = "serial_scanner"
name = "gate"
port = "{{port}}"
symbology_identifier = true
accept = "[A]"
good = "[G]"
warn = "[W]"
bad = "[B]"
"""


def _warm(near: int, folder: Path) -> None:
    """Scan until the agent answers, and everything that it answers has been read."""
    end = time.monotonic() + _PATIENCE_S
    while time.monotonic() < end:
        os.write(near, b"]Q1first\r\n")
        if _read(near, 0.3):
            while _read(near, 0.5):
                pass
            return
    raise PlumblineError(f"the agent does not answer in {_PATIENCE_S:g} s; read {folder}/edge.log (--keep)")


def _scan_all(near: int, scans: int) -> tuple[list[float], Counter[str]]:
    times: list[float] = []
    said: Counter[str] = Counter()
    for label in labels(scans):
        os.write(near, label + b"\r\n")
        begin = time.perf_counter()
        answer = b""
        while len(answer) < 3:
            heard = _read(near, _PATIENCE_S)
            if not heard:
                raise PlumblineError(f"no answer to {label!r} in {_PATIENCE_S:g} s")
            answer += heard
        times.append((time.perf_counter() - begin) * 1000)
        said[_ANSWERS[answer]] += 1
    return times, said


def _read(near: int, patience_s: float) -> bytes:
    ready, _, _ = select.select([near], [], [], patience_s)
    return os.read(near, 100) if ready else b""
