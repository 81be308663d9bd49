"""`plumbline tracking notices` on a real database and a real mail server."""

import asyncio
import json
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from plumbline.command.notices import commands as app
from plumbline.errors import PlumblineError
from tests import tracking_site as site
from tests.servers import free_port, plumbline
from tests.webhook_receiver import Receiver
from tracking_service.tables import insert_new, notice


class Done(NamedTuple):
    """How a command ended; `said`: its error, as `plumbline` prints it."""

    stdout: str
    said: str


async def run(*arguments: str, **environment: str) -> Done:
    """The command in a thread of its own, where it may have a loop."""
    result = await asyncio.to_thread(CliRunner(env=environment).invoke, app, arguments)
    assert result.exception is None or isinstance(result.exception, PlumblineError | SystemExit), result.exception
    return Done(result.stdout, str(result.exception or ""))


def row(key: str, **values) -> dict:
    known = {
        "dedup_key": key,
        "recipient": "li@example.org",
        "name": "李工",
        "language": "zh",
        "subject": f"[PO-1] {key}",
        "body": "b",
        "state": "dead",
        "attempts": 3,
        "created_at": 10**18,
        "next_attempt_at": 1,
        "last_error": "550 no such user",
        "order_number": "PO-1",
    }
    return known | values


@pytest.fixture
async def database(tmp_path: Path):
    url = f"sqlite:///{tmp_path}/plumbline.db"
    engine = await site.database(url)
    async with engine.begin() as connection:
        for values in (row("one"), row("two", corrected_at=5), row("three", state="sent", last_error=None)):
            await insert_new(connection, notice, [values])
    yield url, engine
    await engine.dispose()


async def states(engine):
    async with engine.connect() as connection:
        return [one.state for one in await connection.execute(select(notice).order_by(notice.c.id))]


async def test_dead_letters_are_shown_with_their_reason_and_go_out_again(database):
    url, engine = database
    dead = await run("dead", "--database", url)
    assert dead.said == ""
    assert "550 no such user" in dead.stdout
    assert dead.stdout.splitlines()[-1] == "2 dead, 1 sent"
    listed = await run("list", "--json", "--order", "PO-1", PLUMBLINE_DATABASE=url)
    assert [json.loads(line)["subject"] for line in listed.stdout.splitlines()] == ["[PO-1] three", "[PO-1] two", "[PO-1] one"]
    again = await run("replay", "--all", "--database", url)
    assert again.stdout == "1 go out again\n"
    assert await states(engine) == ["waiting", "dead", "sent"]
    wrong = await run("replay", "3", "--database", url)
    assert wrong.said == "there is no dead notice 3"
    assert "--all" in (await run("replay", "--database", url)).said
    assert (await run("replay", "2", "--database", url)).stdout == "1 go out again\n"


async def test_a_way_out_is_tried_and_said_to_work_or_not(tmp_path):
    mails, chat = site.Mailbox(), Receiver()
    ways = tmp_path / "ways.toml"
    ways.write_text(f'[ways.site-chat]\nurl = "{chat.url.replace("http", "json").replace("/in", "/SeCreTpath99")}"\n')
    smtp = f"smtp://127.0.0.1:{mails.port}?from=site@example.org"
    try:
        sent = await run("test", "mail", "li@example.org", PLUMBLINE_SMTP=smtp)
        assert sent.stdout == "mail: handed over\n", sent.said
        assert mails.taken[0].to == "li@example.org"
        assert (await run("test", "site-chat", "--ways", str(ways))).stdout == "site-chat: handed over\n"
        assert chat.taken[0].path == "/SeCreTpath99"
        chat.answer(403)
        refused = await run("test", "site-chat", "--ways", str(ways))
        assert "403" in refused.said
        assert "SeCreTpath99" not in refused.stdout + refused.said
    finally:
        mails.stop()
        chat.stop()
    away = await run("test", "mail", "li@example.org", PLUMBLINE_SMTP=f"smtp://127.0.0.1:{free_port()}?from=site@example.org")
    assert "mail: 127.0.0.1:" in away.said
    unknown = await run("test", "site-chat")
    assert "there is no way 'site-chat' here (none is set); name its file with --ways" in unknown.said


async def test_a_database_that_is_not_there_is_not_made(tmp_path):
    command = plumbline("tracking", "notices", "list", "--database", f"sqlite:///{tmp_path}/none.db")
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 2
    assert "there is no such database" in done.stderr
    assert list(tmp_path.iterdir()) == []
