"""What the stages of ingest cost, in µs of CPU per event, each measured alone on messages as gateways send them.

expand    zlib, of those messages that an agent would compress
decode    JSON to events: kinds, numbers, names, ids, places
check     what else stands against an event: topic, site, device, clock; and the parcels
points    the points of the series store
"""

import statistics
import time
import tomllib
from collections.abc import Callable
from typing import Final

from ingest.projection.points import PointMaker
from ingest.receiving.parcel import open_group
from plumbline import codec, settings
from plumbline.bench.ingest.load import Load
from plumbline.compression import expanded
from plumbline.mqtt import Message
from plumbline.site import SiteFile

#: Messages that are opened together, as in a lane under load.
_GROUP: Final = 64
REPEATS: Final = 9


def stages(events_per_message: int, messages: int, *, repeats: int = REPEATS) -> dict[str, float]:
    """Stage → µs of CPU per event: the median of `repeats` runs over so many messages of so many readings."""
    load = Load(events=events_per_message * messages, per_message=events_per_message)
    site = settings.convert(tomllib.loads(load.site_file()), SiteFile, "the benchmark's site file")
    sent = list(load.messages())
    plain = [expanded(one.payload, codec.MAX_BATCH_BYTES) for one in sent]
    arrived = [Message(topic=one.topic, payload=data, qos=1, retain=False) for one, data in zip(sent, plain, strict=True)]
    groups = [arrived[at : at + _GROUP] for at in range(0, len(arrived), _GROUP)]
    maker = PointMaker(site)
    parcels = [open_group(group, sites={site.id: site}, received_at=load.now) for group in groups]
    events = [[event for parcel in group for event in parcel.events] for group in parcels]

    def expand() -> None:
        for one in sent:
            expanded(one.payload, codec.MAX_BATCH_BYTES)

    def decode() -> None:
        for group in groups:
            codec.decode_batches([one.payload for one in group])

    def opened() -> None:
        for group in groups:
            open_group(group, sites={site.id: site}, received_at=load.now)

    def points() -> None:
        for some in events:
            maker.points(some)

    runs: dict[str, list[float]] = {"expand": [], "decode": [], "check": [], "points": []}
    for _ in range(repeats):
        runs["expand"].append(_cpu_s(expand))
        runs["decode"].append(_cpu_s(decode))
        runs["check"].append(max(0.0, _cpu_s(opened) - runs["decode"][-1]))
        runs["points"].append(_cpu_s(points))
    return {stage: round(statistics.median(seconds) / load.events * 1e6, 3) for stage, seconds in runs.items()}


def _cpu_s(act: Callable[[], None]) -> float:
    begun = time.process_time()
    act()
    return time.process_time() - begun
