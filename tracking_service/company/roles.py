"""What people call a role: as the company document says, else by what the trade calls the usual ones."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from plumbline.text import Text
from tracking_service.company.tables import role_title

#: Usual roles, in lower case: check-ins write them in upper or lower case.
USUAL: Final[Mapping[str, Text]] = {
    "architect": Text("architect", "建筑师"),
    "carpenter": Text("carpenter", "木工"),
    "client": Text("client", "业主"),
    "crane_operator": Text("crane operator", "塔吊司机"),
    "customer": Text("customer", "客户"),
    "driver": Text("driver", "司机"),
    "electrician": Text("electrician", "电工"),
    "engineer": Text("engineer", "工程师"),
    "foreman": Text("foreman", "工长"),
    "inspector": Text("inspector", "检查员"),
    "manager": Text("manager", "经理"),
    "operator": Text("operator", "操作工"),
    "owner": Text("owner", "业主"),
    "painter": Text("painter", "油漆工"),
    "project_manager": Text("project manager", "项目经理"),
    "quality": Text("quality", "质检员"),
    "quality_engineer": Text("quality engineer", "质量工程师"),
    "rigger": Text("rigger", "司索工"),
    "safety": Text("safety", "安全员"),
    "safety_officer": Text("safety officer", "安全员"),
    "scaffolder": Text("scaffolder", "架子工"),
    "site_engineer": Text("site engineer", "现场工程师"),
    "site_manager": Text("site manager", "工地经理"),
    "storekeeper": Text("storekeeper", "材料员"),
    "supervisor": Text("supervisor", "监理"),
    "surveyor": Text("surveyor", "测量员"),
    "technician": Text("technician", "技术员"),
    "visitor": Text("visitor", "访客"),
    "welder": Text("welder", "焊工"),
    "worker": Text("worker", "工人"),
}


async def roles(connection: AsyncConnection) -> Mapping[str, Text]:
    """The titles of roles, by id; those of the company document stand for their id in lower case too."""
    said = {row.id: Text(row.title_en, row.title_zh) for row in await connection.execute(select(role_title))}
    return {**USUAL, **{name.casefold(): title for name, title in said.items()}, **said}


def called(titles: Mapping[str, Text], role: str) -> Text:
    """What people call a role; its id where nobody says."""
    return titles.get(role) or titles.get(role.casefold()) or Text(role, role)
