"""Counting does not read all that came of a line to say what one of its scans brings."""

import pytest
from sqlalchemy import bindparam

from tests import tracking_site as site
from tracking_service.rooms import counting

ROW = {"b_event": "e", "b_line": "PO-1~10", "certified": True, "certified_at": 0, "counted": 0}


@pytest.fixture
async def engine(database_url):
    engine = await site.database(database_url)
    yield engine
    await engine.dispose()


async def test_a_counted_row_is_found_by_its_key_before_the_database_has_statistics(engine):
    statement = counting._COUNT.values({name: bindparam(name) for name in ("certified", "certified_at", "counted")})
    told = "EXPLAIN" if engine.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
    compiled = statement.compile(dialect=engine.dialect)
    async with engine.connect() as connection:
        rows = await connection.exec_driver_sql(f"{told} {compiled}", tuple(ROW[name] for name in compiled.positiontup))
        plan = "\n".join(str(row) for row in rows)
    assert "evidence_pkey" in plan or "sqlite_autoindex_evidence_1" in plan, plan
