"""Gateways and ingest: whether the figures on the other boards are whole."""

from collections.abc import Sequence
from typing import Final

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue, Panel

from dashboards import naming, queries
from dashboards.boards import words
from dashboards.boards.board import Board
from dashboards.boards.choices import chosen_site
from dashboards.boards.columns import Properties, setting, silent_gateways, titled, when, word
from dashboards.boards.parts import NOW, course, place, sheet, tile
from dashboards.edition import Edition


def _alarming(title: str, *others: DynamicConfigValue) -> Properties:
    """A count that should be none; none is said in words."""
    steps = {"mode": "absolute", "steps": [{"value": None, "color": words.GOOD}, {"value": 1, "color": words.BAD}]}
    return titled(
        title, setting("thresholds", steps), setting("mappings", [words.NONE_MISSING]), setting("decimals", 0), *others
    )


def _panels(edition: Edition) -> Sequence[Builder[Panel]]:
    text = setting("custom.cellOptions", {"type": "color-text"})
    return [
        tile(edition, "Gateways", queries.GATEWAYS_SILENT, place(0, 0, 4, 4), fields=silent_gateways(), since=NOW),
        tile(
            edition,
            "Oldest data of a gateway",
            queries.OLDEST_DATA,
            place(4, 0, 4, 4),
            fields={"data_age_s": titled("age", setting("unit", "s"), setting("decimals", 0))},
            about="How far the gateway that is furthest behind is behind.",
            since=NOW,
        ),
        tile(
            edition,
            "Numbers missing and lost",
            queries.LEDGER_SUMS,
            place(8, 0, 6, 4),
            fields={"missing": _alarming("missing"), "lost": _alarming("lost")},
            about="Missing: not come yet, and asked for again. Lost: the gateway says that it has them no more.",
            since=NOW,
        ),
        tile(
            edition,
            "Dead letters waiting",
            queries.DEAD_LETTERS_WAITING,
            place(14, 0, 4, 4),
            fields={"waiting": _alarming("waiting")},
            about="Events set aside with their reason; none is lost: 'plumbline deadletters list' shows them.",
            since=NOW,
        ),
        tile(
            edition,
            "Ingest",
            queries.WORKERS_NOW,
            place(18, 0, 6, 4),
            fields={
                "events_per_s": titled("events", setting("unit", "suffix: /s"), setting("decimals", 0)),
                "workers": titled("workers", setting("decimals", 0)),
            },
            since=NOW,
        ),
        sheet(
            edition,
            "Gateways: data until",
            queries.GATEWAYS,
            place(0, 4, 12, 8),
            columns={
                "gateway": titled("gateway"),
                "online": word("state", words.ONLINE),
                "data_until": when("data until"),
                "data_age_s": titled("behind", setting("unit", "s"), setting("decimals", 0)),
                "last_seen": when("last seen", "dateTimeFromNow"),
                "agent": titled("agent"),
            },
            sort="state",
            as_of="",
        ),
        sheet(
            edition,
            "Gateways: health",
            queries.GATEWAY_HEALTH,
            place(12, 4, 12, 8),
            columns={
                "device": titled("gateway"),
                "readers_failing": _alarming("readers failing", text),
                "readers_total": titled("readers"),
                "queue_business_events": titled("waiting"),
                "disk_free_bytes": titled("disk free", setting("unit", "bytes")),
            },
            about="The last word of each gateway about itself.",
            sort="gateway",
        ),
        sheet(
            edition,
            "Ledger: what came, what is missing",
            queries.LEDGER,
            place(0, 12, 16, 8),
            columns={
                "gateway": titled("gateway"),
                "class": titled("class"),
                "received": titled("received"),
                "missing": _alarming("missing", text),
                "lost": _alarming("lost", text),
                "duplicate": titled("came again"),
                "late": titled("came late"),
                "thinned": titled("thinned out"),
                "dead": titled("dead letters"),
                "watermark_age_s": titled("watermark behind", setting("unit", "s"), setting("decimals", 0)),
            },
            about="Each event of a gateway is numbered without holes; the watermark is the number up to which all have come.",
            sort="gateway",
        ),
        sheet(
            edition,
            "Dead letters, by reason",
            queries.DEAD_LETTERS,
            place(16, 12, 8, 8),
            columns={
                "reason": titled("reason"),
                "site": titled("site"),
                "waiting": _alarming("waiting", text),
                "replayed": titled("taken in since"),
            },
            about="What each reason means and what to do: docs/deadletters.md.",
            sort="waiting",
            down=True,
            as_of="",
        ),
        course(
            edition,
            "Events a second, by worker",
            queries.of_workers("events_per_s"),
            place(0, 20, 8, 8),
            alias="$tag_worker",
            unit="suffix: /s",
        ),
        course(
            edition,
            "Lag of ingest, by worker",
            queries.of_workers("lag_s"),
            place(8, 20, 8, 8),
            alias="$tag_worker",
            unit="s",
            about="From a gateway's sending to the commit.",
        ),
        course(
            edition,
            "Missing numbers, by gateway",
            queries.MISSING_OVER_TIME,
            place(16, 20, 8, 8),
            alias="$tag_gateway $tag_class",
            unit="short",
        ),
        sheet(
            edition,
            "Workers",
            queries.WORKERS,
            place(0, 28, 16, 6),
            columns={
                "worker": titled("worker"),
                "events_per_s": titled("events a second", setting("decimals", 0)),
                "lag_s": titled("lag", setting("unit", "s")),
                "commit_p99_s": titled("commit, 99 %", setting("unit", "s")),
                "queue": titled("waiting"),
                "store_errors": _alarming("errors of the store", text),
            },
            sort="worker",
        ),
        course(
            edition,
            "Waiting in ingest, by worker",
            queries.of_workers("queue"),
            place(16, 28, 8, 6),
            alias="$tag_worker",
            unit="short",
        ),
    ]


BOARD: Final = Board(
    title=naming.GATEWAYS,
    reader="Who runs Plumbline: IT of the site and of the company",
    answers="Is every gateway online and how far behind is it, is any event missing, lost, late or set aside, and does ingest keep up?",
    reads="What ingest writes of itself each minute (workers each ten seconds), the newest of it; six hours for the courses.",
    span="6h",
    refresh="30s",
    variables=lambda: [chosen_site()],
    panels=_panels,
)
