"""Who may act in a role: one rule for an inspection seen on site, one noted in the office, and a signature.

Where the company document names people of a role, nobody else acts in it. A role that nobody has is anybody's.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.text import Text, visible
from tracking_service.company.tables import company_code, person, person_role

#: A sentence names so many people.
_NAMED: Final = 8
#: The most values of one `IN (…)`.
_SOME: Final = 500
_PEOPLE: Final = (
    select(person_role.c.role, person.c.id, person.c.name)
    .join(person, person.c.id == person_role.c.person)
    .where(person_role.c.role.in_(bindparam("some", expanding=True)))
)
_BADGES: Final = select(company_code.c.ref, company_code.c.code).where(
    company_code.c.kind == "person", company_code.c.ref.in_(bindparam("some", expanding=True))
)


class Holders(NamedTuple):
    """The people of a role."""

    names: tuple[str, ...]
    known_as: frozenset[str]
    """What stands for one of them: id, name, a badge's code."""


async def holders(connection: AsyncConnection, roles: Collection[str]) -> Mapping[str, Holders]:
    """Who has each of these roles; a role that nobody has is left out."""
    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for some in _parts(roles):
        for row in await connection.execute(_PEOPLE, {"some": some}):
            found[row.role][row.id] = row.name
    badges: defaultdict[str, set[str]] = defaultdict(set)
    for some in _parts({one for people in found.values() for one in people}):
        for row in await connection.execute(_BADGES, {"some": some}):
            badges[row.ref].add(row.code)
    return {
        role: Holders(
            tuple(sorted(people.values())),
            frozenset().union(people, people.values(), *(badges[one] for one in people)),
        )
        for role, people in found.items()
    }


def refusal(role: str, among: Holders | None, known_as: Collection[str], title: Text) -> Text | None:
    """Why who goes by these names may not act in a role; `None`: may. The first name is the one that was told.

    English names the role as documents write it, for whoever mends them; Chinese by its `title`.
    """
    if among is None or not among.known_as.isdisjoint(known_as):
        return None
    listed = _some(among.names)
    if not known_as:
        return Text(
            f"is needed, of somebody with the role '{role}'; the company document names {listed.en}",
            f"须填写具有“{title.zh}”角色的人员；公司文件中为：{listed.zh}",
        )
    who = visible(next(iter(known_as)), 64)
    return Text(
        f"'{who}' has not the role '{role}'; the company document names {listed.en}",
        f"“{who}”没有“{title.zh}”角色；公司文件中为：{listed.zh}",
    )


def _some(names: tuple[str, ...]) -> Text:
    more = len(names) - _NAMED
    shown_en, shown_zh = ", ".join(names[:_NAMED]), "、".join(names[:_NAMED])
    return Text(f"{shown_en} and {more} more", f"{shown_zh} 等 {len(names)} 人") if more > 0 else Text(shown_en, shown_zh)


def _parts(values: Collection[str]) -> list[list[str]]:
    every = sorted(values)
    return [every[start : start + _SOME] for start in range(0, len(every), _SOME)]
