"""The reader: asks the slaves of one bus in turn, each at its own pace."""

import asyncio
import heapq
import random
import re
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from typing import Final

from edge_agent.reader import Emit, ReaderError
from edge_agent.readers.modbus.breaker import Breaker
from edge_agent.readers.modbus.declaration import Declaration, Group
from edge_agent.readers.modbus.frame import Answer, Request
from edge_agent.readers.modbus.link import Link, SilenceError
from edge_agent.readers.modbus.slave import Ask, Read, Slave

_TRIP_AFTER: Final = 3
#: Values that `check` shows of a slave.
_SHOWN: Final = 6
#: A report: what happened, and what to check.
_CHECK: Final = re.compile(r"(?P<what>.+?)[;:,] check (?P<check>.+)", re.DOTALL)


class Bus:
    """Reads the slaves of one bus (see `edge_agent.reader.Reader`). Never writes to one.

    Args:
        name: of the reader.
        link: the connection.
        declarations: the slaves.
        report: takes what is wrong with one slave while the others go on.
        timeout_s: the link's; a silent slave is asked again after five times as long, later more rarely.
        retries: how often a request without an answer is repeated at once.
        retry_s: the longest time between two tries of a silent slave.
    """

    def __init__(
        self,
        *,
        name: str,
        link: Link,
        declarations: Sequence[Declaration],
        report: Callable[[str, str], None],
        timeout_s: float,
        retries: int,
        retry_s: float,
    ) -> None:
        self._name = name
        self._link = link
        self._retries = retries
        self._declarations = declarations
        self._slaves = [Slave(one, report, time.monotonic) for one in declarations]
        self._breakers = [
            Breaker(first_s=min(5 * timeout_s, retry_s), retry_s=retry_s, trip_after=_TRIP_AFTER, chance=random.random)
            for _ in declarations
        ]
        self._tried: set[int] = set()

    async def run(self, emit: Emit) -> None:
        """Read until cancelled. Raises `ReaderError` where the bus cannot be reached or no slave answers."""
        try:
            await self._link.open()
            await self._poll_all(emit)
        finally:
            await self._link.close()

    async def _poll_all(self, emit: Emit) -> None:
        for breaker in self._breakers:
            breaker.try_now()
        self._tried.clear()
        now, order = time.monotonic(), count()
        # The order breaks ties: who is due for longest is first, so that nobody starves on a bus that is too slow for all.
        queue = [(now, next(order), i, group) for i, slave in enumerate(self._slaves) for group in slave.declaration.groups]
        while True:
            due, _, i, group = heapq.heappop(queue)
            due = max(due, self._breakers[i].again_s)
            now = time.monotonic()
            if due > now and queue and queue[0][0] < due:  # put back by its breaker: another is due before
                heapq.heappush(queue, (due, next(order), i, group))
                continue
            await asyncio.sleep(max(0.0, due - now))
            await self._poll(i, group, emit)
            heapq.heappush(queue, (max(due + group.every_s, time.monotonic()), next(order), i, group))

    async def _poll(self, i: int, group: Group, emit: Emit) -> None:
        slave, breaker = self._slaves[i], self._breakers[i]
        ask = partial(self._ask, retries=0 if breaker.failures else self._retries)
        read: Read = {}
        self._tried.add(i)
        try:
            if silent := breaker.open:
                await slave.probe(ask)
            if slave.identified or await slave.identify(ask):
                await slave.read(group, ask, read, alive=silent)
        except SilenceError as error:
            breaker.failed(time.monotonic())
            slave.identified = False  # it may come back as another
            slave.tell("silent", f"slave {slave.declaration.unit}: {error}")
            await slave.emit(group, read, emit)
            if len(self._tried) == len(self._slaves) and all(one.open for one in self._breakers):
                raise self._all_silent(error) from error
            return
        breaker.answered()
        slave.fine("silent")
        await slave.emit(group, read, emit)

    async def _ask(self, request: Request, retries: int) -> Answer:
        while True:
            try:
                return await self._link.ask(request)
            except SilenceError:
                if retries == 0:
                    raise
                retries -= 1

    def _all_silent(self, error: SilenceError) -> ReaderError:
        if len(self._slaves) == 1:
            one = self._slaves[0].declaration
            return ReaderError(one.device, f"slave {one.unit}: {error.what}", error.check)
        return ReaderError(
            self._name, f"none of {len(self._slaves)} slaves answers ({error.what})", f"the bus, and {error.check}"
        )

    async def check(self, patience_s: float) -> str:
        """Read every slave once and say what each told. Raises `ReaderError` where one of them is wrong."""
        end = time.monotonic() + patience_s
        good: list[str] = []
        bad: list[tuple[str, str, str]] = []
        try:
            await self._link.open(patience_s)
            for i, declaration in enumerate(self._declarations):
                share_s = max(0.05, (end - time.monotonic()) / (len(self._declarations) - i))
                found = await self._check(declaration, share_s)
                if isinstance(found, str):
                    good.append(found)
                else:
                    bad.append((declaration.device, *found))
        finally:
            await self._link.close()
        if not bad:
            return "; ".join(good)
        device, what, check = bad[0]
        others = [f"{name}: {what}; check {check}" for name, what, check in bad[1:]] + good
        raise ReaderError(device, what, f"{check} ({'; '.join(others)})" if others else check)

    async def _check(self, declaration: Declaration, patience_s: float) -> str | tuple[str, str]:
        """What a slave said, or what is wrong with it and what to check."""
        told: list[str] = []
        slave = Slave(declaration, lambda _, what: told.append(what), time.monotonic)
        end = time.monotonic() + patience_s
        took_s: list[float] = []

        async def ask(request: Request) -> Answer:
            begin = time.monotonic()
            answer = await self._link.ask(request, at_most_s=max(0.05, end - begin))
            took_s.append(time.monotonic() - begin)
            return answer

        values: dict[str, float] = {}
        state: str | None = None
        try:
            if await slave.identify(ask):
                values, state = await _all_values(slave, ask)
        except SilenceError as error:
            heard = f" after {len(took_s)} answers" if took_s else ""
            return f"slave {declaration.unit}: {error.what}{heard}", error.check
        if told:
            (what, check), *others = map(_parted, told)
            more = f" (and {len(told) - 1} more: {'; '.join(what for what, _ in others[:3])})" if others else ""
            well = (
                f"; it answers in {max(1, round(1000 * min(took_s)))} ms, and {len(values)} other values are well"
                if values
                else ""
            )
            return what + well, check + more
        return _told(slave, values, state, took_s)


def _parted(report: str) -> tuple[str, str]:
    """What a report says happened, and what to check for somebody who is only setting the slave up."""
    said = _CHECK.fullmatch(report)
    what, check = (said["what"], said["check"]) if said else (report, "its register map")
    if "is not plausible" in what:  # far more often a wrong profile than a broken sensor, as long as nothing ever worked
        return what.removesuffix("; not sent"), "its profile: type, order and scale of the register; then the sensor"
    return what, check


async def _all_values(slave: Slave, ask: Ask) -> tuple[dict[str, float], str | None]:
    """The metrics and the state."""
    values: dict[str, float] = {}
    state = None
    for group in slave.declaration.groups:
        read: Read = {}
        await slave.read(group, ask, read)
        found = dict(slave.values(group, read))
        if group.state:
            state = slave.state(read, found)
        values |= found
    return values, None if state is None else state[0]


def _told(slave: Slave, values: dict[str, float], state: str | None, took_s: Sequence[float]) -> str:
    """A sentence about a slave that is well."""
    one = slave.declaration
    requests, points = slave.requests(), {point for group in one.groups for point in one.needs(group)}
    what = f"{one.device} (slave {one.unit}) answers in {max(1, round(1000 * min(took_s)))} ms, "
    registers = sum(point.count for point in points)
    what += f"{registers} register{'s' * (registers != 1)} in {requests} block{'s' * (requests != 1)}"
    if slave.identity is not None:
        what += f", says it is {slave.identity!r}"
    shown = [] if state is None else [f"state {state}"]
    shown += [
        f"{one.metrics[name].title_en} {value:.6g} {one.metrics[name].unit}".removesuffix(" 1")
        for name, value in values.items()
    ]
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return f"{what}: {', '.join(shown[:_SHOWN])}{more}" if shown else f"{what}, but gives no value now"
