"""Who signed which milestone off, and who took that back."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.among import among
from tracking_service import acts
from tracking_service.domain.facts import Need, SignedOff
from tracking_service.rooms.ground import portions
from tracking_service.rooms.tables import sign_off
from tracking_service.tables import insert_new

_OF_MILESTONES: Final = select(sign_off).where(among(sign_off.c.milestone_id, "some"))


async def note(connection: AsyncConnection, done: acts.SignOffAct, *, at: int) -> set[Need]:
    """Keep a signature, or its withdrawal."""
    row = {
        "act_id": done.id,
        "milestone_id": done.milestone,
        "role": done.role,
        "person": done.person,
        "withdrawn": done.withdrawn,
        "at": at,
    }
    await insert_new(connection, sign_off, [row])
    return {_need(done.milestone, done.role)}


async def remove(connection: AsyncConnection, ids: Collection[str]) -> set[Need]:
    """Forget signatures; returns the roles that were touched."""
    needs: set[Need] = set()
    for some in portions(sorted(ids)):
        here = sign_off.c.act_id.in_(some)
        needs.update(_need(row.milestone_id, row.role) for row in await connection.execute(select(sign_off).where(here)))
        await connection.execute(delete(sign_off).where(here))
    return needs


async def facts(connection: AsyncConnection, needs: Collection[Need]) -> Mapping[str, Sequence[SignedOff]]:
    """The signatures of milestones by role, by the need's key."""
    found: dict[str, list[SignedOff]] = defaultdict(list)
    milestones = {need.key.partition("/")[0] for need in needs if need.kind == "role"}
    for some in portions(sorted(milestones)):
        for row in await connection.execute(_OF_MILESTONES, {"some": some}):
            found[f"{row.milestone_id}/{row.role}"].append(
                SignedOff(row.at, row.act_id, row.role, row.person, withdrawn=row.withdrawn)
            )
    return found


def _need(milestone_id: str, role: str) -> Need:
    return Need("role", f"{milestone_id}/{role}")
