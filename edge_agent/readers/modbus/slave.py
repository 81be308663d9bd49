"""One slave: what of it is read together, what its registers say, and what was already told about it."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from typing import Final

from edge_agent.modbus import Block, Point, RegisterError, blocks, parts, place_of, value_of
from edge_agent.reader import Capture, Emit
from edge_agent.readers.modbus.declaration import Declaration, Group
from edge_agent.readers.modbus.frame import Answer, Refusal, Request
from edge_agent.readers.modbus.link import SilenceError
from edge_agent.readers.modbus.states import state_of
from edge_agent.readers.modbus.words import ADDRESS_REFUSED, BUSY, MAP_REFUSED, exception
from plumbline.event import Reading, State
from plumbline.measure import ImplausibleError, measured
from plumbline.profile.modbus import StateWord, Table

Ask = Callable[[Request], Awaitable[Answer]]
#: What was read so far (`edge_agent.modbus.Contents`).
Read = dict[Table, dict[int, int]]

#: Registers that a slave refused are asked for again after this time: its firmware or its options may have changed.
_REFUSED_AGAIN_S: Final = 600.0
#: Some slaves say nothing instead of 'illegal data address': a block is taken apart when this often it alone got no answer.
_MUTE: Final = 2
#: What one `Reading` holds at most (`plumbline.event.Reading`).
_MOST_VALUES: Final = 64


class Slave:
    """Reads one slave; asks through what it is lent. Used by one task.

    Args:
        declaration: what it is and where its values stand.
        report: `report(device, what)`; each trouble is told once until it is over.
        now: seconds that only grow.
    """

    def __init__(self, declaration: Declaration, report: Callable[[str, str], None], now: Callable[[], float]) -> None:
        self.declaration = declaration
        self.identified = declaration.identity is None
        self.identity: str | None = None
        self._report = report
        self._now = now
        self._plans = {group: blocks(declaration.needs(group), declaration.limits) for group in declaration.groups}
        self._refused: dict[Block, float] = {}
        self._mute: dict[Block, int] = {}
        self._told: set[str] = set()
        self._state: tuple[StateWord, str | None] | None = None
        self._coming: tuple[tuple[StateWord, str | None], int] | None = None

    def tell(self, key: str, what: str) -> None:
        """Report a trouble, unless it was told and is not over."""
        if key not in self._told:
            self._told.add(key)
            self._report(self.declaration.device, what)

    def fine(self, key: str) -> None:
        """Note that a trouble is over."""
        self._told.discard(key)

    def requests(self) -> int:
        """How many requests read all of it."""
        return sum(len(plan) for plan in self._plans.values())

    async def probe(self, ask: Ask) -> None:
        """Ask for one value, to see whether the slave is there. Raises `SilenceError`."""
        block = next(block for plan in self._plans.values() for block in plan)
        first, behind = block.spans[0]
        await ask(Request(self.declaration.unit, block.table, first, behind - first))

    async def identify(self, ask: Ask) -> bool:
        """Whether the slave is what it should be; told where not. Raises `SilenceError`."""
        if self.declaration.identity is None:
            return True
        point, expect = self.declaration.identity
        said, why = await self._identity(point, ask)
        self.identity = said
        self.identified = not expect or (
            said is not None and any(one in said if point.type == "string" else one == said for one in expect)
        )
        if self.identified:
            self.fine("identity")
        else:
            found = why or f"says it is {said!r}"
            wanted = " or ".join(map(repr, expect))
            what = f"slave {self.declaration.unit} {found}, not {wanted}: nothing is read; check its unit number and profile"
            self.tell("identity", what)
        return self.identified

    async def _identity(self, point: Point, ask: Ask) -> tuple[str | None, str | None]:
        answer = await ask(Request(self.declaration.unit, point.table, point.address, point.count))
        if isinstance(answer, Refusal):
            return None, f"answers {exception(answer.code)[0]} when asked what it is ({point.place})"
        read: Read = {point.table: dict(enumerate(answer, point.address))}
        try:
            value = value_of(point, read)
        except RegisterError as error:
            return None, f"does not say what it is ({error})"
        return (None, "does not say what it is") if value is None else (str(value), None)

    async def read(self, group: Group, ask: Ask, into: Read, *, alive: bool = False) -> None:
        """Read what `group` needs into `into`. Raises `SilenceError`; what came before it stays in `into`.

        `alive`: the slave has just answered, so that silence is about what was asked.
        """
        plan = self._plans[group]
        waiting, done, going = plan[::-1], list[Block](), True
        while waiting and going:
            block = waiting.pop()
            instead = [block]
            try:
                if self._refused.get(block, 0.0) <= self._now():
                    smaller, going = await self._read_block(block, ask, into)
                    if smaller:
                        waiting += reversed(smaller)
                        instead = []
            except SilenceError:
                instead = self._silent(block, alive=alive or bool(into))
                raise
            finally:  # blocks that were taken apart stay apart
                done += instead
                plan[:] = [*done, *reversed(waiting)]

    async def _read_block(self, block: Block, ask: Ask, into: Read) -> tuple[list[Block], bool]:
        """The parts in which to read it instead, if it was refused, and whether to go on."""
        answer = await ask(Request(self.declaration.unit, block.table, block.address, block.count))
        self._mute.pop(block, None)
        place = place_of(block.table, block.address, block.count)
        if not isinstance(answer, Refusal):
            self._refused.pop(block, None)
            self.fine(place)
            table = into.setdefault(block.table, {})
            for first, behind in block.spans:  # what was read along means nothing
                table.update(enumerate(answer[first - block.address : behind - block.address], first))
            return [], True
        if answer.code in ADDRESS_REFUSED and len(block.spans) > 1:
            return list(parts(block)), True
        if answer.code in MAP_REFUSED:
            self._refused[block] = self._now() + _REFUSED_AGAIN_S
        said, check = exception(answer.code)
        self.tell(place, f"slave {self.declaration.unit} answers {said} for {place}; check {check}")
        return [], answer.code not in BUSY

    def _silent(self, block: Block, *, alive: bool) -> list[Block]:
        """What to ask next time instead of a block without an answer."""
        if not alive or len(block.spans) == 1:
            return [block]
        self._mute[block] = self._mute.get(block, 0) + 1
        if self._mute[block] < _MUTE:
            return [block]
        del self._mute[block]
        return list(parts(block))

    async def emit(self, group: Group, read: Read, emit: Emit) -> None:
        """Emit what was read: a changed state, then the values."""
        values = dict(self.values(group, read))
        if group.state:
            await self._emit_state(read, values, emit)
        wanted = [(name, values[name]) for name in group.metrics if name in values]
        for i in range(0, len(wanted), _MOST_VALUES):
            reading = partial(Reading, measurement=self.declaration.measurement, values=dict(wanted[i : i + _MOST_VALUES]))
            await emit(Capture(self.declaration.device, reading, metrics=self.declaration.metrics))

    def values(self, group: Group, read: Read) -> Iterator[tuple[str, float]]:
        """The metrics of `group`, and those that its state is judged by; what cannot be true is told and left out."""
        state = self.declaration.state
        rules = state.shape.rules if state is not None and group.state else ()
        for name in dict.fromkeys((*group.metrics, *(rule.metric for rule in rules if rule.metric is not None))):
            try:
                raw = value_of(self.declaration.points[name], read)
                value = None if raw is None or isinstance(raw, str) else measured(self.declaration.metrics[name], raw)
            except (RegisterError, ImplausibleError) as error:
                self.tell(name, f"{name}: {error}")
                continue
            if value is not None:
                self.fine(name)
                yield name, value

    def state(self, read: Read, values: Mapping[str, float]) -> tuple[StateWord, str | None] | None:
        """The machine's state and fault code, as far as read; a state without a word is told."""
        points = self.declaration.state
        try:
            found = None if points is None else state_of(points, read, values)
        except RegisterError as error:
            self.tell("state", f"state: {error}")
            return None
        if found is not None:
            self.fine("state")
        return found

    async def _emit_state(self, read: Read, values: Mapping[str, float], emit: Emit) -> None:
        points, found = self.declaration.state, self.state(read, values)
        if points is None or found is None:
            return
        if found == self._state:
            self._coming = None
            return
        seen = self._coming[1] + 1 if self._coming is not None and self._coming[0] == found else 1
        self._coming = found, seen
        if seen < points.shape.polls:
            return
        previous = None if self._state is None else self._state[0]
        await emit(Capture(self.declaration.device, partial(State, state=found[0], previous=previous, code=found[1])))
        self._state, self._coming = found, None  # only now: what could not be kept is a change still
