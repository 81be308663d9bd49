"""A label without its separators, from the scanner's port to ingest: ambiguous until the site says what it expects."""

import asyncio
import os

from edge_agent import config
from edge_agent.agent import Agent
from edge_agent.examination import examine
from plumbline.event import Scan
from tests.integration.tiny_ingest import TinyIngest, until
from tests.servers import free_port

GTIN = ("01", "09506000134352")
LABEL = b"]C1010950600013435210ABC17251231\r\n"

SETTINGS = """
site = "s"
gateway = "g"
expected = "expected.toml"
[server]
brokers = ["{url}"]
[uplink]
linger_ms = {{ business = 0, telemetry = 0 }}
[health]
every_s = 0.2
[[reader]]
type = "serial_scanner"
name = "gate"
port = "{port}"
symbology_identifier = true
"""


async def test_a_file_of_what_is_expected_repairs_the_next_scan_without_a_restart(mosquitto, tmp_path):
    scanner, port = os.openpty()
    path = tmp_path / "gateway.toml"
    path.write_text(SETTINGS.format(url=mosquitto.url, port=os.ttyname(port)))
    stop = asyncio.Event()
    async with TinyIngest(mosquitto.url, "expected-ingest") as ingest:

        def scans() -> list[Scan]:
            return [event for event in ingest.copies if isinstance(event, Scan)]

        def said() -> str | None:
            return ingest.health[-1].readers.get("expected") if ingest.health else None

        task = asyncio.create_task(Agent(config.load(path)).run(stop))
        try:
            await until(lambda: ingest.health and ingest.health[-1].readers.get("gate") == "ok", "the scanner")
            assert "expected.toml: there is no such file" in (said() or "")
            os.write(scanner, LABEL)
            await until(lambda: len(scans()) == 1, "the first scan")
            new = tmp_path / "expected.new"
            new.write_text('batches = ["ABC"]')
            new.replace(tmp_path / "expected.toml")
            await until(lambda: said() is None, "the file to be read")
            os.write(scanner, LABEL)
            await until(lambda: len(scans()) == 2, "the second scan")
        finally:
            stop.set()
            await task
            os.close(scanner)
            os.close(port)
    first, second = scans()
    assert first.gs1 is None
    assert first.candidates is not None
    assert first.candidates[:2] == ((GTIN, ("10", "ABC"), ("17", "251231")), (GTIN, ("10", "ABC17251231")))
    assert (second.gs1, second.repaired, second.candidates) == ((GTIN, ("10", "ABC"), ("17", "251231")), True, None)


async def test_the_check_of_a_gateway_looks_at_the_file(tmp_path):
    path = tmp_path / "gateway.toml"
    path.write_text(f'site = "s"\ngateway = "g"\nexpected = "e.toml"\n[server]\nbrokers = ["mqtt://127.0.0.1:{free_port()}"]\n')

    async def found() -> tuple[str, str]:
        findings = [each async for each in examine(config.load(path), patience_s=0.1)]
        return next((each.verdict, each.text) for each in findings if each.what == "expected")

    assert await found() == ("failed", f"{tmp_path}/e.toml: there is no such file; name an existing one")
    (tmp_path / "e.toml").write_text('batches = ["A"]\norders = ["PO-1"]\n')
    assert await found() == ("ok", f"2 values in {tmp_path}/e.toml")
