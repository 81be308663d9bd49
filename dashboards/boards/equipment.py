"""Equipment: states, utilisation, hours, and what the cranes lift in which wind."""

from collections.abc import Sequence
from typing import Final

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Panel

from dashboards import naming, queries
from dashboards.boards import words
from dashboards.boards.board import Board
from dashboards.boards.choices import chosen_site
from dashboards.boards.columns import setting, titled
from dashboards.boards.parts import NOW, bars, course, machine_states, place, sheet, tile
from dashboards.edition import Edition


def _panels(edition: Edition) -> Sequence[Builder[Panel]]:
    hours = [setting("unit", "h"), setting("decimals", 1)]
    return [
        tile(
            edition,
            "Machines working now",
            queries.WORKING_NOW,
            place(0, 0, 8, 4),
            fields={
                "working": titled("working", setting("color", {"mode": "fixed", "fixedColor": words.GOOD})),
                "machines": titled("machines"),
            },
        ),
        tile(
            edition,
            "Utilisation of the site",
            queries.UTILISATION_OF_SITE,
            place(8, 0, 8, 4),
            fields={"percent": titled("utilisation", setting("unit", "percent"), setting("decimals", 0))},
            about="Working hours, of the hours in which machines worked, idled or were faulty.",
        ),
        tile(
            edition,
            "Wind at the cranes, of 15 minutes (limit 12 m/s)",
            queries.CRANE_WIND_NOW,
            place(16, 0, 8, 4),
            fields={
                "wind_mps": titled("highest", setting("unit", "velocityms"), setting("decimals", 1)),
                "state": titled("state", setting("mappings", words.WIND)),
            },
            about="The highest gust that any crane reported. 12 m/s: JGJ 196-2010, tower cranes stop. The maker's limit holds where it is lower.",
            since=NOW,
        ),
        machine_states(edition, place(0, 4, 16, 12)),
        bars(
            edition,
            "Utilisation, by machine",
            queries.UTILISATION,
            place(16, 4, 8, 12),
            about="Working, of working, idle and fault together: off does not count against a machine.",
            good_from=60,
            warn_from=30,
        ),
        sheet(
            edition,
            "Hours",
            queries.HOURS,
            place(0, 16, 12, 12),
            columns={
                "device": titled("machine"),
                "working": titled("working", *hours),
                "idle": titled("idle", *hours),
                "fault": titled("fault", *hours),
                "off": titled("off", *hours),
                "unknown": titled("unknown", *hours),
            },
            about="Of the board's range. Unknown: hours for which no state of the machine has come.",
            since="",
            sort="working",
            down=True,
            as_of="",
        ),
        course(
            edition,
            "Utilisation, by hour",
            queries.UTILISATION_BY_HOUR,
            place(12, 16, 12, 12),
            alias="$tag_device",
            unit="percent",
            top=100,
        ),
        course(edition, "Load on the hook", queries.CRANE_LOAD, place(0, 28, 12, 9), alias="$tag_device", unit="suffix: t"),
        course(
            edition,
            "Wind at the cranes",
            queries.CRANE_WIND,
            place(12, 28, 12, 9),
            alias="$tag_device",
            unit="velocityms",
            limits=[(12, words.BAD)],
            about="Highest gust of each minute; the line is 12 m/s (JGJ 196-2010).",
        ),
    ]


BOARD: Final = Board(
    title=naming.EQUIPMENT,
    reader="Plant managers, who pays the hire",
    answers="Which machine works, idles, is faulty or off, and since when; how many hours of each; is what we hire being used; "
    "what do the cranes lift, and in which wind?",
    reads="Changes of state as they came, up to seven days before the range; hours as tracking sums them; readings of the day by minutes.",
    span="24h",
    refresh="1m",
    variables=lambda: [chosen_site()],
    panels=_panels,
)
