"""The company: people, suppliers, equipment, articles, templates of orders."""

import json
from collections.abc import Callable
from typing import Any, Literal

from fastapi import FastAPI, Request, Response
from pydantic import BaseModel
from sqlalchemy import select

from tracking_service import document
from tracking_service.api.wall import Wall
from tracking_service.company.tables import company
from tracking_service.errors import UnknownThingError
from tracking_service.importing import import_company
from tracking_service.log import turn
from tracking_service.outcome import Outcome
from tracking_service.rooms.ground import Ground


class CompanyImportModel(BaseModel):
    """What became of a company document."""

    company: str
    status: Literal["added", "changed", "unchanged"]


def add_company(app: FastAPI, wall: Wall, heard: Callable[[Outcome], None]) -> None:
    """`POST` and `GET /api/company`."""
    body: dict[str, Any] = {
        "content": {"application/json": {"schema": document.CompanyDocument.model_json_schema()}},
        "required": True,
    }

    @app.post("/api/company", openapi_extra={"requestBody": body})
    async def change(request: Request) -> CompanyImportModel:
        parsed = document.read_company(await request.body(), "the request")
        async with wall.engine.begin() as connection:
            await turn(connection)  # who wrote before us may have gone by a later time than that of the request
            done = await import_company(connection, parsed, Ground(wall.sites, wall.zones, wall.now_ns()))
        heard(done.outcome)
        return CompanyImportModel(company=parsed.company, status=done.status)

    @app.get("/api/company", response_model=document.CompanyDocument)
    async def read() -> Response:
        async with wall.reader.connect() as connection:
            found = (await connection.execute(select(company.c.document))).scalar()
        if found is None:
            raise UnknownThingError("no company document was imported yet; POST one to /api/company")
        return Response(json.dumps(json.loads(found), ensure_ascii=False), media_type="application/json")

    _ = (change, read)
