"""What machines told, which of their hours are to be written, and the evidence that stands in the series store."""

import sqlalchemy as sa
from alembic import op

revision = "20261122_series_mirror"
down_revision = "20261122_manifest"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "machine_state",
        sa.Column("event_id", sa.String(length=36), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("device", sa.String(length=64), nullable=False),
        sa.Column("gateway", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("event_id"),
    )
    op.create_index("ix_machine_state_device_at", "machine_state", ["site", "device", "at"])
    op.create_table(
        "machine_hours",
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("device", sa.String(length=64), nullable=False),
        sa.Column("dirty_from", sa.BigInteger(), nullable=False),
        sa.Column("known_until", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("site", "device"),
    )
    op.create_table(
        "evidence_point",
        sa.Column("milestone_id", sa.String(length=130), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("order_number", sa.String(length=64), nullable=False),
        sa.Column("event_id", sa.String(length=36), nullable=False),
        sa.Column("line_id", sa.String(length=130), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["order_number"], ["orders.number"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("milestone_id", "at"),
    )
    op.create_index("ix_evidence_point_order", "evidence_point", ["order_number"])
    _machines_of_before()


def _machines_of_before() -> None:
    """The inbox has what machines told before this table was there."""
    connection = op.get_bind()
    if not sa.inspect(connection).has_table("inbox"):
        return
    body = (
        "convert_from(body, 'UTF8')::json->>'state'"
        if connection.dialect.name == "postgresql"
        else "json_extract(CAST(body AS TEXT), '$.state')"
    )
    told = f"SELECT event_id, site, device, gateway, {body} AS state, at FROM inbox WHERE kind = 'state' AND processed_at IS NOT NULL"  # noqa: S608 - nothing of it comes from outside
    known = "state IN ('off', 'idle', 'working', 'fault')"
    op.execute(
        f"INSERT INTO machine_state (event_id, site, device, gateway, state, at) "  # noqa: S608 - the same
        f"SELECT event_id, site, device, gateway, state, at FROM ({told}) AS told WHERE {known}"
    )
    op.execute(
        "INSERT INTO machine_hours (site, device, dirty_from, known_until, version) "
        "SELECT site, device, MIN(at), MIN(at), 1 FROM machine_state GROUP BY site, device"
    )


def downgrade() -> None:
    op.drop_table("evidence_point")
    op.drop_table("machine_hours")
    op.drop_table("machine_state")
