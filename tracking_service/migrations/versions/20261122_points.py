"""The points of inspection and test plans, and where inspections that were seen on site belong."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "20261122_points"
down_revision = "20261122_suppliers"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "inspection_point",
        sa.Column("order_number", sa.String(length=64), nullable=False),
        sa.Column("point", sa.String(length=256), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("title_en", sa.String(length=256), nullable=False),
        sa.Column("title_zh", sa.String(length=256), nullable=False),
        sa.Column("role", sa.String(length=64), nullable=True),
        sa.Column("photo", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["order_number"], ["orders.number"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("order_number", "point"),
    )
    op.create_index("ix_inspection_point_site", "inspection_point", ["site", "point"])
    op.add_column("inspection", sa.Column("told_order", sa.String(length=256), nullable=True))
    op.add_column("inspection", sa.Column("told_point", sa.String(length=256), nullable=False, server_default=""))
    op.add_column("inspection", sa.Column("role", sa.String(length=64), nullable=True))
    op.add_column("inspection", sa.Column("doubted_until", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_index("ix_inspection_told", "inspection", ["site", "told_point"])
    op.create_index("ix_inspection_told_order", "inspection", ["told_order"])
    op.add_column("unlinked_scan", sa.Column("kind", sa.String(length=16), nullable=False, server_default="scan"))
    op.execute("UPDATE inspection SET told_order = order_number, told_point = point")
    _take_points(op.get_bind())


def _take_points(connection: sa.Connection) -> None:
    """The points of the orders that are there."""
    known: dict[str, dict[str, dict[str, Any]]] = {}
    orders = connection.execute(sa.text("SELECT number, site, document FROM orders")).all()
    named = "SELECT DISTINCT key FROM milestone_need WHERE kind = 'check'"
    for key in connection.execute(sa.text(named)).scalars():
        order, _, point = str(key).partition("/")
        known.setdefault(order, {})[point] = {"title_en": point, "title_zh": point, "role": None, "photo": False}
    fill = sa.text(
        "INSERT INTO inspection_point (order_number, point, site, title_en, title_zh, role, photo)"
        " VALUES (:order_number, :point, :site, :title_en, :title_zh, :role, :photo)"
    )
    for number, site, document in orders:
        points = known.get(number, {})
        for one in json.loads(document).get("inspections", ()):
            points[one["check"]] = {
                "title_en": one["title"]["en"],
                "title_zh": one["title"]["zh"],
                "role": one.get("role"),
                "photo": bool(one.get("photo_required")),
            }
        rows = [{"order_number": number, "site": site, "point": point, **values} for point, values in points.items()]
        if rows:
            connection.execute(fill, rows)


def downgrade() -> None:
    op.execute("DELETE FROM unlinked_scan WHERE kind = 'inspection'")
    op.drop_column("unlinked_scan", "kind")
    op.drop_index("ix_inspection_told_order", "inspection")
    op.drop_index("ix_inspection_told", "inspection")
    for name in ("doubted_until", "role", "told_point", "told_order"):
        op.drop_column("inspection", name)
    op.drop_table("inspection_point")
