"""Site wall: fits a screen of 1920 x 1080 without scrolling; figures for five metres, tables for who steps closer."""

from collections.abc import Sequence
from typing import Final

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Panel

from dashboards import naming, queries
from dashboards.boards import words
from dashboards.boards.board import Board
from dashboards.boards.choices import chosen_site, chosen_source
from dashboards.boards.columns import counts, hidden, link, percentage, setting, silent_gateways, titled, when, word
from dashboards.boards.parts import NOW, heat_map, machine_states, place, sheet, tile
from dashboards.edition import Edition

#: Device-minutes in a cell that are drawn at full strength: one device there for half of the hour that the board shows (or
#: two for a quarter); of noise and dust half an hour at the limit.
_FULL_HEAT: Final = 30


def _panels(edition: Edition) -> Sequence[Builder[Panel]]:
    order = link("This order", naming.address(naming.ORDER, site="${site}", order="${__data.fields.order}"))
    return [
        tile(edition, "People on site", queries.PEOPLE_NOW, place(0, 0, 4, 4), fields={"on_site": titled("people")}, since=NOW),
        tile(edition, "Milestones", queries.MILESTONE_COUNTS, place(4, 0, 8, 4), fields=counts(), since=NOW),
        tile(
            edition,
            "Milestones done in time",
            queries.ON_TIME_RATE,
            place(12, 0, 4, 4),
            fields={"on_time_rate": titled("in time", setting("unit", "percent"), setting("decimals", 0))},
            about="Of the milestones finished in 90 days.",
            since=NOW,
        ),
        tile(edition, "Gateways", queries.GATEWAYS_SILENT, place(16, 0, 4, 4), fields=silent_gateways(), since=NOW),
        tile(
            edition,
            "All data until",
            queries.DATA_UNTIL,
            place(20, 0, 4, 4),
            fields={"data_until": when("data until")},
            about="What happened before this time is here from every gateway; later figures may still grow.",
            since=NOW,
        ),
        heat_map(
            edition,
            queries.HEAT,
            place(0, 4, 13, 14),
            title="Where the work is",
            about="People, machines and scans: minutes that each was in a cell of the site's grid, added up. "
            "Noise and dust: minutes times the share of the legal limit.",
            full=_FULL_HEAT,
        ),
        sheet(
            edition,
            "Milestones, latest first",
            queries.MILESTONES,
            place(13, 4, 11, 8),
            columns={
                "rag": word("state", words.RAG),
                "title": titled("name", setting("custom.minWidth", 180)),
                "percent": percentage("done"),
                "due": when("due", "time:MM-DD"),
                "order": titled("order", order),
                "milestone": hidden(),
            },
            sort="state",
            down=True,
            as_of="",
        ),
        sheet(
            edition,
            "Deliveries today",
            queries.DELIVERIES,
            place(13, 12, 11, 6),
            columns={
                "state": word("state", words.ARRIVAL),
                "title": titled("material", setting("custom.minWidth", 160)),
                "arrived_today": titled("came today"),
                "arrived": titled("here"),
                "expected": titled("ordered"),
                "unit": titled("unit"),
                "last_at": when("last came", "time:HH:mm"),
                "order": titled("order", order),
                "line": hidden(),
            },
            about="Lines due today, and what else came today.",
            since=NOW,
            sort="order",
            as_of="",
        ),
        sheet(
            edition,
            "What has arrived, of what was ordered",
            queries.MATERIAL,
            place(0, 18, 10, 10),
            columns={
                "title": titled("material", setting("custom.minWidth", 160)),
                "arrived": titled("here"),
                "expected": titled("ordered"),
                "unit": titled("unit"),
                "percent": percentage("percent"),
                "state": word("state", words.ARRIVAL),
                "due": when("due", "time:MM-DD"),
                "order": titled("order", order),
                "line": hidden(),
            },
            sort="percent",
            as_of="",
        ),
        machine_states(edition, place(10, 18, 7, 10), since="12h"),
        sheet(
            edition,
            "Gateways: data until",
            queries.GATEWAYS,
            place(17, 18, 7, 10),
            columns={
                "gateway": titled("gateway"),
                "online": word("state", words.ONLINE),
                "data_until": when("data until", "dateTimeFromNow"),
                "data_age_s": hidden(),
                "last_seen": hidden(),
                "agent": hidden(),
            },
            sort="state",
            as_of="",
        ),
    ]


BOARD: Final = Board(
    title=naming.SITE_WALL,
    reader="Everybody in the site office: a wall screen that nobody touches",
    answers="Where is the work now, what has arrived of what was ordered, which milestone is late, what comes today, "
    "what do the machines do, how many people are here, and can I trust the figures: which gateway is silent?",
    reads="An hour of the heat by minutes, state of the last minutes: little enough to be asked every ten seconds.",
    span="1h",
    refresh="10s",
    variables=lambda: [chosen_site(), chosen_source()],
    panels=_panels,
)
