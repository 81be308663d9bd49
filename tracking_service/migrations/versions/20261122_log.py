"""The log, office acts, what was seen by kind, policies of every kind; what was there before is put into them."""

import json
from typing import Any, cast

import sqlalchemy as sa
from alembic import op

revision = "20261122_log"
down_revision = "20261122_series_mirror"
branch_labels = None
depends_on = None

_PAGE = 5_000


def upgrade() -> None:
    _log()
    _rooms()
    _milestones()
    _lines()
    if sa.inspect(op.get_bind()).has_table("inbox"):
        _log_of_before()
        _seen_before()
    op.execute("UPDATE log_head SET position = (SELECT COALESCE(MAX(position), 0) FROM log)")


def _log() -> None:
    op.create_table(
        "log",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=5), nullable=False),
        sa.Column("ref", sa.String(length=36), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("position"),
    )
    op.create_index("ix_log_ref", "log", ["ref"])
    op.create_table(
        "log_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.execute("INSERT INTO log_head (id, position) VALUES (1, 0)")
    op.create_table(
        "act",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("person", sa.String(length=128), nullable=True),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("order_number", sa.String(length=64), nullable=True),
        sa.Column("about", sa.String(length=130), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_act_about", "act", ["about"])
    op.create_index("ix_act_order", "act", ["order_number", "position"])
    op.create_index("ix_act_site", "act", ["site", "position"])
    op.create_table(
        "voided",
        sa.Column("ref", sa.String(length=36), nullable=False),
        sa.Column("act_id", sa.String(length=36), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("ref"),
    )
    op.create_table(
        "transition",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("milestone_id", sa.String(length=130), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("before", sa.BigInteger(), nullable=False),
        sa.Column("after", sa.BigInteger(), nullable=False),
        sa.Column("done_before", sa.BigInteger(), nullable=True),
        sa.Column("done_after", sa.BigInteger(), nullable=True),
        sa.Column("why_en", sa.Text(), nullable=False),
        sa.Column("why_zh", sa.Text(), nullable=False),
        sa.Column("cause", sa.String(length=10), nullable=False),
        sa.Column("causes", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["milestone_id"], ["milestone.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_transition_milestone", "transition", ["milestone_id", "id"])


def _rooms() -> None:
    op.create_table(
        "check_in",
        sa.Column("event_id", sa.String(length=36), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("gateway", sa.String(length=64), nullable=False),
        sa.Column("person", sa.String(length=256), nullable=False),
        sa.Column("place", sa.String(length=256), nullable=False),
        sa.Column("direction", sa.String(length=3), nullable=False),
        sa.Column("role", sa.String(length=256), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("event_id"),
    )
    op.create_index("ix_check_in_place", "check_in", ["site", "place", "at"])
    op.create_index("ix_check_in_person", "check_in", ["site", "person", "at"])
    op.create_table(
        "inspection",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("order_number", sa.String(length=256), nullable=True),
        sa.Column("point", sa.String(length=256), nullable=False),
        sa.Column("result", sa.String(length=16), nullable=False),
        sa.Column("person", sa.String(length=256), nullable=True),
        sa.Column("photo", sa.String(length=256), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_inspection_point", "inspection", ["order_number", "point"])
    op.create_table(
        "sign_off",
        sa.Column("act_id", sa.String(length=36), nullable=False),
        sa.Column("milestone_id", sa.String(length=130), nullable=False),
        sa.Column("role", sa.String(length=64), nullable=False),
        sa.Column("person", sa.String(length=128), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("act_id"),
    )
    op.create_index("ix_sign_off_milestone", "sign_off", ["milestone_id", "role"])
    op.add_column("machine_state", sa.Column("code", sa.String(length=256), nullable=True))


def _milestones() -> None:
    op.create_table(
        "milestone_need",
        sa.Column("milestone_id", sa.String(length=130), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("key", sa.String(length=400), nullable=False),
        sa.ForeignKeyConstraint(["milestone_id"], ["milestone.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("milestone_id", "kind", "key"),
    )
    op.create_index("ix_milestone_need_key", "milestone_need", ["key", "kind"])
    op.execute("INSERT INTO milestone_need (milestone_id, kind, key) SELECT milestone_id, 'line', line_id FROM milestone_line")
    op.drop_table("milestone_line")
    op.add_column("milestone", sa.Column("policy", sa.Text(), nullable=False, server_default="{}"))
    op.add_column("milestone", sa.Column("why_en", sa.Text(), nullable=False, server_default=""))
    op.add_column("milestone", sa.Column("why_zh", sa.Text(), nullable=False, server_default=""))
    op.add_column("milestone", sa.Column("wake_at", sa.BigInteger(), nullable=True))
    op.create_index("ix_milestone_wake", "milestone", ["wake_at"])
    op.drop_column("milestone", "ratio")
    op.execute("UPDATE milestone SET wake_at = 0")  # each is evaluated anew, and says why
    connection = op.get_bind()
    policy = sa.text("UPDATE milestone SET policy = :policy WHERE id = :id")
    for number, document in connection.execute(sa.text("SELECT number, document FROM orders")).all():
        for plan in json.loads(document)["milestones"]:
            connection.execute(policy, {"id": f"{number}~{plan['key']}", "policy": _canonical(plan["policy"])})


def _lines() -> None:
    for name in ("certified", "pieces", "certified_pieces"):
        kind = sa.BigInteger() if name == "certified" else sa.Integer()
        op.add_column("material_line", sa.Column(name, kind, nullable=False, server_default="0"))
    op.add_column("evidence", sa.Column("batch", sa.String(length=256), nullable=True))
    op.add_column("evidence", sa.Column("certified", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.add_column("evidence", sa.Column("certified_at", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("evidence", sa.Column("counted", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("certificate", sa.Column("at", sa.BigInteger(), nullable=False, server_default="0"))
    op.drop_index("ix_evidence_line", "evidence")
    op.create_index("ix_evidence_line", "evidence", ["line_id", "at"])
    op.create_index("ix_evidence_piece", "evidence", ["line_id", "piece"])
    op.create_table(
        "line_level",
        sa.Column("line_id", sa.String(length=130), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("certified", sa.Boolean(), nullable=False),
        sa.Column("reached_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["line_id"], ["material_line.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("line_id", "quantity", "certified"),
    )
    if sa.inspect(op.get_bind()).has_table("inbox"):
        _batches()
    there = (
        "SELECT 1 FROM certificate JOIN material_line ON material_line.id = certificate.line_id "
        "WHERE certificate.line_id = evidence.line_id AND certificate.batch IN ('', COALESCE(evidence.batch, material_line.batch))"
    )
    required = "SELECT 1 FROM material_line WHERE material_line.id = evidence.line_id AND certificate_required"
    op.execute(f"UPDATE evidence SET certified = NOT EXISTS ({required}) OR EXISTS ({there})")  # noqa: S608 - nothing comes from outside
    earlier = (
        "SELECT 1 FROM evidence AS other WHERE other.line_id = evidence.line_id AND other.piece = evidence.piece "
        "AND (other.at < evidence.at OR (other.at = evidence.at AND other.event_id < evidence.event_id))"
    )
    op.execute(f"UPDATE evidence SET counted = quantity WHERE NOT EXISTS ({earlier})")  # noqa: S608 - the same
    counted = "FROM evidence WHERE evidence.line_id = material_line.id AND counted <> 0"
    op.execute(
        f"UPDATE material_line SET arrived = (SELECT COALESCE(SUM(counted), 0) {counted}), "  # noqa: S608 - the same
        f"certified = (SELECT COALESCE(SUM(counted), 0) {counted} AND evidence.certified), "
        f"pieces = (SELECT COUNT(*) {counted}), certified_pieces = (SELECT COUNT(*) {counted} AND evidence.certified)"
    )


def _batches() -> None:
    """The batch of each scan that brought something, out of its GS1 elements (AI 10)."""
    connection = op.get_bind()
    rows = connection.execute(
        sa.text("SELECT DISTINCT inbox.event_id, body FROM inbox JOIN evidence ON evidence.event_id = inbox.event_id")
    )
    batch = sa.text("UPDATE evidence SET batch = :batch WHERE event_id = :event_id")
    found = [
        {"event_id": event_id, "batch": value}
        for event_id, body in rows
        for identifier, value in (_read(body).get("gs1") or ())
        if identifier == "10"
    ]
    if found:
        connection.execute(batch, found)


def _log_of_before() -> None:
    """What tracking took in before there was a log: the orders first, then the events in the order of the inbox."""
    connection = op.get_bind()
    entry = sa.text(
        "INSERT INTO log (position, recorded_at, kind, ref, site, body) VALUES (:position, :at, :kind, :ref, :site, :body)"
    )
    told = sa.text(
        "INSERT INTO act (id, position, kind, at, site, order_number, about) VALUES (:ref, :position, 'order', :at, :site, :number, :number)"
    )
    position = 0
    every = "SELECT number, site, document, imported_at FROM orders ORDER BY imported_at, number"
    for number, site, document, at in connection.execute(sa.text(every)).all():
        position += 1
        ref = f"{at // 1_000_000 & 0xFFFF_FFFF_FFFF:012x}"
        ref = f"{ref[:8]}-{ref[8:]}-7000-8000-{position:012x}"
        body = json.dumps({"kind": "order", "id": ref, "at": at, "document": json.loads(document)}, ensure_ascii=False)
        row = {"position": position, "at": at, "ref": ref, "site": site}
        connection.execute(entry, row | {"kind": "act", "body": body})
        connection.execute(told, row | {"number": number})
    op.execute(
        "INSERT INTO log (position, recorded_at, kind, ref, site) "  # noqa: S608 - nothing comes from outside
        f"SELECT {position} + ROW_NUMBER() OVER (ORDER BY position), processed_at, 'event', event_id, site "
        "FROM inbox WHERE processed_at IS NOT NULL"
    )


def _seen_before() -> None:
    connection = op.get_bind()
    rows = connection.execute(
        sa.text(
            "SELECT event_id, site, gateway, at, kind, body FROM inbox "
            "WHERE processed_at IS NOT NULL AND kind IN ('check_in', 'inspection', 'state')"
        )
    )
    came = sa.text(
        "INSERT INTO check_in (event_id, site, gateway, person, place, direction, role, at) "
        "VALUES (:event_id, :site, :gateway, :person, :place, :direction, :role, :at)"
    )
    checked = sa.text(
        "INSERT INTO inspection (id, site, order_number, point, result, person, photo, at) "
        "VALUES (:event_id, :site, :order, :check, :result, :person, :photo, :at)"
    )
    coded = sa.text("UPDATE machine_state SET code = :code WHERE event_id = :event_id")
    statements = {"check_in": came, "inspection": checked, "state": coded}
    asked = {
        "check_in": ("person", "place", "direction", "role"),
        "inspection": ("order", "check", "result", "person", "photo"),
        "state": ("code",),
    }
    found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in statements}
    for row in rows:
        read = _read(row.body)
        if not read:
            continue
        known = {"event_id": row.event_id, "site": row.site, "gateway": row.gateway, "at": row.at}
        found[row.kind].append(known | {name: _shown(read.get(name)) for name in asked[row.kind]})
    for kind, statement in statements.items():
        for start in range(0, len(found[kind]), _PAGE):
            connection.execute(statement, found[kind][start : start + _PAGE])


def _read(body: bytes) -> dict[str, Any]:
    """An event's JSON; nothing where it cannot be read."""
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _shown(value: Any) -> Any:
    """What no database text can hold, as `plumbline.text.visible` shows it."""
    return value.translate({code: 0x2400 + code for code in range(0x20)} | {0x7F: 0x2421}) if isinstance(value, str) else value


def _canonical(policy: Any) -> str:
    return json.dumps(policy, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def downgrade() -> None:
    op.create_table(
        "milestone_line",
        sa.Column("milestone_id", sa.String(length=130), nullable=False),
        sa.Column("line_id", sa.String(length=130), nullable=False),
        sa.ForeignKeyConstraint(["line_id"], ["material_line.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["milestone_id"], ["milestone.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("milestone_id", "line_id"),
    )
    op.create_index("ix_milestone_line_line", "milestone_line", ["line_id"])
    op.execute(
        "INSERT INTO milestone_line (milestone_id, line_id) SELECT milestone_id, key FROM milestone_need "
        "WHERE kind = 'line' AND key IN (SELECT id FROM material_line)"
    )
    op.add_column("milestone", sa.Column("ratio", sa.BigInteger(), nullable=False, server_default="1000000"))
    op.drop_index("ix_milestone_wake", "milestone")
    for name in ("policy", "why_en", "why_zh", "wake_at"):
        op.drop_column("milestone", name)
    op.drop_table("milestone_need")
    op.drop_table("line_level")
    for name in ("certified", "pieces", "certified_pieces"):
        op.drop_column("material_line", name)
    op.drop_index("ix_evidence_piece", "evidence")
    op.drop_index("ix_evidence_line", "evidence")
    op.create_index("ix_evidence_line", "evidence", ["line_id"])
    for name in ("batch", "certified", "certified_at", "counted"):
        op.drop_column("evidence", name)
    op.drop_column("certificate", "at")
    op.drop_column("machine_state", "code")
    for name in ("sign_off", "inspection", "check_in", "transition", "voided", "act", "log_head", "log"):
        op.drop_table(name)
