"""`decode`: a picture in, its symbols out."""

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from edge_agent.decode.gs1_elements import elements_of
from edge_agent.decode.ladder import Budget, climb
from edge_agent.decode.picture import load_gray
from edge_agent.decode.symbol import Symbol


def decode(image: NDArray[Any] | Path | bytes, *, budget_ms: float = 250) -> list[Symbol]:
    """Read every code in `image`, top to bottom, then left to right.

    `image` is a picture file (`Path`), its content (`bytes`) or a grey or BGR frame (array of uint8). `budget_ms` bounds
    the search in hard pictures; easy ones take a few milliseconds. Thread-safe; the engines release the GIL. Raises
    `DecodeError` where there is no picture to search; a picture without a code gives an empty list.
    """
    gray = load_gray(image)
    symbols = [
        Symbol(r.format, r.text, r.bytes, r.identifier, elements_of(r), r.points, r.engine)
        for r in (claim.reading for claim in climb(gray, Budget(budget_ms)))
    ]
    return sorted(symbols, key=lambda s: (min(y for _, y in s.points), min(x for x, _ in s.points)))
