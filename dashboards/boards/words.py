"""Words beside colours: one man in twelve cannot tell red from green, and no colour here is without its word."""

from typing import Final

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import dashboard
from grafana_foundation_sdk.models.dashboard import ValueMap, ValueMappingResult

#: Few colours, of Grafana's palette, that keep apart on a dark wall.
GOOD, WARN, BAD, QUIET, CALM = "green", "orange", "red", "text", "blue"


def _map(**words: tuple[str, str]) -> ValueMap:
    return ValueMap(
        {
            value.lstrip("_"): ValueMappingResult(text=text, color=colour, index=index)
            for index, (value, (text, colour)) in enumerate(words.items())
        }
    )


#: As tracking mirrors them; what is unknown has no number.
RAG: Final = _map(_0=("● on track", GOOD), _1=("▲ at risk", WARN), _2=("■ late", BAD))
MACHINE: Final = _map(working=("● working", GOOD), idle=("◐ idle", WARN), fault=("■ fault", BAD), off=("○ off", "#5a5a62"))
ARRIVAL: Final = _map(
    complete=("● complete", GOOD),
    partial=("◐ partly here", WARN),
    nothing=("○ nothing yet", QUIET),
    late=("■ late", BAD),
)
ONLINE: Final = _map(_1=("● online", GOOD), _0=("■ silent", BAD))
NONE_SILENT: Final = _map(_0=("● none silent", GOOD))
NONE_MISSING: Final = _map(_0=("● none", GOOD))


def ranges(*steps: tuple[float, str, str]) -> list[dashboard.ValueMapping]:
    """Words for ranges of a number: (from, word, colour), upwards; each reaches up to the next."""
    ends = [*(start for start, _, _ in steps[1:]), 1e18]
    return [
        dashboard.RangeMap(
            dashboard.DashboardRangeMapOptions(
                from_val=start,
                to=end - 1e-6 if end < 1e18 else end,
                result=ValueMappingResult(text=word, color=colour, index=index),
            )
        )
        for index, ((start, word, colour), end) in enumerate(zip(steps, ends, strict=True))
    ]


#: Percent of a limit.
LIMIT: Final = ranges((-1e18, "● within the limit", GOOD), (80, "▲ near the limit", WARN), (100, "■ over the limit", BAD))
#: dB(A): GB 12523-2025, boundary of a construction site, at night and by day; Grafana does not know the hour, the reader does.
NOISE: Final = ranges(
    (-1e18, "● quiet day and night", GOOD), (55, "▲ over the limit at night", WARN), (70, "■ over the limit", BAD)
)
#: 12 m/s: JGJ 196-2010 has tower cranes stop; four fifths of it for the warning.
WIND: Final = ranges((-1e18, "● cranes may work", GOOD), (9.6, "▲ wind rises", WARN), (12, "■ cranes stop", BAD))
#: Measures for work in hot weather (China, 2012), articles 8 and 9: from 35, 37 and 40 °C of the day's highest temperature.
WARMTH: Final = ranges(
    (-1e18, "● no limit to work", GOOD),
    (35, "▲ shorter shifts", WARN),
    (37, "▲ at most 6 h outside", WARN),
    (40, "■ no work outside", BAD),
)


def thresholds(*steps: tuple[float | None, str]) -> builders.ThresholdsConfig:
    """Colours from a value on; the first from `None`."""
    return (
        builders.ThresholdsConfig()
        .mode(dashboard.ThresholdsMode.ABSOLUTE)
        .steps([dashboard.Threshold(value=value, color=colour) for value, colour in steps])
    )
