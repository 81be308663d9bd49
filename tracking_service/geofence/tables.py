"""The tables of this room. `movement` and `claim` hold what was told; the others follow from them and from the site files.

`tracker`, `checkpoint` and `surveyed` are how far that has come: what may be thrown away and is made again.
"""

from typing import Final

from sqlalchemy import BigInteger, Column, Float, Index, LargeBinary, String, Table, Text

from tracking_service.tables import metadata

#: Every fix that ingest chose (`ingest.projection.movement`).
movement: Final = Table(
    "movement",
    metadata,
    Column("event_id", String(36), primary_key=True),
    Column("site", String(64), nullable=False),
    Column("device", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("lat", Float, nullable=False),
    Column("lon", Float, nullable=False),
    Column("accuracy_m", Float, nullable=True),
    Index("ix_movement_device_at", "site", "device", "at", "event_id"),
)

#: A device was in a zone. Times are of the crossing; `entered_at` and `left_at` are of the fix that decided.
visit: Final = Table(
    "visit",
    metadata,
    Column("id", String(36), primary_key=True),  # the fix that proves it: the first inside
    Column("zone", String(64), primary_key=True),
    Column("site", String(64), nullable=False),
    Column("device", String(64), nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("entered_at", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=True),  # NULL: it is there
    Column("left_at", BigInteger, nullable=True),
    Column("left_id", String(36), nullable=True),  # the first fix outside
    Index("ix_visit_device", "site", "device", "since"),
    Index("ix_visit_zone", "site", "zone", "since"),
)

#: A device told nothing of where it was for longer than it usually does.
silence: Final = Table(
    "silence",
    metadata,
    Column("site", String(64), primary_key=True),
    Column("device", String(64), primary_key=True),
    Column("since", BigInteger, primary_key=True),
    Column("until", BigInteger, nullable=False),
)

#: How far the fixes of a device are folded.
tracker: Final = Table(
    "tracker",
    metadata,
    Column("site", String(64), primary_key=True),
    Column("device", String(64), primary_key=True),
    Column("fences", String(64), nullable=False),  # digest of the zones it was folded with
    Column("at", BigInteger, nullable=False),  # of the newest fix
    Column("lat", Float, nullable=False),
    Column("lon", Float, nullable=False),
    Column("accuracy_m", Float, nullable=True),
    Column("state", LargeBinary, nullable=False),
    Column("redo", LargeBinary, nullable=True),  # how far its fixes are folded anew, where something late or new asks for it
)

#: The state of a device's fold before the first fix of a span of an hour: a late fix needs no more than what follows.
checkpoint: Final = Table(
    "checkpoint",
    metadata,
    Column("site", String(64), primary_key=True),
    Column("device", String(64), primary_key=True),
    Column("span", BigInteger, primary_key=True),
    Column("state", LargeBinary, nullable=False),
)

#: Somebody or something with a tracker of its own was seen at a place by another source.
claim: Final = Table(
    "claim",
    metadata,
    Column("event_id", String(36), primary_key=True),
    Column("device", String(64), primary_key=True),  # whose fixes must agree
    Column("site", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("kind", String(16), nullable=False),  # scan, check_in
    Column("source", String(64), nullable=False),  # the device that saw it
    Column("zone", String(64), nullable=False),
    Column("text", String(256), nullable=False),  # the code scanned, the person
    Index("ix_claim_device_at", "site", "device", "at"),
    Index("ix_claim_source_at", "site", "source", "at"),
)

#: With which codes and places of the site file the claims of a site were read.
surveyed: Final = Table(
    "surveyed",
    metadata,
    Column("site", String(64), primary_key=True),
    Column("places", String(64), nullable=False),
    Column("position", BigInteger, nullable=True),  # so far in the log they are read again; NULL: all are
)

#: A claim and a fix that cannot both be true: a task, until somebody or later data resolves it.
contradiction: Final = Table(
    "contradiction",
    metadata,
    Column("event_id", String(36), primary_key=True),  # the claim's
    Column("device", String(64), primary_key=True),
    Column("site", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("zone", String(64), nullable=False),
    Column("fix_id", String(36), nullable=False),
    Column("fix_at", BigInteger, nullable=False),
    Column("lat", Float, nullable=False),
    Column("lon", Float, nullable=False),
    Column("accuracy_m", Float, nullable=True),
    Column("distance_m", Float, nullable=False),  # between the fix and the zone
    Column("resolved_at", BigInteger, nullable=True),
    Column("resolved_id", String(36), nullable=True),  # the fix that agrees again
    Index("ix_contradiction_site", "site", "at"),
)

#: What a person decided about a claim that fixes contradict.
settled: Final = Table(
    "settled",
    metadata,
    Column("event_id", String(36), primary_key=True),  # the claim's
    Column("device", String(64), primary_key=True),
    Column("act_id", String(36), nullable=False),
    Column("verdict", String(16), nullable=False),  # seen, position, both, no_contradiction
    Column("person", String(128), nullable=True),
    Column("why", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

#: The tables that are the same however and in whatever order the events came: what a rebuild compares.
DERIVED: Final = (movement, visit, silence, claim, contradiction)
