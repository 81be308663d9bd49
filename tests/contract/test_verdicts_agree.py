"""The gateway and the office never disagree: for random orders and scans the gateway's verdict is what tracking does.

Tracking takes each scan in through its inbox and tables; the gateway judges it by the manifest that the same tables gave, before
the scans, between them, or after some of them.
"""

import asyncio
import os
import tempfile
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from edge_agent.verdict import Engine
from edge_agent.verdict.index import index_of
from plumbline import manifest
from plumbline.manifest import Content, Manifest
from plumbline.site import Device, SiteFile
from tests import tracking_site as site
from tracking_service import company
from tracking_service.document import CompanyDocument, OrderDocument
from tracking_service.intake import Intake
from tracking_service.manifest import content
from tracking_service.orders import import_order
from tracking_service.tables import activity, unlinked_scan

GTINS = ("09506000134352", "09506000134369", "09506000134376")
SSCCS = ("095060001343000007", "095060001343000014", "095060001343000021")
BATCHES = ("LOT7", "LOT8")
LABELS = ("STEEL-A", "STEEL-B")
SITES = (site.SITE, "airport")
PERSON = Device(id="li-na", title_en="Li Na", title_zh="李娜", kind="person", codes=("B-77",))
FILE = SiteFile(**{name: getattr(site.site, name) for name in SiteFile.__struct_fields__} | {"devices": (PERSON,)})

lines = st.fixed_dictionaries(
    {
        "title": st.just({"en": "Bolts", "zh": "螺栓"}),
        "quantity": st.sampled_from(["1", "2", "5"]),
        "gtin": st.none() | st.sampled_from(GTINS),
        "batch": st.none() | st.sampled_from(BATCHES),
        "label": st.none() | st.sampled_from(LABELS),
        "codes": st.sets(st.sampled_from(["4711", "SUP-9", *LABELS]), max_size=2).map(sorted),
        "packs": st.sampled_from([[], [{"gtin": GTINS[2], "quantity": "5"}], [{"code": "BOX-20", "quantity": "2.5"}]]),
        "certificate_required": st.booleans(),
        "certificates": st.sampled_from([[], [{"document": "3.1"}], [{"document": "3.1", "batch": "LOT7"}]]),
    }
)


@st.composite
def orders(draw: Any, number: str, on: str) -> dict[str, Any]:
    rows = [draw(lines) | {"line": str(10 * (n + 1))} for n in range(draw(st.integers(1, 3)))]
    units = draw(
        st.lists(
            st.fixed_dictionaries(
                {
                    "sscc": st.sampled_from(SSCCS),
                    "line": st.sampled_from([row["line"] for row in rows]),
                    "quantity": st.sampled_from(["1", "2.5"]),
                }
            ),
            max_size=3,
            unique_by=lambda unit: (unit["sscc"], unit["line"]),
        )
    )
    return {
        "number": number,
        "site": on,
        "title": {"en": "Steel", "zh": "钢材"},
        "lines": rows,
        "deliveries": units,
        "milestones": [{"key": "all", "title": {"en": "All", "zh": "全部"}, "policy": {"material_arrived": {}}}],
    }


elements = st.fixed_dictionaries(
    {},
    optional={
        "00": st.sampled_from(SSCCS),
        "01": st.sampled_from(GTINS),
        "10": st.sampled_from((*BATCHES, "LOT9")),
        "21": st.sampled_from(["S1", "S2"]),
        "37": st.sampled_from(["1", "3", "0"]),
    },
).map(lambda found: tuple(found.items()))
own = st.builds(
    "PL1:{}/{}{}".format,
    st.sampled_from(["PO-1", "PO-2", "PO-7"]),
    st.sampled_from(["10", "20", "70"]),
    st.sampled_from(["", "/1", "/2"]),
)
plain = own | st.sampled_from(
    [
        *LABELS,
        "4711",
        "SUP-9",
        "BOX-20",
        "M20",
        "B-77",
        "K-1",
        f"PLZ1:{site.SITE}/gate",
        "PLZ1:airport/gate",
        "hello",
        "9506000134352",
        "PL1:",
        "\0",
    ]
)
scans = st.tuples(plain, st.none()) | elements.filter(bool).map(lambda found: ("".join(f"({a}){v}" for a, v in found), found))


async def office_says(engine: Any, scan: Any) -> str:
    """What tracking makes of a scan, in the words of verdicts."""
    await site.post(engine, scan)
    await Intake(engine=engine, sites={site.SITE: FILE}).take()
    async with engine.connect() as connection:
        if (
            row := (await connection.execute(select(unlinked_scan).where(unlinked_scan.c.event_id == scan.id))).first()
        ) is not None:
            return {"wrong_batch": "wrong_batch", "wrong_site": "wrong_site"}.get(
                row.reason, "ask" if row.reason in ("ambiguous", "batch_missing", "bad_quantity") else "unknown"
            )
        told = (await connection.execute(select(activity).where(activity.c.id == scan.id))).first()
    assert told is not None
    beginnings = {
        "Seen again": "already_received",
        "Arrived, its certificate": "certificate_missing",
        "Arrived, more": "over",
        "Arrived:": "expected",
        "Badge of": "person",
        "Sign of": "zone",
    }
    return next(kind for words, kind in beginnings.items() if told.text_en.startswith(words))


async def manifest_of(engine: Any, version: int) -> Manifest:
    async with engine.connect() as connection:
        found = await content(connection, site.SITE, FILE)
    values = {name: getattr(found, name) for name in Content.__struct_fields__}
    made = Manifest(site=site.SITE, epoch="e", version=version, digest="0" * 64, at=1, **values)
    return manifest.decode(manifest.encode(made), site=site.SITE)


COMPANY = CompanyDocument.model_validate(
    {
        "company": "north",
        "title": {"en": "North", "zh": "北方"},
        "people": [{"id": "kim", "name": "Kim", "badges": ["K-1"]}],
        "articles": [{"code": "M20", "title": {"en": "Bolt", "zh": "螺栓"}, "also": ["SUP-9"], "gtins": [GTINS[0]]}],
    }
)


async def compare(given: list[dict[str, Any]], taken: list[tuple[str, Any]], refreshed: set[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        engine = await site.database(f"sqlite+aiosqlite:///{folder}/t.db")
        try:
            async with engine.begin() as connection:
                await company.apply(connection, COMPANY, 1)
            for document in given:
                async with engine.begin() as connection:
                    await import_order(
                        connection, OrderDocument.model_validate(document), sites={}, zones={}, now=time.time_ns()
                    )
            gateway = Engine()
            gateway.adopt(index_of(await manifest_of(engine, 1)), settled=False)
            at = time.time_ns()
            for n, (text, gs1) in enumerate(taken):
                if n in refreshed:
                    gateway.adopt(index_of(await manifest_of(engine, n + 2)), settled=False)
                scan = site.scan(text, gs1, at=at + n * 1_000_000)
                verdict = gateway.judge(scan.id, scan.text, scan.gs1)
                assert verdict.kind == await office_says(engine, scan), (text, gs1, verdict)
        finally:
            await engine.dispose()


@pytest.mark.timeout(600)
@settings(
    max_examples=int(os.environ.get("PLUMBLINE_EXAMPLES", "15")), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
@given(
    orders("PO-1", site.SITE),
    st.none() | st.sampled_from(SITES).flatmap(lambda on: orders("PO-2", on)),
    st.lists(scans, min_size=1, max_size=12),
    st.sets(st.integers(0, 11), max_size=3),
)
def test_the_gateways_verdict_is_what_the_office_makes_of_the_scan(first, second, taken, refreshed):
    asyncio.run(compare([first, *([second] if second else [])], taken, refreshed))
