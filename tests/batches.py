"""What a gateway sends, made for tests of ingest: events, batches, a site file, and a series store that can be switched off."""

import zlib
from collections.abc import Sequence

from plumbline import codec, ranges, topics
from plumbline.delivery import BatchHeader
from plumbline.event import CheckIn, ClockReading, Event, Fix, Health, Reading, Scan, State
from plumbline.series import Point, RefusedPoint, SeriesUnavailableError
from plumbline.site import Device, SiteFile, Zone

CLOCK = ClockReading(quality="ntp", boot="b", mono=1)
NOON = 1_781_150_400_000_000_000
"""2026-06-11T04:00:00Z: noon in Shanghai."""
SECOND = 1_000_000_000

SITE = SiteFile(
    id="yard",
    title_en="Yard",
    title_zh="工地",
    timezone="Asia/Shanghai",
    lat=31.2,
    lon=121.4,
    zones=(
        Zone(
            id="gate",
            title_en="Gate",
            title_zh="大门",
            kind="gate",
            polygon=((121.4, 31.2), (121.4004, 31.2), (121.4004, 31.2004), (121.4, 31.2004)),
        ),
    ),
    devices=(
        Device(id="scanner", title_en="Scanner", title_zh="扫描枪", kind="scanner", zone="gate"),
        Device(id="crane", title_en="Crane", title_zh="塔吊", kind="machine"),
        Device(id="mixer", title_en="Mixer", title_zh="搅拌机", kind="machine", zone="gate"),
        Device(id="helmet", title_en="Helmet", title_zh="安全帽", kind="person"),
        Device(id="node", title_en="Node", title_zh="环境监测", kind="environment", zone="gate"),
    ),
)


def header(seq: int, device: str, *, gateway: str = "gw", epoch: str = "e1", site: str = "yard", at: int | None = None) -> dict:
    """The header's fields of event number `seq`; its time follows from the number."""
    return {
        "id": f"{zlib.crc32(repr((site, gateway, epoch, device)).encode()):08x}-0000-7000-8000-{seq % 16**12:012x}",
        "site": site,
        "gateway": gateway,
        "device": device,
        "at": NOON + seq * SECOND if at is None else at,
        "clock": CLOCK,
        "epoch": epoch,
        "seq": seq,
    }


def scan(seq: int, **place) -> Scan:
    return Scan(**header(seq, "scanner", **place), raw=b"x%d" % seq, text=f"x{seq}", format="Code128")


def check_in(seq: int, **place) -> CheckIn:
    return CheckIn(**header(seq, "badge", **place), person="p1", place="gate", method="badge", direction="in")


def state(seq: int, word: str = "working", **place) -> State:
    return State(**header(seq, "mixer", **place), state=word)


def reading(seq: int, **place) -> Reading:
    return Reading(**header(seq, "node", **place), measurement="environment", values={"pm2_5": 12.0 + seq, "noise_db": 60.5})


def fix(
    seq: int, *, lat: float = 31.2001, lon: float = 121.4001, accuracy_m: float | None = 3.0, device: str = "crane", **place
):
    return Fix(**header(seq, device, **place), lat=lat, lon=lon, accuracy_m=accuracy_m)


def health(seq: int, **place) -> Health:
    return Health(
        **header(seq, "gw", **place), values={"disk_free_bytes": 1e9 + seq}, readers={"scanner": "ok", "gps": "no port"}
    )


def batch(events: Sequence[Event], *, thinned: ranges.Pairs = (), **wrong) -> tuple[str, bytes]:
    """Topic and payload of a batch, as an outbox would send it; `wrong` replaces fields of its header."""
    first = events[0]
    fields = {"site": first.site, "gateway": first.gateway, "epoch": first.epoch, "event_class": first.event_class}
    numbers = ranges.of(event.seq for event in events)
    head = BatchHeader(**(fields | {"ranges": numbers, "thinned": thinned} | wrong))
    topic = topics.events(first.site, first.gateway, first.event_class)
    return topic, codec.encode_batch(head, [codec.encode(event) for event in events])


class MemoryStore:
    """A series store in memory: last write wins by (measurement, tags, time), like the real ones."""

    def __init__(self) -> None:
        self.points: dict[tuple, dict] = {}
        self.down = False
        self.refuses: str | None = None
        self.writes = 0

    async def write(self, points: Sequence[Point]) -> Sequence[RefusedPoint]:
        if self.down:
            raise SeriesUnavailableError("the store is switched off")
        self.writes += 1
        refused = []
        for point in points:
            if point.measurement == self.refuses:
                refused.append(RefusedPoint(point, "field type conflict"))
            else:
                key = (point.measurement, tuple(sorted(point.tags.items())), point.at)
                self.points.setdefault(key, {}).update(point.fields)
        return refused

    def of(self, measurement: str) -> list[tuple]:
        return sorted(key for key in self.points if key[0] == measurement)
