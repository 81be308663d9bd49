"""Whoever tells the world of changes stands still, or the database does, between sending and noting that it was sent."""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from plumbline.database import open_engine
from plumbline.text import Text
from tests import tracking_site as site
from tests.direct_devices import eventually
from tests.servers import PostgreSql, open_folder
from tests.webhook_receiver import Receiver
from tracking_service import mail, progress
from tracking_service.api import create_app, wall
from tracking_service.api.company import add_company
from tracking_service.broadcaster import Broadcaster
from tracking_service.document import OrderDocument
from tracking_service.domain.notice import Change, Said
from tracking_service.intake import Intake
from tracking_service.live import Live
from tracking_service.log import turn
from tracking_service.log.tables import transition
from tracking_service.mail import Mail
from tracking_service.notices import LEASE_NS, NoticeError, Notices, Outgoing
from tracking_service.orders import import_order
from tracking_service.progress import Cause
from tracking_service.rooms.ground import Ground
from tracking_service.tables import insert_new, notice
from tracking_service.webhooks import hooks, put, sender
from tracking_service.webhooks.address import networks
from tracking_service.webhooks.hooks import WebhookDocument
from tracking_service.webhooks.sender import Webhooks
from tracking_service.webhooks.tables import delivery

HERE = networks("127.0.0.1")
ZONES = {site.SITE: ZoneInfo("Asia/Shanghai")}
NOW = 1_790_000_000 * 10**9
LONG_S = 120.0


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = await site.database(database_url)
    yield engine
    await engine.dispose()


@pytest.fixture
def erp() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.stop()


@pytest.fixture
def server() -> Iterator[PostgreSql]:
    """A database of its own, which the test may end and start again."""
    with open_folder("standstill") as folder:
        server = PostgreSql(Path(folder) / "server")
        server.start()
        yield server
        server.stop()


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.ns = NOW

    def __call__(self) -> int:
        return self.ns


class Chat:
    """A way out that does what the test says between taking a notice and answering."""

    def __init__(self, meanwhile=None) -> None:
        self.took: list[Outgoing] = []
        self.came = asyncio.Event()
        self._meanwhile = meanwhile

    async def send(self, outgoing: Outgoing) -> None:
        self.took.append(outgoing)
        self.came.set()
        if self._meanwhile is not None:
            await self._meanwhile()


async def put_notice(engine: AsyncEngine, key: str = "m|passed|25", way: str = "chat") -> None:
    row = {
        "dedup_key": key,
        "recipient": f"{way}:" if way != "mail" else "li@example.org",
        "name": "Ann",
        "language": "en",
        "subject": "s",
        "body": "b",
        "state": "waiting",
        "attempts": 0,
        "created_at": 1,
        "next_attempt_at": 1,
        "way": way,
    }
    async with engine.begin() as connection:
        assert await insert_new(connection, notice, [row])


async def put_message(engine: AsyncEngine, erp: Receiver, *keys: str, now: int = NOW) -> None:
    async with engine.begin() as connection:
        await hooks.add(connection, WebhookDocument(url=erp.url), now=now)
    for key in keys or ("1",):
        told = Change(
            event=Said("task", key), site=site.SITE, order="PO-1", subject="PO-1~beams", headline=Text(key, key), at=NOW
        )
        async with engine.begin() as connection:
            await put(connection, [told], now)


async def stored(engine: AsyncEngine, table=notice):
    async with engine.connect() as connection:
        return (await connection.execute(select(table).order_by(table.c.id))).all()


@contextlib.asynccontextmanager
async def running(part: Notices | Webhooks | Intake | Live) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(part.run())
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until_sent(engine: AsyncEngine, table, task: asyncio.Task[None] | None = None) -> None:
    """Wait until everything is noted as sent; fail where who should note it has ended."""

    async def all_sent() -> bool:
        return {row.state for row in await stored(engine, table)} == {"sent"}

    await eventually(all_sent, "the note that it was sent", task)


async def test_a_notice_that_left_while_the_database_was_away_is_noted_when_it_is_back_and_comes_once(server):
    engine = await site.database(server.url)
    went = asyncio.Event()

    async def the_database_ends() -> None:
        await asyncio.to_thread(server.stop)
        went.set()

    chat = Chat(the_database_ends)
    await put_notice(engine)
    async with running(Notices(engine=engine, ways={"chat": chat}, poll_s=0.05)) as task:
        await asyncio.wait_for(went.wait(), 120)
        await asyncio.to_thread(server.start)
        fresh = open_engine(server.url)
        await until_sent(fresh, notice, task)
        await fresh.dispose()
    assert len(chat.took) == 1
    assert [row.attempts for row in await stored(engine)] == [1]
    await engine.dispose()


async def test_a_webhook_that_was_taken_while_the_database_was_away_is_noted_when_it_is_back_and_comes_once(server, erp):
    engine = await site.database(server.url)
    erp.hold = threading.Event()
    await put_message(engine, erp, now=time.time_ns())  # what was taken a month ago is forgotten
    async with running(Webhooks(engine=engine, allowed=HERE, poll_s=0.05)) as task:
        assert await asyncio.to_thread(erp.came.wait, 120)
        await asyncio.to_thread(server.stop)
        erp.hold.set()
        await asyncio.to_thread(server.start)
        fresh = open_engine(server.url)
        await until_sent(fresh, delivery, task)
        await fresh.dispose()
    assert len(erp.taken) == 1
    await engine.dispose()


async def test_a_receiver_that_answered_while_we_stood_still_has_answered(engine, erp, monkeypatch):
    monkeypatch.setattr(sender, "ANSWER_S", 0.4)
    await put_message(engine, erp)
    webhooks = Webhooks(engine=engine, allowed=HERE, now_ns=Clock(), chance=lambda: 0.0)
    erp.hold = threading.Event()
    sending = asyncio.create_task(webhooks.send())
    assert await asyncio.to_thread(erp.came.wait, 120)
    erp.hold.set()
    time.sleep(1.5)  # noqa: ASYNC251 - as SIGSTOP does: the answer comes meanwhile, and the time for it ends
    assert await sending == 1
    (row,) = await stored(engine, delivery)
    assert (row.state, row.last_error, len(erp.taken)) == ("sent", None, 1)


async def test_a_sender_whose_lease_was_over_does_not_take_back_what_another_one_has_sent(engine):
    clock, stands, goes_on = Clock(), asyncio.Event(), asyncio.Event()

    class Stands:
        async def send(self, _outgoing: Outgoing) -> None:
            stands.set()
            await goes_on.wait()
            raise NoticeError("no answer")

    await put_notice(engine)
    slow = asyncio.create_task(Notices(engine=engine, ways={"chat": Stands()}, now_ns=clock).send())
    await stands.wait()
    clock.ns += LEASE_NS
    chat = Chat()
    assert await Notices(engine=engine, ways={"chat": chat}, now_ns=clock).send() == 1
    goes_on.set()
    assert await slow == 1
    assert [(row.state, row.last_error) for row in await stored(engine)] == [("sent", None)]


async def test_a_webhook_whose_lease_was_over_is_not_taken_back_after_another_sender_brought_it(engine, erp):
    clock = Clock()
    await put_message(engine, erp)
    erp.hold = threading.Event()
    slow = asyncio.create_task(Webhooks(engine=engine, allowed=HERE, now_ns=clock).send())
    assert await asyncio.to_thread(erp.came.wait, 120)
    clock.ns += sender.LEASE_NS
    held, erp.hold = erp.hold, None
    assert await Webhooks(engine=engine, allowed=HERE, now_ns=clock).send() == 1
    erp.answer(500)
    held.set()
    assert await slow == 1
    (row,) = await stored(engine, delivery)
    assert (row.state, row.last_error) == ("sent", None)


async def test_a_notice_that_is_under_way_when_the_service_ends_is_noted_before_it_does(engine):
    takes, taken = asyncio.Event(), asyncio.Event()

    async def a_moment() -> None:
        takes.set()
        await taken.wait()

    chat = Chat(a_moment)
    await put_notice(engine, "m|1")
    await put_notice(engine, "m|2")
    task = asyncio.create_task(Notices(engine=engine, ways={"chat": chat}).run())
    await takes.wait()
    task.cancel()
    asyncio.get_running_loop().call_later(0.1, taken.set)
    with pytest.raises(asyncio.CancelledError):
        await task
    first, second = await stored(engine)
    assert (first.state, second.state, len(chat.took)) == ("sent", "waiting", 1)


async def test_a_webhook_that_is_under_way_when_the_service_ends_is_noted_before_it_does(engine, erp):
    await put_message(engine, erp, "1", "2")
    erp.hold = threading.Event()
    task = asyncio.create_task(Webhooks(engine=engine, allowed=HERE).run())
    assert await asyncio.to_thread(erp.came.wait, 120)
    task.cancel()
    asyncio.get_running_loop().call_later(0.1, erp.hold.set)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [row.state for row in await stored(engine, delivery)] == ["sent", "waiting"]
    assert len(erp.taken) == 1


async def test_whatever_a_receiver_answers_can_be_noted(engine, erp):
    await put_message(engine, erp)
    erp.answer(500, body=b"\0broken\0 \xff\xed\xa0\x80")
    assert await Webhooks(engine=engine, allowed=HERE, now_ns=Clock()).send() == 1
    (row,) = await stored(engine, delivery)
    assert row.state == "waiting"
    assert "broken" in row.last_error


async def test_whatever_a_way_out_says_can_be_noted(engine):
    class Refuses:
        async def send(self, _outgoing: Outgoing) -> None:
            raise NoticeError("451 \0 no \udcff")

    await put_notice(engine)
    assert await Notices(engine=engine, ways={"chat": Refuses()}).send() == 1
    (row,) = await stored(engine)
    assert row.state == "waiting"
    assert "451" in row.last_error


class SlowMailServer:
    """Speaks SMTP, and stands still at one of its steps until it is told to go on."""

    def __init__(self, stands_at: bytes) -> None:
        self._stands_at = stands_at
        self.mails = 0
        self.stands, self.goes_on = asyncio.Event(), asyncio.Event()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.url = f"smtp://127.0.0.1:{self._server.sockets[0].getsockname()[1]}?from=site@example.org"
        return self

    async def __aexit__(self, *_error: object) -> None:
        self.goes_on.set()
        self._server.close()

    async def _answer(self, writer: asyncio.StreamWriter, step: bytes, answer: bytes) -> None:
        if step == self._stands_at:
            self.stands.set()
            await self.goes_on.wait()
        writer.write(answer + b"\r\n")

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await self._answer(writer, b"HELLO", b"220 here")
            while line := await reader.readline():
                step = line.split()[0].upper()
                await self._answer(writer, step, b"354 go on" if step == b"DATA" else b"250 well")
                if step == b"DATA":
                    await reader.readuntil(b"\r\n.\r\n")
                    self.mails += 1
                    await self._answer(writer, b".", b"250 taken")
        writer.close()


TOLD = Outgoing("k", "li@example.org", "", "s", "b")


async def test_a_mail_server_that_stands_still_while_it_takes_a_mail_is_not_sent_it_again(monkeypatch):
    monkeypatch.setattr(mail, "_TIMEOUT_S", 0.3)
    async with SlowMailServer(b".") as slow:
        sending = asyncio.create_task(Mail(slow.url).send(TOLD))
        async with asyncio.timeout(120):
            await slow.stands.wait()
            ended, _ = await asyncio.wait([sending], timeout=1.5)
            assert not ended
            slow.goes_on.set()
            await sending
    assert slow.mails == 1


@pytest.mark.parametrize("stands_at", [b"QUIT", b"nowhere"])
async def test_a_mail_server_that_takes_our_goodbye_ill_has_taken_the_mail(stands_at, monkeypatch):
    monkeypatch.setattr(mail, "_GOODBYE_S", 0.3, raising=False)
    async with SlowMailServer(stands_at) as slow, asyncio.timeout(120):
        await Mail(slow.url).send(TOLD)  # it answers QUIT with 250, or not at all
    assert slow.mails == 1


async def test_a_mail_server_that_says_nothing_at_all_is_given_up(monkeypatch):
    monkeypatch.setattr(mail, "_TIMEOUT_S", 0.3)
    async with SlowMailServer(b"HELLO") as slow, asyncio.timeout(120):
        with pytest.raises(NoticeError, match="timed out"):
            await Mail(slow.url).send(TOLD)


async def test_who_waits_for_a_mail_server_when_the_service_ends_hangs_up():
    async with SlowMailServer(b".") as slow, asyncio.timeout(120):
        sending = asyncio.create_task(Mail(slow.url).send(TOLD))
        await slow.stands.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await asyncio.get_running_loop().shutdown_default_executor()  # as asyncio.run does: it waits for the thread


async def test_a_mail_server_that_stands_still_holds_up_no_other_way_out_and_no_later_notice(engine):
    async with SlowMailServer(b".") as slow:
        chat = Chat()
        await put_notice(engine, "m|1", "mail")
        notices = Notices(engine=engine, notifier=Mail(slow.url), ways={"chat": chat}, poll_s=0.05)
        async with running(notices):
            await asyncio.wait_for(slow.stands.wait(), 120)
            await put_notice(engine, "m|2")
            notices.wake()
            await asyncio.wait_for(chat.came.wait(), 120)
            slow.goes_on.set()
            await until_sent(engine, notice)
    assert slow.mails == 1


async def test_connections_that_died_before_anybody_listened_end_nothing(postgresql, unique_name):
    name = unique_name("listen")
    engine = await site.database(postgresql.new_database(name))
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(4):
            await (await stack.enter_async_context(engine.connect())).execute(text("SELECT 1"))
    postgresql.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'", "postgres")
    seen = asyncio.Event()
    intake = Intake(engine=engine, sites=site.SITES, heard=lambda outcome: outcome.observed and seen.set(), poll_s=0.05)
    async with running(intake) as task:
        scan = site.beam(1)

        async def posted() -> bool:
            try:
                await site.post(engine, scan)
            except SQLAlchemyError:
                return False
            return True

        await eventually(posted, "a connection that lives", task)
        await asyncio.wait([task, asyncio.ensure_future(seen.wait())], timeout=120, return_when=asyncio.FIRST_COMPLETED)
        assert not task.done()
        assert seen.is_set()
    await engine.dispose()


async def test_a_clock_that_is_set_back_holds_up_nothing_that_time_brings(engine):
    clock = Clock()
    heard = []
    intake = Intake(engine=engine, sites=site.SITES, heard=heard.append, now_ns=clock)
    await intake.tick()
    clock.ns -= 3600 * 10**9
    await site.put_gateway(engine, online=False)
    await intake.tick()
    assert [entry.text.en for outcome in heard for entry in outcome.activity] == ["Gateway gw-1 went offline"]


async def test_a_series_store_that_answered_while_we_stood_still_is_not_away(engine, monkeypatch):
    monkeypatch.setattr(wall, "_PATIENCE_S", 0.3)
    asked, answered = asyncio.Event(), asyncio.Event()

    class Slow(site.MemorySeries):
        async def latest(self, _site: str, measurement: str, since: int):
            asked.set()
            await answered.wait()
            return await super().latest(_site, measurement, since)

    shown = wall.Wall(engine=engine, series=Slow(), sites=site.SITES, profiles={}, plans={})
    asking = asyncio.create_task(shown.ping_series())
    await asked.wait()
    asyncio.get_running_loop().call_soon(answered.set)
    time.sleep(1)  # noqa: ASYNC251 - as SIGSTOP does
    assert await asking == "ready"


class Waiting:
    """An order of which a date and a signature complete a milestone, and a writer who has the log's turn for a moment."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.clock = Clock()
        shown = wall.Wall(engine=engine, series=site.MemorySeries(), sites=site.SITES, profiles={}, plans={}, now_ns=self.clock)

        def more(app: FastAPI) -> None:
            add_company(app, shown, lambda _outcome: None)

        transport = httpx.ASGITransport(app=create_app(wall=shown, more=more))
        self.client = httpx.AsyncClient(transport=transport, base_url="http://site")

    def order(self, **changes) -> dict[str, object]:
        date = datetime.fromtimestamp(NOW / 1e9 + 60, UTC).isoformat()
        policy = {"all_of": [{"signed_off": {"role": "engineer"}}, {"date_reached": {"at": date}}]}
        return site.order(milestones=[{"key": "m", "title": {"en": "m", "zh": "m"}, "policy": policy}]) | changes

    async def post(self, path: str, **body: object) -> None:
        answer = await self.client.post(path, json=body)
        assert answer.status_code == 200, answer.text

    async def sign(self, person: str) -> None:
        await self.post("/api/milestones/PO-1~m/sign-off", role="engineer", person=person)

    async def meanwhile_the_date_comes(self, wanted: Coroutine[object, object, None]) -> None:
        """Somebody else, who wrote before it, has found that the date is there."""
        async with self.engine.begin() as connection:
            await turn(connection)
            doing = asyncio.create_task(wanted)
            pool = self.engine.pool

            async def waits() -> bool:
                return pool.checkedout() > 1

            await eventually(waits, "who waits for a turn", doing)
            self.clock.ns += 120 * 10**9
            await progress.move(connection, ["PO-1~m"], Ground(site.SITES, ZONES, self.clock.ns), Cause("time"))
        await doing

    async def history(self) -> list[float]:
        async with self.engine.connect() as connection:
            statement = select(transition.c.after).where(transition.c.milestone_id == "PO-1~m").order_by(transition.c.id)
            return [float(after) for after in (await connection.execute(statement)).scalars()]


@pytest.mark.parametrize("late", ["act", "order", "company", "tick"])
async def test_who_waited_for_a_turn_to_write_does_not_undo_what_time_brought_meanwhile(engine, late):
    site_ = Waiting(engine)
    await site_.post("/api/orders", **site_.order())
    await site_.sign("Wang")
    intake = Intake(engine=engine, sites=site.SITES, now_ns=site_.clock)
    company = {"company": "north", "title": {"en": "North", "zh": "北方"}, "people": [{"id": "li", "name": "Li"}]}
    wanted = {
        "act": lambda: site_.sign("Li"),
        "order": lambda: site_.post("/api/orders", **site_.order(customer="Another")),
        "company": lambda: site_.post("/api/company", **company),
        "tick": intake.take,
    }
    if late == "tick":
        await site.post(engine, site.beam(1))
    await site_.meanwhile_the_date_comes(wanted[late]())
    assert (await site_.history())[-1] == 100
    assert (await site_.history()).count(100) == 1


async def test_a_series_store_that_stands_still_holds_up_nothing_else_on_the_wall(engine, monkeypatch):
    monkeypatch.setattr(wall, "_PATIENCE_S", 3600.0)
    asked = asyncio.Event()

    class Hangs(site.MemorySeries):
        async def latest(self, *_what: object) -> list[object]:
            asked.set()
            await asyncio.Event().wait()
            raise AssertionError

        heat = latest

    shown = wall.Wall(engine=engine, series=Hangs(), sites=site.SITES, profiles={}, plans={})
    screens = Broadcaster()
    live = Live(wall=shown, broadcaster=screens)
    order = OrderDocument.model_validate(site.order())
    with screens.connected(site.SITE) as screen, screens.connected("a site that is no more"):
        async with running(live):
            await asyncio.wait_for(asked.wait(), 120)
            async with engine.begin() as connection:
                done = await import_order(connection, order, sites=site.SITES, zones=ZONES, now=time.time_ns())
            live.heard(done.outcome)
            names: list[str] = []
            while "PO-1" not in "".join(names):
                message = await screen.next(LONG_S)
                names.append(message.data if message.name == "orders" else message.name)
