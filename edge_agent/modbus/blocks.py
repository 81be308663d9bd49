"""Which registers are read in one request."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from edge_agent.modbus.point import Point
from plumbline.profile.modbus import ModbusShape, Table


@dataclass(frozen=True, slots=True)
class Block:
    """One request: `count` registers or bits of `table` from `address`, and the spans (first, behind) wanted of them."""

    table: Table
    address: int
    count: int
    spans: tuple[tuple[int, int], ...]

    @property
    def end(self) -> int:
        """The address behind it."""
        return self.address + self.count


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one request may ask for."""

    registers: int = 125
    bits: int = 2000
    gap: int = 8
    """Addresses that nobody wants and that are read along all the same; of bits sixteen times as many."""
    holes: tuple[tuple[Table, int, int], ...] = field(default=())
    """Table, first and last address that must never be read."""

    @classmethod
    def of(cls, shape: ModbusShape) -> "Limits":
        """Those of a kind of device."""
        holes: tuple[tuple[Table, int, int], ...] = tuple(
            (one.table or shape.table, one.first, one.last) for one in shape.holes
        )
        return cls(registers=shape.max_registers, bits=shape.max_bits, gap=shape.gap, holes=holes)

    def most(self, table: Table) -> int:
        """The longest block."""
        return self.bits if table in {"coil", "discrete"} else self.registers

    def may_join(self, table: Table, behind: int, first: int) -> bool:
        """Whether the addresses from `behind` to before `first` may be read along."""
        gap = self.gap * 16 if table in {"coil", "discrete"} else self.gap
        return first - behind <= gap and not self.in_hole(table, behind, first)

    def in_hole(self, table: Table, first: int, behind: int) -> bool:
        """Whether one of the addresses from `first` to before `behind` must not be read."""
        return any(table == where and low < behind and high >= first for where, low, high in self.holes)


def blocks(points: Iterable[Point], limits: Limits) -> list[Block]:
    """The requests that read all `points`, each value within one of them so that it is never torn."""
    wanted: dict[Table, set[tuple[int, int]]] = {}
    for point in points:
        wanted.setdefault(point.table, set()).add((point.address, point.end))
    return [block for table, spans in sorted(wanted.items()) for block in _joined(table, sorted(spans), limits)]


def _joined(table: Table, spans: Sequence[tuple[int, int]], limits: Limits) -> list[Block]:
    made: list[Block] = []
    for first, behind in spans:
        last = made[-1] if made else None
        if (
            last is not None
            and limits.may_join(table, last.end, first)
            and max(last.end, behind) - last.address <= limits.most(table)
        ):
            made[-1] = Block(table, last.address, max(last.end, behind) - last.address, (*last.spans, (first, behind)))
        else:
            made.append(Block(table, first, behind - first, ((first, behind),)))
    return made


def parts(block: Block) -> Sequence[Block]:
    """A refused block in smaller ones: at its gaps where it has some, else in halves; as it is where it holds one value."""
    runs: list[list[tuple[int, int]]] = [[block.spans[0]]]
    behind = block.spans[0][1]
    for _, span in pairwise(block.spans):
        if span[0] > behind:
            runs.append([])
        runs[-1].append(span)
        behind = max(behind, span[1])
    if len(runs) == 1 and len(block.spans) > 1:
        half = len(block.spans) // 2
        runs = [list(block.spans[:half]), list(block.spans[half:])]
    return [_block(block.table, run) for run in runs]


def _block(table: Table, spans: Sequence[tuple[int, int]]) -> Block:
    first, behind = spans[0][0], max(end for _, end in spans)
    return Block(table, first, behind - first, tuple(spans))
