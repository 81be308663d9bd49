"""What a worker tells operators over HTTP: metrics, whether it lives, whether it can work, the ledger, the dead letters.

    GET /metrics                          Prometheus
    GET /healthy                          200, or 503 with the names of the tasks that ended
    GET /ready                            200, or 503: what it depends on, each with ok, ms, and what to do
    GET /ledger?site=&gateway=&day=&since=   as `plumbline ledger --json`
    GET /deadletters?site=                what letters there are, by reason, site and device

Every answer has a deadline, so that a dependency that hangs never makes this hang. It runs in the worker's own event loop:
where that is stuck nothing answers, and that is what a health check is to see. No passwords, no contents of events: but who
reads the ledger learns when a site works, so it listens on this machine alone unless told otherwise.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final, TypeVar

import msgspec
import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ingest.ledger.report import report
from ingest.operations.probes import Answer, Probe
from ingest.patience import DATABASE_AWAY
from plumbline import serving
from plumbline.errors import PlumblineError

_log: Final = structlog.get_logger()
T = TypeVar("T")

#: How long reading the ledger may take.
READ_S: Final = 20.0


class Operations:
    """The HTTP side of one worker.

    Args:
        host: address to listen on.
        port: port to listen on; 0: any free one (`port` says which).
        registry: what Prometheus is told.
        probes: what the worker depends on.
        dead: names of tasks that ended and should not have.
        draining: whether the worker is ending.
        engine: the SQL database.
        letters: the overview of dead letters, of one site or all.
        remarks: what readiness says beside, and does not depend on.
        waiting: names of dependencies, with the reason, that answer us or not, but did not do what we last asked of them.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        registry: CollectorRegistry,
        probes: Sequence[Probe],
        dead: Callable[[], list[str]],
        draining: Callable[[], bool],
        engine: AsyncEngine,
        letters: Callable[[str | None], Awaitable[object]],
        remarks: Callable[[], Mapping[str, object]] = dict[str, object],
        waiting: Callable[[], Iterable[tuple[str, str]]] = tuple[tuple[str, str], ...],
    ) -> None:
        self._host = host
        self.port = port
        self._registry = registry
        self._probes = probes
        self._dead = dead
        self._draining = draining
        self._engine = engine
        self._letters = letters
        self._remarks = remarks
        self._waiting = waiting
        self._listener: socket.socket | None = None
        self._app = Starlette(
            routes=[
                Route("/metrics", self._metrics),
                Route("/healthy", self._healthy),
                Route("/ready", self._ready),
                Route("/ledger", self._ledger),
                Route("/deadletters", self._deadletters),
                Route("/{path:path}", self._unknown),
            ]
        )

    def open(self) -> None:
        """Take the port. Raises `PlumblineError` where it cannot be had."""
        try:
            listener = serving.bind(self._host, self.port)
        except OSError as error:
            raise PlumblineError(
                f"metrics_port: cannot listen on {self._host}:{self.port} ({error.strerror}); choose another port for this worker"
                " (0: any free one) or leave it out"
            ) from None
        self._listener, self.port = listener, int(listener.getsockname()[1])

    async def run(self) -> None:
        """Serve until cancelled; `open` was called."""
        assert self._listener is not None
        server = serving.server(self._app)
        _log.info("operations served", host=self._host, port=self.port)
        with self._listener:
            task = asyncio.create_task(server.serve(sockets=[self._listener]), name="ingest-operations-http")
            try:
                await asyncio.shield(task)
            except asyncio.CancelledError:
                server.should_exit = True
                await asyncio.wait([task], timeout=serving.GRACE_S + 1)
                task.cancel()
                raise
            finally:
                for probe in self._probes:
                    probe.end()

    async def _metrics(self, _request: Request) -> Response:
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)

    async def _healthy(self, _request: Request) -> Response:
        dead = self._dead()
        return _json({"healthy": not dead, "dead": dead}, 503 if dead else 200)

    async def _ready(self, _request: Request) -> Response:
        answers: list[Answer] = list(await asyncio.gather(*(probe.ask() for probe in self._probes)))
        refusing = dict(self._waiting())
        answers = [
            _refusing(answer, refusing[answer.name], probe.check) if answer.ok and answer.name in refusing else answer
            for probe, answer in zip(self._probes, answers, strict=True)
        ]
        draining, dead = self._draining(), self._dead()
        ready = not draining and not dead and all(answer.ok for answer in answers)
        told: dict[str, Any] = {"ready": ready, "draining": draining, "dead": dead, "dependencies": answers, **self._remarks()}
        return _json(told, 200 if ready else 503)

    async def _ledger(self, request: Request) -> Response:
        asked = dict(request.query_params)
        if unknown := sorted(asked.keys() - {"site", "gateway", "day", "since"}):
            return _problem(400, f"unknown parameter '{unknown[0]}'; there are site, gateway, day, since")
        for name in ("day", "since"):
            if name in asked and not _is_day(asked[name]):
                return _problem(400, f"{name}: '{asked[name][:40]}' is no day; write it like 2026-06-11")
        site, gateway, day, since = (asked.get(name) for name in ("site", "gateway", "day", "since"))
        return await self._read(lambda: report(self._engine, site=site, gateway=gateway, day=day, since=since))

    async def _deadletters(self, request: Request) -> Response:
        site = request.query_params.get("site")
        return await self._read(lambda: self._letters(site))

    async def _unknown(self, _request: Request) -> Response:
        return _problem(404, "there is no such page; there are /metrics, /healthy, /ready, /ledger, /deadletters")

    async def _read(self, act: Callable[[], Awaitable[object]]) -> Response:
        """Something out of the database, within the deadline."""
        try:
            async with asyncio.timeout(READ_S):
                return _json(await act())
        except TimeoutError:
            return _problem(503, f"the database did not answer within {READ_S:g} s; ask for one site or gateway, see /ready")
        except DATABASE_AWAY as error:
            return _problem(503, f"the database is away ({type(error).__name__}); see /ready")


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _refusing(answer: Answer, why: str, check: str) -> Answer:
    """A dependency that answers questions, while what we want of it fails; or that went away since it was asked."""
    check = f"it answers, but does not do its work: look at its disk, its log and our rights there; it is tried again; {check}"
    return Answer(name=answer.name, ok=False, ms=answer.ms, error=why.strip().partition("\n")[0][:300], check=check)


def _json(value: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json", headers={"Cache-Control": "no-store"})


def _problem(status: int, detail: str) -> Response:
    """RFC 9457."""
    body: Mapping[str, object] = {"status": status, "detail": detail}
    return Response(msgspec.json.encode(body), status, media_type="application/problem+json")
