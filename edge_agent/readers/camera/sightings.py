"""One label is one scan: a code that stays in view, or comes back soon, is not scanned again."""

from edge_agent.decode import Symbol


class Sightings:
    """Remembers when each content was last seen, for `repeat_s` seconds; memory is bounded by what was seen in that time."""

    def __init__(self, repeat_s: float) -> None:
        self._repeat_s = repeat_s
        self._last: dict[bytes, float] = {}

    def fresh(self, symbols: list[Symbol], at_s: float) -> list[Symbol]:
        """Those of `symbols` that were not seen in the last `repeat_s` seconds before `at_s`; each counts as seen now."""
        self._last = {key: seen for key, seen in self._last.items() if at_s - seen < self._repeat_s}
        found = distinct(symbols)
        new = [symbol for symbol in found if symbol.bytes not in self._last]
        self._last.update((symbol.bytes, at_s) for symbol in found)
        return new

    def forget(self, symbol: Symbol) -> None:
        """Let `symbol` count as new: its scan could not be kept."""
        self._last.pop(symbol.bytes, None)


def distinct(symbols: list[Symbol]) -> list[Symbol]:
    """One symbol for each content: labels repeat it on several sides of a pallet, and as a bar code and a 2D code."""
    first: dict[bytes, Symbol] = {}
    for symbol in symbols:
        first.setdefault(symbol.bytes, symbol)
    return list(first.values())
