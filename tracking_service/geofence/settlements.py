"""What people decided about sources that disagree: made anew from the acts that count, whenever one of them changes."""

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from tracking_service import acts
from tracking_service.geofence.tables import settled
from tracking_service.log.tables import act, voided
from tracking_service.tables import insert_new


async def settle(connection: AsyncConnection, event_id: str) -> bool:
    """Write what was decided about what an event claims; whether the event itself counts otherwise than before.

    Where a person says that the position is right, the event does not count, as if it had been voided.
    """
    ours = select(act.c.id).where(act.c.about == event_id, act.c.kind == "settle")
    standing = select(act).where(act.c.id.in_(ours), act.c.id.not_in(select(voided.c.ref))).order_by(act.c.position)
    rows = (await connection.execute(standing)).all()
    decided = {done.device: (row, done) for row in rows for done in (acts.read(row.body, f"act {row.id}"),)}
    await connection.execute(delete(settled).where(settled.c.event_id == event_id))
    if decided:
        values = [
            {
                "event_id": event_id,
                "device": device,
                "act_id": row.id,
                "verdict": done.verdict,
                "person": row.person,
                "why": done.why,
                "at": row.at,
            }
            for device, (row, done) in decided.items()
        ]
        await connection.execute(insert(settled), values)
    wrong = next(((row, done) for row, done in decided.values() if done.verdict == "position"), None)
    before = (await connection.execute(select(voided.c.act_id).where(voided.c.ref == event_id))).scalar_one_or_none()
    if wrong is not None:
        return bool(await insert_new(connection, voided, [{"ref": event_id, "act_id": wrong[0].id, "why": wrong[1].why}]))
    gone = await connection.execute(delete(voided).where(voided.c.ref == event_id, voided.c.act_id.in_(ours)))
    return before is not None and gone.rowcount > 0


async def counts_again(connection: AsyncConnection, event_id: str) -> None:
    """The event was restored: nobody says any more that its place was wrong."""
    await connection.execute(delete(settled).where(settled.c.event_id == event_id, settled.c.verdict == "position"))
