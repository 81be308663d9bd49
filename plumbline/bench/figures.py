"""What a benchmark says: medians, tails, ratios."""

import math
from collections.abc import Sequence
from typing import Any, cast

from rich.console import Console
from rich.table import Table


def percentile(sorted_values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile of ascending values; NaN where there are none."""
    if not sorted_values:
        return float("nan")
    return sorted_values[max(0, math.ceil(len(sorted_values) * share) - 1)]


def spread_ms(seconds: Sequence[float]) -> dict[str, float]:
    """Median, 99th percentile and worst of some durations, in milliseconds."""
    ordered = sorted(seconds)
    return {
        "n": len(ordered),
        "p50_ms": round(percentile(ordered, 0.5) * 1000, 2),
        "p99_ms": round(percentile(ordered, 0.99) * 1000, 2),
        "max_ms": round((ordered[-1] if ordered else float("nan")) * 1000, 2),
    }


def slope(samples: Sequence[tuple[float, float]]) -> float:
    """How much the second value grows with each one of the first, by least squares."""
    n = len(samples)
    mean_x, mean_y = sum(x for x, _ in samples) / n, sum(y for _, y in samples) / n
    spread = sum((x - mean_x) ** 2 for x, _ in samples)
    return sum((x - mean_x) * (y - mean_y) for x, y in samples) / spread if spread else 0.0


def show(title: str, figures: dict[str, Any]) -> None:
    """Print figures as a table, nested ones with dots."""
    table = Table("figure", "value", title=title, title_justify="left")
    for name, value in _flat("", figures):
        table.add_row(name, f"{value:,}" if isinstance(value, int | float) else str(value))
    Console().print(table)


def _flat(prefix: str, figures: dict[str, Any]) -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for name, value in figures.items():
        rows += (
            _flat(f"{prefix}{name}.", cast("dict[str, Any]", value)) if isinstance(value, dict) else [(prefix + name, value)]
        )
    return rows
