"""Order: one order, its milestones, its material, and the evidence that moved it."""

from collections.abc import Sequence
from typing import Final

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard
from grafana_foundation_sdk.models.dashboard import Panel

from dashboards import naming, queries
from dashboards.boards import words
from dashboards.boards.board import Board
from dashboards.boards.choices import chosen_order, chosen_site
from dashboards.boards.columns import hidden, percentage, setting, titled, when, word
from dashboards.boards.parts import DATASOURCE, LATELY, course, place, sheet, tile
from dashboards.edition import Edition
from dashboards.influxql import Remarks


def _panels(edition: Edition) -> Sequence[Builder[Panel]]:
    wide = setting("custom.minWidth", 180)
    return [
        tile(
            edition,
            "Order",
            queries.ORDER_TITLE,
            place(0, 0, 8, 4),
            fields={"title": titled("order")},
            since=LATELY,
            coloured=words.QUIET,
        ),
        tile(
            edition,
            "State of the order",
            queries.ORDER_NOW,
            place(8, 0, 16, 4),
            fields={
                "rag": titled("state", setting("mappings", [words.RAG])),
                "percent": titled("done", setting("unit", "percent"), setting("decimals", 0)),
                "late": titled("milestones late", setting("mappings", [words.NONE_MISSING]), setting("decimals", 0)),
                "milestones": titled("milestones", setting("decimals", 0)),
            },
            since=LATELY,
        ),
        course(
            edition,
            "Progress, and the evidence for it",
            queries.ORDER_PROGRESS,
            place(0, 4, 24, 9),
            alias="$tag_order",
            unit="percent",
            about="Each mark is a piece of evidence at its own time: point at it to read what was seen.",
            top=100,
        ),
        sheet(
            edition,
            "Milestones of the order",
            queries.ORDER_MILESTONES,
            place(0, 13, 12, 9),
            columns={
                "rag": word("state", words.RAG),
                "title": titled("name", wide),
                "percent": percentage("done"),
                "due": when("due", "time:YYYY-MM-DD"),
                "done_at": when("done at"),
                "milestone": hidden(),
            },
            sort="due",
            as_of="",
        ),
        sheet(
            edition,
            "Material of the order",
            queries.ORDER_MATERIAL,
            place(12, 13, 12, 9),
            columns={
                "title": titled("material", wide),
                "arrived": titled("here"),
                "expected": titled("ordered"),
                "unit": titled("unit"),
                "percent": percentage("percent"),
                "state": word("state", words.ARRIVAL),
                "due": when("due", "time:MM-DD"),
                "line": titled("line"),
            },
            sort="line",
            as_of="",
        ),
        sheet(
            edition,
            "Evidence",
            queries.EVIDENCE,
            place(0, 22, 24, 10),
            columns={
                "Time": titled("at"),
                "milestone": titled("milestone"),
                "kind": titled("kind"),
                "title": titled("what", wide),
                "text": titled("what was seen", setting("custom.minWidth", 240)),
                "device": titled("by device"),
                "quantity": titled("quantity"),
            },
            since="",
            sort="at",
            down=True,
        ),
    ]


def _remarks(edition: Edition) -> Sequence[Builder[dashboard.AnnotationQuery]]:
    query = queries.EVIDENCE_REMARKS.in_words_of(edition.language)
    return [
        builders.AnnotationQuery()
        .name("Evidence")
        .datasource(DATASOURCE)
        .enable(True)
        .hide(False)
        .icon_color(words.CALM)
        .target(Remarks(query, tags=("kind", "device")))
    ]


BOARD: Final = Board(
    title=naming.ORDER,
    reader="Project managers, buyers, who must answer for one order",
    answers="How far is this order, which of its milestones is late, what of its material is here, and what was seen that says so?",
    reads="One order's state of each minute over thirty days (43,200 points): few enough for no rollup. Evidence as it happened.",
    span="30d",
    refresh="1m",
    variables=lambda: [chosen_site(), chosen_order()],
    panels=_panels,
    remarks=_remarks,
)
