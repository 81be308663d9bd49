"""Material arrivals: what is here, what is missing, and how fast it comes."""

from collections.abc import Sequence
from typing import Final

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Panel

from dashboards import naming, queries
from dashboards.boards import words
from dashboards.boards.board import Board
from dashboards.boards.choices import chosen_site
from dashboards.boards.columns import link, percentage, setting, titled, when, word
from dashboards.boards.parts import LATELY, NOW, bars, course, place, sheet, tile
from dashboards.edition import Edition


def _panels(edition: Edition) -> Sequence[Builder[Panel]]:
    order = link("This order", naming.address(naming.ORDER, site="${site}", order="${__data.fields.order}"))
    wide = setting("custom.minWidth", 180)
    return [
        tile(
            edition,
            "Order lines, and how much of them is here",
            queries.LINES,
            place(0, 0, 8, 4),
            fields={"lines": titled("lines"), "percent": titled("arrived", setting("unit", "percent"), setting("decimals", 0))},
            since=LATELY,
        ),
        tile(
            edition, "Deliveries today", queries.DELIVERY_LINES, place(8, 0, 8, 4), fields={"lines": titled("lines")}, since=NOW
        ),
        tile(
            edition,
            "All data until",
            queries.DATA_UNTIL,
            place(16, 0, 8, 4),
            fields={"data_until": when("data until")},
            about="What happened before this time is here from every gateway; later figures may still grow.",
            since=NOW,
        ),
        bars(
            edition,
            "Arrived, by order",
            queries.ARRIVED_BY_ORDER,
            place(0, 4, 8, 12),
            about="The mean of the order's lines, each counting alike whatever its unit.",
            since=LATELY,
        ),
        sheet(
            edition,
            "Deliveries today: due, and come",
            queries.DELIVERIES,
            place(8, 4, 16, 12),
            columns={
                "title": titled("material", wide),
                "arrived_today": titled("came today"),
                "arrived": titled("here"),
                "expected": titled("ordered"),
                "unit": titled("unit"),
                "state": word("state", words.ARRIVAL),
                "last_at": when("last came", "time:HH:mm"),
                "order": titled("order", order),
                "line": titled("line"),
            },
            since=NOW,
            sort="order",
        ),
        sheet(
            edition,
            "Every line: here, of what was ordered",
            queries.MATERIAL,
            place(0, 16, 24, 14),
            columns={
                "title": titled("material", wide),
                "arrived": titled("here"),
                "expected": titled("ordered"),
                "unit": titled("unit"),
                "percent": percentage("percent"),
                "state": word("state", words.ARRIVAL),
                "due": when("due", "time:YYYY-MM-DD"),
                "order": titled("order", order),
                "line": titled("line"),
            },
            sort="due",
        ),
        course(
            edition,
            "Arrived, over time",
            queries.ARRIVED_OVER_TIME,
            place(0, 30, 24, 10),
            alias="$tag_order",
            unit="percent",
            about="Mean of each order's lines.",
            interval="1h",
            top=100,
        ),
    ]


BOARD: Final = Board(
    title=naming.MATERIAL,
    reader="Site logistics, storekeepers, project managers",
    answers="Which order waits for what, what is due today and has it come, how much of each line is here, and how fast does it come?",
    reads="State as it was last written (each minute); the course of a week in steps of an hour, asked every minute only.",
    span="7d",
    refresh="1m",
    variables=lambda: [chosen_site()],
    panels=_panels,
)
