"""Company: all sites side by side, each a click from its wall."""

from collections.abc import Sequence
from typing import Final

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Panel

from dashboards import naming, queries
from dashboards.boards import words
from dashboards.boards.board import Board
from dashboards.boards.columns import counts, link, setting, silent_gateways, titled, word
from dashboards.boards.parts import NOW, bars, course, place, sheet, tile
from dashboards.edition import Edition


def _panels(edition: Edition) -> Sequence[Builder[Panel]]:
    wall = link("The site's wall", naming.address(naming.SITE_WALL, site="${__data.fields.site}"))
    return [
        tile(
            edition,
            "Sites and orders",
            queries.COMPANY_SITES,
            place(0, 0, 6, 4),
            fields={"sites": titled("sites"), "orders": titled("orders")},
            since=NOW,
        ),
        tile(edition, "People on site", queries.COMPANY, place(6, 0, 4, 4), fields={"people": titled("people")}, since=NOW),
        tile(edition, "Milestones", queries.COMPANY_MILESTONES, place(10, 0, 10, 4), fields=counts(), since=NOW),
        tile(edition, "Gateways", queries.COMPANY_SILENT, place(20, 0, 4, 4), fields=silent_gateways(), since=NOW),
        sheet(
            edition,
            "Sites, worst first: a click on one leads to its wall",
            queries.SITES,
            place(0, 4, 24, 14),
            columns={
                "site": titled("site", wall),
                "title": titled("name", setting("custom.minWidth", 240), wall),
                "rag": word("state", words.RAG),
                "on_time_rate": titled("in time", setting("unit", "percent"), setting("decimals", 0)),
                "milestones_red": titled("late"),
                "milestones_yellow": titled("at risk"),
                "milestones_green": titled("on track"),
                "milestones_unknown": titled("unknown"),
                "orders": titled("orders"),
                "people": titled("people"),
                "gateways_online": titled("gateways online"),
                "gateways": titled("of"),
            },
            about="A site that no longer reports stays for a day; 'as of' says when it last did.",
            sort="state",
            down=True,
        ),
        bars(
            edition,
            "Milestones done in time, by site",
            queries.ON_TIME_BY_SITE,
            place(0, 18, 8, 10),
            value="on_time_rate",
            about="Of the milestones finished in 90 days.",
            since="24h",
            good_from=90,
            warn_from=75,
        ),
        course(
            edition,
            "Milestones late, by site",
            queries.LATE_BY_SITE,
            place(8, 18, 8, 10),
            alias="$tag_site",
            unit="short",
            interval="15m",
        ),
        course(
            edition,
            "People on site, by site",
            queries.PEOPLE_BY_SITE,
            place(16, 18, 8, 10),
            alias="$tag_site",
            unit="short",
            interval="15m",
        ),
    ]


BOARD: Final = Board(
    title=naming.COMPANY,
    reader="Management, head office",
    answers="Which site is in trouble, does each keep its dates, how many people are out there, and do all sites still report?",
    reads="One point a site and minute (`site_state`) over seven days, in steps of a quarter of an hour.",
    span="7d",
    refresh="1m",
    panels=_panels,
)
