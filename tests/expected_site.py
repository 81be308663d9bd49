"""A manifest for the tests of verdicts."""

from typing import Any

from plumbline import manifest
from plumbline.compression import compressed
from plumbline.event import ClockReading, Scan
from plumbline.ids import new_event_id
from plumbline.manifest import Content, Elsewhere, ExpectedLine, ExpectedOrder, ExpectedUnit, KnownCode, Manifest

SITE = "harbour"
GTIN = "09506000134352"
OTHER_GTIN = "09506000134369"
FAR_GTIN = "09506000134376"
SSCC = "095060001343000007"
MIXED = "095060001343000014"
FAR_SSCC = "095060001343000021"


def expected_line(number: str, quantity: str = "10", **more: Any) -> ExpectedLine:
    """A line of bolts."""
    return ExpectedLine(line=number, title_en="Bolts", title_zh="螺栓", unit="box", quantity=quantity, **more)


def order(*lines: ExpectedLine, number: str = "PO-1") -> ExpectedOrder:
    """An order."""
    return ExpectedOrder(number=number, title_en="Steel", title_zh="钢材", lines=lines)


def content(*lines: ExpectedLine, **more: Any) -> Content:
    """What is expected: these lines, or one of each sort."""
    usual = (
        expected_line("10", "4"),
        expected_line("20", gtin=GTIN, batch="LOT7"),
        expected_line("30", "8"),
        expected_line("40", gtin=OTHER_GTIN, certificate_required=True, certificates=("B1",)),
        expected_line("50", label="STEEL-A"),
    )
    values: dict[str, Any] = {
        "orders": (order(*(lines or usual)),),
        "units": (
            ExpectedUnit(sscc=SSCC, order="PO-1", line="30", quantity="8", delivery_note="DN-77"),
            ExpectedUnit(sscc=MIXED, order="PO-1", line="10", quantity="2"),
            ExpectedUnit(sscc=MIXED, order="PO-1", line="20", quantity="2.5"),
        ),
        "elsewhere": (
            Elsewhere(site="airport", orders={"PO-9": ("10",)}, gtins=(FAR_GTIN,), labels=("FAR-A",), ssccs=(FAR_SSCC,)),
        ),
        "known": (KnownCode(code="B-77", kind="person", id="li-na", title_en="Li Na", title_zh="李娜"),),
    }
    return Content(**values | more)


def made(found: Content | None = None, *, version: int = 1, epoch: str = "e1", site: str = SITE) -> Manifest:
    """A manifest as tracking publishes it."""
    found = found or content()
    values = {name: getattr(found, name) for name in Content.__struct_fields__}
    return Manifest(site=site, epoch=epoch, version=version, digest=manifest.digest_of(found), at=version, **values)


def payload(found: Content | None = None, **named: Any) -> bytes:
    """The message on the wire."""
    return compressed(manifest.encode(made(found, **named)))


def scan(text: str, gs1: Any = None, **more: Any) -> Scan:
    """A scan as the agent completes it."""
    at = 1_800_000_000_000_000_000
    clock = ClockReading(quality="free", boot="b", mono=1)
    return Scan(
        id=new_event_id(at),
        site=SITE,
        gateway="gw-1",
        device="gate",
        at=at,
        clock=clock,
        epoch="-",
        seq=1,
        raw=text.encode(),
        text=text,
        gs1=tuple(map(tuple, gs1)) if gs1 else None,
        **more,
    )
