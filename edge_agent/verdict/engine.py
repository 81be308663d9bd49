"""The rules of the answer: what the office knew, what was scanned here since, and the scan. No files, no clock."""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final

from edge_agent.verdict.index import Index
from edge_agent.verdict.verdict import KEPT, Counted, Verdict, of_arrival, of_known, of_unlinked
from plumbline.linking import ANONYMOUS, Identity, Known, Linked, Unlinked, identify, link
from plumbline.material import lacks_certificate

#: Scans that are remembered until the office has counted them; beyond it the oldest are forgotten.
MOST: Final = 20_000
#: A scan that reached the office and is absent from so many manifests after that counts nowhere there, so not here.
_OUTLIVED: Final = 10
#: No label is longer (`plumbline.manifest.Code`).
_LONGEST_LABEL: Final = 256

Elements = Sequence[tuple[str, str]]


@dataclass(slots=True)
class _Taken:
    identity: Identity
    outlived: int = 0
    keys: tuple[tuple[str, str], ...] = ()
    """(line, piece) that it brought first."""


@dataclass(slots=True)
class Engine:
    """Answers scans. Used from one thread.

    What it counts is the office's count and the scans taken here that are not in it yet: those with an identity are told
    by that, the others by the ids of their events.
    """

    index: Index | None = None
    _taken: OrderedDict[str, _Taken] = field(default_factory=OrderedDict[str, _Taken])
    _here: dict[tuple[str, str], Decimal] = field(default_factory=dict[tuple[str, str], Decimal])
    _sums: dict[str, Decimal] = field(default_factory=dict[str, Decimal])

    @property
    def taken(self) -> Mapping[str, Identity]:
        """The scans that are remembered, by event id."""
        return {event_id: taken.identity for event_id, taken in self._taken.items()}

    def identity_of(self, event_id: str) -> Identity | None:
        """What is remembered of a scan."""
        taken = self._taken.get(event_id)
        return None if taken is None else taken.identity

    def judge(self, event_id: str, text: str, gs1: Elements | None, candidates: Sequence[Elements] | None = None) -> Verdict:
        """Answer the scan and count it; `withdraw` takes that back. The same scan again is answered as a repetition."""
        identity = identify(text, gs1)
        if event_id in self._taken:
            self.withdraw(event_id)
        found, counted = self._count(event_id, _small(identity), identity)
        if found is None:
            return KEPT
        if isinstance(found, Known):
            return of_known(found)
        if isinstance(found, Unlinked):
            return of_unlinked(found, candidates, text)
        return of_arrival(counted)

    def remember(self, event_id: str, identity: Identity) -> None:
        """Count a scan of the time before, unless it is known or the office has counted it."""
        if event_id not in self._taken:
            self._count(event_id, identity, identity)
            self._drop(self._confirmed((event_id,)))

    def withdraw(self, event_id: str) -> None:
        """Forget a scan that could not be kept."""
        if event_id not in self._taken:
            return
        brought = self._taken[event_id].keys
        self._drop((event_id,))
        if brought:  # the same piece may have been scanned again, and kept, in between: then that one brought it
            self._recount()

    def adopt(self, index: Index, *, settled: bool) -> Collection[str]:
        """Go on with a newer manifest; returns the scans that need not be remembered any more.

        `settled`: the office has received everything that was scanned here.
        """
        self.index = index
        self._recount()
        for one in self._taken.values():
            one.outlived += settled
        gone = {*self._confirmed(self._taken), *(name for name, one in self._taken.items() if one.outlived >= _OUTLIVED)}
        self._drop(gone)
        return gone

    def _count(
        self, event_id: str, small: Identity, identity: Identity
    ) -> tuple[Linked | Unlinked | Known | None, Sequence[Counted]]:
        taken = self._taken[event_id] = _Taken(small)
        if len(self._taken) > MOST:
            self._drop((next(iter(self._taken)),))
        index = self.index
        if index is None:
            return None, ()
        found = link(identity, index.site, index.catalogue)
        if not isinstance(found, Linked):
            return found, ()
        piece = found.piece_of(event_id)
        counted: list[Counted] = []
        keys: list[tuple[str, str]] = []
        for share in found.shares:
            key = (share.line.id, piece)
            new = key not in self._here and not self._in_office(index, *key)
            if new:
                self._here[key] = share.quantity
                self._sums[share.line.id] = self._sums.get(share.line.id, Decimal(0)) + share.quantity
                keys.append(key)
            arrived = index.arrived[share.line.id] + self._sums.get(share.line.id, Decimal(0))
            counted.append(Counted(share, new, arrived, lacks_certificate(share.line, identity.batch)))
        taken.keys = tuple(keys)
        return found, counted

    def _recount(self) -> None:
        taken, self._taken = self._taken, OrderedDict()
        self._here.clear()
        self._sums.clear()
        for event_id, one in taken.items():
            self._count(event_id, one.identity, one.identity)
            self._taken[event_id].outlived = one.outlived

    def _in_office(self, index: Index, line: str, piece: str) -> bool:
        if piece.startswith(ANONYMOUS):
            return piece[-12:] in index.counted
        return (line, piece) in index.pieces

    def _confirmed(self, event_ids: Iterable[str]) -> list[str]:
        """Scans all of whose pieces the office has counted."""
        index = self.index
        if index is None:
            return []
        confirmed: list[str] = []
        for event_id in event_ids:
            found = link(self._taken[event_id].identity, index.site, index.catalogue)
            if isinstance(found, Linked):
                piece = found.piece_of(event_id)
                if all(self._in_office(index, share.line.id, piece) for share in found.shares):
                    confirmed.append(event_id)
        return confirmed

    def _drop(self, event_ids: Iterable[str]) -> None:
        for event_id in event_ids:
            for line, piece in self._taken.pop(event_id).keys:
                self._sums[line] -= self._here.pop((line, piece))


def _small(identity: Identity) -> Identity:
    """The identity without what no label can hold, so that memory stays bounded."""
    return identity if len(identity.text) <= _LONGEST_LABEL else replace(identity, text="")
