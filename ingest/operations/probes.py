"""Whether what ingest depends on answers: each asked with a deadline, never twice at once, however many ask.

A dependency that hangs costs its deadline and no more: the question that hangs is not asked again before it ends.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol, runtime_checkable

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from plumbline.errors import MqttError, PlumblineError
from plumbline.mqtt import Connection
from plumbline.series import LatestRow

#: How long a dependency may take to answer.
DEADLINE_S: Final = 3.0
#: It is counted in so many steps. A step that took longer counts as one: it was we who stood still, not the dependency.
_STEPS: Final = 12
#: An answer stands for so long, so that nobody can make us ask more often.
_STANDS_S: Final = 0.5


class Answer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of asking one dependency."""

    name: str
    ok: bool
    ms: float
    """How long it took, or has taken so far."""
    error: str | None = None
    check: str | None = None
    """What to do."""


@runtime_checkable
class Readable(Protocol):
    """The side of a series store that can be asked something (`plumbline.series.SeriesReader`)."""

    async def latest(self, site: str, measurement: str, since: int) -> Sequence[LatestRow]:
        """The newest points."""
        ...


class Probe:
    """Asks one dependency.

    Args:
        name: what it is called in the answer.
        ask: returns when the dependency answered well; raises what is wrong.
        check: what to do where it does not.
        deadline_s: see `DEADLINE_S`.
    """

    def __init__(self, name: str, ask: Callable[[], Awaitable[None]], *, check: str, deadline_s: float = DEADLINE_S) -> None:
        self.name = name
        self._ask = ask
        self.check = check
        self._deadline_s = deadline_s
        self._asking: asyncio.Task[None] | None = None
        self._since = self._counted = self._left_s = 0.0
        self._answer: Answer | None = None
        self._answered = float("-inf")

    async def ask(self) -> Answer:
        """Ask it, or join those who ask already. Never raises, never takes longer than the deadline."""
        if self._answer is not None and time.monotonic() - self._answered < _STANDS_S:
            return self._answer
        if self._asking is None or self._asking.done():
            self._since = self._counted = time.monotonic()
            self._left_s = self._deadline_s
            self._asking = asyncio.create_task(self._act(), name=f"ingest-probe-{self.name}")
        asking = self._asking
        step_s = self._deadline_s / _STEPS
        while not asking.done() and self._left_s > 0:
            await asyncio.wait([asking], timeout=step_s)
            now = time.monotonic()
            self._left_s -= min(now - self._counted, step_s)
            self._counted = now
        if not asking.done():
            asking.cancel()  # one that does not let itself be cancelled is still the one that is asked
            return self._bad(f"no answer within {self._deadline_s:g} s")
        if self._asking is asking:
            self._asking = None
        if asking.cancelled():
            return self._bad(f"no answer within {self._deadline_s:g} s")
        error = asking.exception()
        took = self._bad(_said(error)) if error is not None else Answer(name=self.name, ok=True, ms=self._ms())
        self._answer, self._answered = took, time.monotonic()
        return took

    async def _act(self) -> None:
        await self._ask()

    def _ms(self) -> float:
        return round((time.monotonic() - self._since) * 1000, 1)

    def _bad(self, error: str) -> Answer:
        return Answer(name=self.name, ok=False, ms=self._ms(), error=error, check=self.check)

    def end(self) -> None:
        """Ask no more."""
        if self._asking is not None:
            self._asking.cancel()


def _said(error: BaseException) -> str:
    """A line for people; URLs in it have no passwords (drivers do not say them)."""
    line = str(error).strip().partition("\n")[0][:300]
    return line if isinstance(error, PlumblineError) and line else f"{type(error).__name__}: {line}"


def broker(connect: Callable[[], Connection], lanes: Callable[[], list[str]]) -> Probe:
    """A connection of its own to the broker, and the lanes' own: `lanes` names those that do not receive now."""

    async def ask() -> None:
        async with connect():
            pass
        if away := lanes():
            raise MqttError(f"the broker answers, but these do not receive yet: {', '.join(away)}")

    return Probe("broker", ask, check="is the broker running, is its address right, are user and password (PLUMBLINE_BROKER)")


def database(engine: AsyncEngine) -> Probe:
    """A look at the version of our own tables."""

    async def ask() -> None:
        async with engine.connect() as connection:
            await connection.execution_options(read_only=True)
            await connection.execute(text("SELECT version_num FROM alembic_ingest"))

    return Probe("database", ask, check="is the SQL database running, is PLUMBLINE_DATABASE right; 'plumbline db upgrade'")


def series(store: Readable) -> Probe:
    """A question that finds nothing: it proves address, password and database."""

    async def ask() -> None:
        await store.latest("-", "plumbline_ready", time.time_ns())

    return Probe("series", ask, check="is the series store running, does PLUMBLINE_SERIES name it, its user and its database")
