"""Tables of the room 'visits': fixes, visits and silences, how far each device is folded, claims and contradictions."""

import sqlalchemy as sa
from alembic import op

revision = "20261122_visits"
down_revision = "20261122_log"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "movement",
        sa.Column("event_id", sa.String(length=36), nullable=False),
        *_whose(),
        sa.Column("at", sa.BigInteger(), nullable=False),
        *_where(),
        sa.PrimaryKeyConstraint("event_id"),
    )
    op.create_index("ix_movement_device_at", "movement", ["site", "device", "at", "event_id"])
    op.create_table(
        "visit",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        *_whose(),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("entered_at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("left_at", sa.BigInteger(), nullable=True),
        sa.Column("left_id", sa.String(length=36), nullable=True),
        sa.PrimaryKeyConstraint("id", "zone"),
    )
    op.create_index("ix_visit_device", "visit", ["site", "device", "since"])
    op.create_index("ix_visit_zone", "visit", ["site", "zone", "since"])
    op.create_table(
        "silence",
        *_whose(),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site", "device", "since"),
    )
    op.create_table(
        "tracker",
        *_whose(),
        sa.Column("fences", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        *_where(),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.Column("redo", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("site", "device"),
    )
    op.create_table(
        "checkpoint",
        *_whose(),
        sa.Column("span", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("site", "device", "span"),
    )
    op.create_table(
        "claim",
        sa.Column("event_id", sa.String(length=36), nullable=False),
        *_whose(),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("text", sa.String(length=256), nullable=False),
        sa.PrimaryKeyConstraint("event_id", "device"),
    )
    op.create_index("ix_claim_device_at", "claim", ["site", "device", "at"])
    op.create_index("ix_claim_source_at", "claim", ["site", "source", "at"])
    op.create_table(
        "surveyed",
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("places", sa.String(length=64), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("site"),
    )
    op.create_table(
        "contradiction",
        sa.Column("event_id", sa.String(length=36), nullable=False),
        *_whose(),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("fix_id", sa.String(length=36), nullable=False),
        sa.Column("fix_at", sa.BigInteger(), nullable=False),
        *_where(),
        sa.Column("distance_m", sa.Float(), nullable=False),
        sa.Column("resolved_at", sa.BigInteger(), nullable=True),
        sa.Column("resolved_id", sa.String(length=36), nullable=True),
        sa.PrimaryKeyConstraint("event_id", "device"),
    )
    op.create_index("ix_contradiction_site", "contradiction", ["site", "at"])


def _whose() -> tuple[sa.Column[str], ...]:
    return sa.Column("site", sa.String(length=64), nullable=False), sa.Column("device", sa.String(length=64), nullable=False)


def _where() -> tuple[sa.Column[float], ...]:
    return (
        sa.Column("lat", sa.Float(), nullable=False),
        sa.Column("lon", sa.Float(), nullable=False),
        sa.Column("accuracy_m", sa.Float(), nullable=True),
    )


def downgrade() -> None:
    for name in ("contradiction", "surveyed", "claim", "checkpoint", "tracker", "silence", "visit", "movement"):
        op.drop_table(name)
