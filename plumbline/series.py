"""The contract of a time-series store: points in, heat and histories out.

Implementations: `ingest.series.influx` (InfluxDB 1.x, 2.x, 3 Core) and `ingest.series.embedded` (one DuckDB file);
`tests/contract/` runs one suite on both. Ingest writes through `SeriesWriter`; the wall reads through `SeriesReader`, which
the command hands to the tracking service.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, Protocol, runtime_checkable

from msgspec import Struct

from plumbline.errors import PlumblineError
from plumbline.rollup import Span
from plumbline.site import Source

FieldValue = float | int | bool | str

MIRRORED: Final = frozenset(
    {
        *("material", "delivery", "milestone", "evidence", "order", "site_state", "utilisation", "people"),
        *("gateway", "ledger", "dead_letter", "ingest"),
    }
)
"""What our own services know, as measurements for boards (tracking's, then ingest's): no device may call its own so."""


class Point(Struct, frozen=True):
    """One row of a series. Points with equal measurement, tags and `at` are one point; the last written fields win."""

    measurement: str
    tags: Mapping[str, str]
    """Few values each: `site`, `zone`, `device`, `cell`, `source`. An empty value is no tag. Never changed once it is here."""
    fields: Mapping[str, FieldValue]
    at: int
    """UTC, nanoseconds since 1970."""


class Measured(Point, frozen=True):
    """A point of which the maker vouches that every field is a finite float under a name (`plumbline.ids.is_name`).

    Stores need not look at each of its values. What msgspec decoded as `dict[Name, float]` from JSON is such a thing.
    """


class RefusedPoint(NamedTuple):
    """A point that the store will never take, and why."""

    point: Point
    reason: str


class HeatCell(NamedTuple):
    """How much was going on in a cell during a window."""

    cell: str
    source: Source
    lat: float
    lon: float
    weight: float
    """Minutes of presence: the number of (device, minute) pairs seen in the cell. Of noise and dust each minute counts by the
    share of the legal limit that the device measured: 60 is an hour at the limit (`ingest.heat.limits`)."""


class LatestRow(NamedTuple):
    """The newest point of a device in a measurement."""

    device: str
    zone: str | None
    at: int
    fields: Mapping[str, FieldValue]


class Bucket(NamedTuple):
    """A metric of one device over one interval of a history."""

    device: str
    start: int
    mean: float
    minimum: float
    maximum: float
    samples: int


class SeriesUnavailableError(PlumblineError):
    """The store cannot be reached, is overloaded or does not let us in; trying again later is right, no point was decided."""

    def __init__(self, message: str, *, wait_s: float = 0.0, ours: bool = False) -> None:
        """`wait_s`: seconds that the store asks to be left alone. `ours`: only a changed setting or right will help."""
        super().__init__(message)
        self.wait_s = wait_s
        self.ours = ours


class SeriesWriter(Protocol):
    """Where ingest puts points."""

    async def write(self, points: Sequence[Point]) -> Sequence[RefusedPoint]:
        """Store the points durably and return those that the store refuses for good (all others are stored).

        Called with up to some ten thousand points. Calls may overlap: points of one series are stored in the order of the
        calls. Writing the same points again changes nothing. Raises `SeriesUnavailableError` where a later try may succeed:
        each point of that call may be stored or not, and calls that waited behind it fail as well. So who repeats the
        failed calls one after the other, in their order, keeps the order of each series. A call that is cancelled is
        carried to its end all the same.
        """
        ...


class SeriesReader(Protocol):
    """What the wall and the API ask. Windows are half-open: start included, end not. All raise `SeriesUnavailableError`."""

    async def heat(self, site: str, start: int, end: int) -> Sequence[HeatCell]:
        """Heat per cell and source of the minutes that begin in a window, in no particular order (`plumbline.heat`)."""
        ...

    async def latest(self, site: str, measurement: str, since: int) -> Sequence[LatestRow]:
        """The newest point of each device since a time, sorted by device."""
        ...

    async def history(
        self, site: str, measurement: str, field: str, *, start: int, end: int, every_ns: int, device: str | None = None
    ) -> Sequence[Bucket]:
        """A numeric field in equal intervals (aligned to 1970), by device then time; intervals without points are absent.

        Answered from the rollups as far as they are complete and the intervals can be put together from theirs: long
        windows cost what their intervals do, and what of them is older than the raw points is still known by the minute.
        """
        ...


@runtime_checkable
class SeriesRollups(Protocol):
    """What the keeper of rollups and of retention asks of a store (`ingest.rollups`). All raise `SeriesUnavailableError`."""

    async def rolled(self, site: str, measurement: str, span: Span, *, start: int, end: int) -> Sequence[Point]:
        """The points of `plumbline.rollup.rolled(measurement, span)` that begin in a window, computed anew and not stored.

        From the raw points or the next finer rollup, as they are at this moment; `start` and `end` are whole spans.
        """
        ...

    async def earliest(self, site: str, measurement: str) -> int | None:
        """The time of the oldest point (ns)."""
        ...

    async def forget(self, measurement: str, before: int) -> None:
        """Delete the points of all sites that are older. What is written meanwhile goes on; room is given back later."""
        ...


class SeriesStore(SeriesWriter, SeriesReader, SeriesRollups, Protocol):
    """A whole store: all sides, and its end."""

    async def aclose(self) -> None:
        """Finish what was accepted and let go of files and connections."""
        ...
