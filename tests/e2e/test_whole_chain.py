"""From a label's photo and a receiver's log to the milestone, its evidence, the notice, the points and the wall.

The parts are separate processes over a real Mosquitto, InfluxDB and PostgreSQL. The same scenario is played twice: undisturbed,
and with ingest and the broker killed in the middle. The end state is the same.
"""

import contextlib
import json
import shutil
import socket
import threading
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiosmtpd.controller import Controller
from playwright.sync_api import Page, sync_playwright

from tests.e2e.chain import GATEWAY, SITE, Chain
from tests.servers import PostgreSql, free_port, wait_until

AT_MOST, AT_LEAST = 5, 4


class Mailbox:
    """A local SMTP server that keeps what it is given."""

    def __init__(self) -> None:
        self.mails: list[Any] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@contextlib.contextmanager
def smtp_server() -> Iterator[tuple[Mailbox, str]]:
    """A mailbox and the URL under which notices reach it."""
    mailbox, port = Mailbox(), free_port()
    controller = Controller(mailbox, hostname="127.0.0.1", port=port, ready_timeout=120)
    controller.start()
    yield mailbox, f"smtp://127.0.0.1:{port}?from=plumbline@chain.example"
    controller.stop()


@contextlib.contextmanager
def receiver_on_tcp(log: bytes) -> Iterator[str]:
    """A receiver behind a serial server: says its log once, to the first who connects, and stays on the line."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        lines: list[socket.socket] = []

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    line, _ = listener.accept()
                    lines.append(line)
                    if len(lines) == 1:
                        line.sendall(log)

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        for line in lines:
            line.close()


def readable_labels(corpus: Path) -> list[tuple[Path, str]]:
    """Photos of labels with their text: retail codes, each text once, none that needs the decoder's last effort."""
    found: dict[str, Path] = {}
    for case in json.loads((corpus / "labels" / "expected.json").read_text(encoding="utf-8")):
        retail = case["format"] in {"ean", "ean_13", "ean_8", "upc", "upc_a"} and len(case["text"]) in {8, 12, 13}
        if retail and case.get("zxingcpp_reads_it"):
            found.setdefault(case["text"], corpus / "labels" / "photos" / case["file"])
    return [(photo, text) for text, photo in found.items() if photo.exists()][:AT_MOST]


def longest_log(corpus: Path) -> tuple[bytes, list[dict[str, Any]]]:
    """The receiver's log with the most fixes, and what gpsd read in it."""

    def fixes(log: Path) -> list[dict[str, Any]]:
        rows = map(json.loads, log.with_suffix(".fixes.jsonl").read_text(encoding="utf-8").splitlines())
        return [row for row in rows if row.get("mode", 0) >= 2 and "lat" in row and "time" in row]

    log = max(sorted((corpus / "gps" / "nmea").glob("*.log")), key=lambda path: len(fixes(path)))
    return log.read_bytes(), fixes(log)


def order_document(labels: list[tuple[Path, str]]) -> dict[str, Any]:
    """An order for one piece of each photographed article."""
    both = lambda text: {"en": text, "zh": text}  # noqa: E731
    return {
        "number": "PO-1",
        "site": SITE,
        "title": both("Everything in the photos"),
        "customer": "Corpus",
        "lines": [
            {"line": str(i), "title": both(f"Article {text}"), "gtin": text.zfill(14), "unit": "pcs", "quantity": 1}
            for i, (_, text) in enumerate(labels, 1)
        ],
        "milestones": [
            {
                "key": "all-here",
                "title": both("All here"),
                "policy": {"material_arrived": {"lines": "all", "ratio": 1.0}},
            }
        ],
        "notify": [{"name": "PM", "email": "pm@chain.example", "language": "en"}],
    }


def end_state(chain: Chain, postgresql: PostgreSql, database: str, mailbox: Mailbox) -> dict[str, Any]:
    """Everything that must not depend on what died on the way."""
    milestone = chain.milestone()
    evidence = chain.get(f"/api/milestones/{milestone['id']}/evidence")
    subjects = [str(mail["subject"]) for mail in mailbox.mails]
    return {
        "percent": milestone["percent"],
        "state": milestone["state"],
        "evidence": sorted(one["line"]["en"] for one in evidence),
        "evidence_events": len({one["event_id"] for one in evidence}),
        "inbox_scans": int(postgresql.sql("SELECT count(*) FROM inbox WHERE kind = 'scan'", database)[0][0]),
        "unlinked": chain.get(f"/api/wall?site={SITE}")["unlinked"],
        "positions": sorted(
            (row["time"], round(row["lat"], 6), round(row["lon"], 6)) for row in chain.points("position", "lat, lon")
        ),
        "scan_points": len(chain.points("scan", "text")),
        "ledger_missing": [stream["missing"] for stream in chain.ledger()],
        "ledger_whole": all(stream["received"] == stream["highest"] == stream["watermark"] for stream in chain.ledger()),
        # notices of progress on the way (25, 50, 75 %) merge when scans arrive together, so only the completion is compared
        "completions": sum("completed" in subject for subject in subjects),
        "said_twice": len(subjects) - len(set(subjects)),
    }


def play(chain: Chain, labels: list[tuple[Path, str]], *, disturbed: bool) -> None:
    """Start everything, let half of the photos arrive, kill what is to be killed, let the rest arrive."""
    chain.broker.start()
    chain.ingest.start()
    chain.tracking.start()
    answer = httpx.post(f"{chain.api}/api/orders", json=order_document(labels), timeout=120)
    assert answer.is_success, answer.text
    chain.edge.start()
    half = len(labels) // 2
    for photo, _ in labels[:half]:
        take(chain, photo)
    chain.wait_for_percent(round(100 * half / len(labels), 2))
    if disturbed:
        chain.ingest.kill()
        take(chain, labels[half][0])
        chain.broker.kill()
        take(chain, labels[half + 1][0])
        chain.broker.start()
        chain.ingest.start()
    for photo, _ in labels[half + (2 if disturbed else 0) :]:
        take(chain, photo)
    chain.wait_for_percent(100.0)


def take(chain: Chain, photo: Path) -> None:
    hidden = chain.photos / f".{photo.name}"
    shutil.copyfile(photo, hidden)
    hidden.rename(chain.photos / photo.name)


def look_at_the_wall(chain: Chain, shot: Path) -> tuple[str, int]:
    """The wall's text in Chromium once it shows the milestone's percentage, and how much evidence a click on it opens."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-background-networking"],
        )
        page: Page = browser.new_page(viewport={"width": 1920, "height": 1080})
        page.goto(f"{chain.api}/?lang=en&site={SITE}")
        page.get_by_text("All here").first.wait_for(timeout=120_000)
        page.get_by_text("100").first.wait_for(timeout=120_000)
        page.screenshot(path=shot)
        text = page.inner_text("body")
        page.get_by_text("All here").first.click()
        page.get_by_text("Gate camera scanned").first.wait_for(timeout=120_000)
        evidence = page.get_by_text("Gate camera scanned").count()
        browser.close()
    return text, evidence


def run(chain: Chain, mailbox: Mailbox, labels: list[tuple[Path, str]], fixes: int, *, disturbed: bool) -> tuple[str, int]:
    """Play the scenario, wait until everything has come out at the far end, and look at the wall."""
    play(chain, labels, disturbed=disturbed)
    wait_until(lambda: any("completed" in str(mail["subject"]) for mail in mailbox.mails), "the notice that all is here")
    wait_until(lambda: len(chain.points("position", "lat")) >= fixes, "every position in InfluxDB")
    wait_until(lambda: len(chain.points("scan", "text")) >= len(labels), "the scans in InfluxDB")
    wait_until(lambda: not any(stream["missing"] for stream in chain.ledger()), "the ledger to be whole")
    return look_at_the_wall(chain, chain.folder / "wall.png")


@pytest.mark.timeout(300)
def test_killing_ingest_and_the_broker_in_the_middle_changes_nothing_in_the_end(
    corpus, tmp_path, influxdb, postgresql, unique_name
):
    labels = readable_labels(corpus)
    log, gpsd_fixes = longest_log(corpus)
    if len(labels) < AT_LEAST:
        pytest.skip(f"the corpus has {len(labels)} photos of retail codes that are easy to read; {AT_LEAST} are needed")
    states = []
    for disturbed in (False, True):
        folder = tmp_path / ("disturbed" if disturbed else "calm")
        folder.mkdir()
        name = unique_name("chain").replace("-", "_")
        influxdb.query(f'CREATE DATABASE "{name}"')
        with receiver_on_tcp(log) as receiver, smtp_server() as (mailbox, smtp):
            chain = Chain(
                folder, series=f"{influxdb.url}/{name}", database=postgresql.new_database(name), smtp=smtp, receiver=receiver
            )
            try:
                wall, evidence = run(chain, mailbox, labels, len(gpsd_fixes), disturbed=disturbed)
                assert "100" in wall
                assert GATEWAY in wall
                assert evidence == len(labels)
                states.append(end_state(chain, postgresql, name, mailbox))
            finally:
                chain.stop()
    calm, after_the_kills = states
    assert calm["percent"] == 100.0
    assert calm["state"] == "done"
    assert calm["evidence_events"] == calm["inbox_scans"] == calm["scan_points"] == len(labels)
    assert calm["ledger_whole"]
    assert (calm["completions"], calm["said_twice"]) == (1, 0)
    found = {(round(lat, 4), round(lon, 4)) for _, lat, lon in calm["positions"]}
    assert all((round(fix["lat"], 4), round(fix["lon"], 4)) in found for fix in gpsd_fixes)
    assert after_the_kills == calm
