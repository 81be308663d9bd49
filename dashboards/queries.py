"""What the boards ask, apart from how it is drawn.

Which resolution is read is settled here, board by board, not by Grafana: state (`milestone`, `order`, ...) is written once a
minute; readings are read raw for what holds now, as `_1m` for a day, so that a wall that asks every ten seconds reads
1,440 points a device and day instead of 86,400; heat is summed from its minutes, at most the hour that the wall shows.
"""

from typing import Final

from dashboards.influxql import (
    Query,
    count,
    field,
    highest,
    last,
    lowest,
    mean,
    more_than,
    site_or_unknown,
    tag_among,
    tag_chosen,
    tag_is,
    total,
)

#: Machines are parked for nights, weekends and holidays: what they did last may be this long ago.
PARKED: Final = "7d"

# Site wall
HEAT: Final = Query(
    source="heat",
    columns=(mean("lat"), mean("lon"), total("weight")),
    group_by=("cell",),
    where=(tag_among("source", "source"),),
)
PEOPLE_NOW: Final = Query(source="people", columns=(last("on_site"),), where=(tag_is("zone", "all"),))
MILESTONE_COUNTS: Final = Query(
    source="site_state",
    columns=(field("milestones_red"), field("milestones_yellow"), field("milestones_green"), field("milestones_unknown")),
    newest=True,
)
ON_TIME_RATE: Final = Query(source="site_state", columns=(field("on_time_rate"),), newest=True)
GATEWAYS_SILENT: Final = Query(source="site_state", columns=((last("gateways") - last("gateways_online")).named("silent"),))
DATA_UNTIL: Final = Query(
    source=Query(source="gateway", columns=(last("data_until"),), group_by=("gateway",)),
    columns=(lowest("data_until"),),
)
MILESTONES: Final = Query(
    source="milestone",
    columns=(field("rag"), field("title"), field("percent"), field("due")),
    group_by=("order", "milestone"),
    newest=True,
)
DELIVERIES: Final = Query(
    source="delivery",
    columns=(
        field("title"),
        field("arrived_today"),
        field("arrived"),
        field("expected"),
        field("unit"),
        field("state"),
        field("last_at"),
    ),
    group_by=("order", "line"),
    newest=True,
)
MATERIAL: Final = Query(
    source="material",
    columns=(
        field("title"),
        field("arrived"),
        field("expected"),
        field("unit"),
        field("percent"),
        field("state"),
        field("due"),
    ),
    group_by=("order", "line"),
    newest=True,
)

# Machines
STATES: Final = Query(source="state", columns=(field("state"),), group_by=("device",), before=PARKED)
WORKING_NOW: Final = Query(
    source=Query(source="state", columns=(last("working"),), group_by=("device",), before=PARKED),
    columns=(total("working"), count("working").named("machines")),
)
_PRODUCTIVE: Final = total("working_s") + total("idle_s") + total("fault_s")
UTILISATION: Final = Query(
    source="utilisation",
    columns=((total("working_s") / _PRODUCTIVE * 100).named("percent"),),
    group_by=("device",),
)
UTILISATION_OF_SITE: Final = Query(source="utilisation", columns=UTILISATION.columns)
UTILISATION_BY_HOUR: Final = Query(source="utilisation", columns=(mean("percent"),), group_by=("device",), every="1h")
HOURS: Final = Query(
    source="utilisation",
    columns=tuple((total(f"{state}_s") / 3600).named(state) for state in ("working", "idle", "fault", "off", "unknown")),
    group_by=("device",),
)
CRANE_LOAD: Final = Query(
    source="equipment_1m", columns=(highest("load_t_max").named("load_t"),), group_by=("device",), every="$__interval"
)
CRANE_WIND: Final = Query(
    source="equipment_1m", columns=(highest("wind_mps_max").named("wind_mps"),), group_by=("device",), every="$__interval"
)
CRANE_WIND_NOW: Final = Query(source="equipment", columns=(highest("wind_mps"), highest("wind_mps").named("state")))

# Material
ARRIVED_BY_ORDER: Final = Query(
    source=Query(source="material", columns=(last("percent"),), group_by=("order", "line")),
    columns=(mean("percent"),),
    group_by=("order",),
)
LINES: Final = Query(
    source=Query(source="material", columns=(last("percent"),), group_by=("order", "line")),
    columns=(count("percent").named("lines"), mean("percent")),
)
DELIVERY_LINES: Final = Query(
    source=Query(source="delivery", columns=(last("expected"),), group_by=("order", "line")),
    columns=(count("expected").named("lines"),),
)
#: First each line's last word of a step, then the mean of lines: a line that changes often is written often, and counts once.
ARRIVED_OVER_TIME: Final = Query(
    source=Query(source="material", columns=(last("percent"),), group_by=("order", "line"), every="$__interval"),
    columns=(mean("percent"),),
    group_by=("order",),
    every="$__interval",
)


# Environment
#: Wind is measured by stations, and by cranes at their jibs.
WIND: Final = ("environment", "equipment")


def mean_against(metric: str, limit: float) -> Query:
    """The mean of the range at the sensor where it is highest, and the same as a percentage of a limit."""
    return Query(
        source=Query(source="environment_1m", columns=(mean(f"{metric}_mean").named("value"),), group_by=("device",)),
        columns=(highest("value"), (highest("value") / limit * 100).named("state")),
    )


def highest_now(metric: str) -> Query:
    """The highest reading of any sensor (for each of its measurements) twice: as a figure and, by ranges, as a word."""
    return Query(
        source=WIND if metric == "wind_mps" else "environment",
        columns=(highest(metric).named("value"), highest(metric).named("state")),
    )


def minutes(metric: str, *, peak: bool = False) -> Query:
    """A metric of the environment over the range, from its minutes: means, or their highest values."""
    column = highest(f"{metric}_max") if peak else mean(f"{metric}_mean")
    source = tuple(f"{name}_1m" for name in WIND) if metric == "wind_mps" else "environment_1m"
    return Query(source=source, columns=(column.named(metric),), group_by=("device",), every="$__interval")


SENSORS: Final = Query(
    source="environment",
    columns=(last("pm2_5"), last("pm10"), last("noise_db"), last("temperature_c"), last("humidity"), last("wind_mps")),
    group_by=("device",),
)

# Gateways and ingest
GATEWAYS: Final = Query(
    source="gateway",
    columns=(field("online"), field("data_until"), field("data_age_s"), field("last_seen"), field("agent")),
    group_by=("gateway",),
    newest=True,
)
GATEWAY_HEALTH: Final = Query(
    source="gateway_health",
    columns=(field("readers_failing"), field("readers_total"), field("queue_business_events"), field("disk_free_bytes")),
    group_by=("device",),
    newest=True,
)
OLDEST_DATA: Final = Query(
    source=Query(source="gateway", columns=(last("data_age_s"),), group_by=("gateway",)), columns=(highest("data_age_s"),)
)
LEDGER: Final = Query(
    source="ledger",
    columns=tuple(map(field, ("received", "missing", "lost", "duplicate", "late", "thinned", "dead", "watermark_age_s"))),
    group_by=("gateway", "class"),
    newest=True,
)
LEDGER_SUMS: Final = Query(
    source=Query(source="ledger", columns=(last("missing"), last("lost")), group_by=("gateway", "class")),
    columns=(total("missing"), total("lost")),
)
MISSING_OVER_TIME: Final = Query(
    source="ledger", columns=(highest("missing"),), group_by=("gateway", "class"), every="$__interval"
)
DEAD_LETTERS: Final = Query(
    source="dead_letter",
    columns=(field("waiting"), field("replayed")),
    group_by=("reason", "site"),
    where=(site_or_unknown(),),
    newest=True,
    all_sites=True,
)
DEAD_LETTERS_WAITING: Final = Query(
    source=Query(
        source="dead_letter",
        columns=(last("waiting"),),
        group_by=("reason", "site"),
        where=(site_or_unknown(),),
        all_sites=True,
    ),
    columns=(total("waiting"),),
)
WORKERS_NOW: Final = Query(
    source=Query(source="ingest", columns=(last("events_per_s"),), group_by=("worker",)),
    columns=(total("events_per_s"), count("events_per_s").named("workers")),
)
WORKERS: Final = Query(
    source="ingest",
    columns=tuple(map(field, ("events_per_s", "lag_s", "commit_p99_s", "queue", "store_errors"))),
    group_by=("worker",),
    newest=True,
)


def of_workers(name: str) -> Query:
    """What ingest's workers say of themselves, over the range."""
    return Query(source="ingest", columns=(highest(name),), group_by=("worker",), every="$__interval")


# Order
_THIS = (tag_chosen("order", "order"),)
ORDER_NOW: Final = Query(
    source="order", columns=(field("rag"), field("percent"), field("late"), field("milestones")), where=_THIS, newest=True
)
ORDER_TITLE: Final = Query(source="order", columns=(field("title"),), where=_THIS, newest=True)
ORDER_PROGRESS: Final = Query(
    source="order", columns=(last("percent"),), group_by=("order",), every="$__interval", fill="previous", where=_THIS
)
ORDER_MILESTONES: Final = Query(
    source="milestone",
    columns=(field("rag"), field("title"), field("percent"), field("due"), field("done_at")),
    group_by=("milestone",),
    where=_THIS,
    newest=True,
)
ORDER_MATERIAL: Final = Query(source="material", columns=MATERIAL.columns, group_by=("line",), where=_THIS, newest=True)
#: Evidence that was withdrawn (by a correction, or as a scan of one piece that counts elsewhere) stays as a point of quantity 0.
_COUNTED: Final = (*_THIS, more_than("quantity", 0))
EVIDENCE: Final = Query(
    source="evidence",
    columns=tuple(map(field, ("milestone", "kind", "title", "text", "device", "quantity"))),
    where=_COUNTED,
)
EVIDENCE_REMARKS: Final = Query(
    source="evidence", columns=tuple(map(field, ("title", "text", "kind", "device"))), where=_COUNTED
)

# Company
SITES: Final = Query(
    source="site_state",
    columns=tuple(
        map(
            field,
            (
                "title",
                "rag",
                "on_time_rate",
                "milestones_red",
                "milestones_yellow",
                "milestones_green",
                "milestones_unknown",
                "orders",
                "people",
                "gateways_online",
                "gateways",
            ),
        )
    ),
    group_by=("site",),
    newest=True,
    all_sites=True,
)
COMPANY: Final = Query(
    source=Query(
        source="site_state",
        columns=tuple(
            map(
                last,
                (
                    "people",
                    "orders",
                    "milestones_red",
                    "milestones_yellow",
                    "milestones_green",
                    "milestones_unknown",
                    "gateways",
                    "gateways_online",
                ),
            )
        ),
        group_by=("site",),
        all_sites=True,
    ),
    columns=(total("people"),),
)
COMPANY_SITES: Final = Query(source=COMPANY.source, columns=(count("orders").named("sites"), total("orders")))
COMPANY_MILESTONES: Final = Query(
    source=COMPANY.source,
    columns=tuple(total(f"milestones_{colour}") for colour in ("red", "yellow", "green", "unknown")),
)
COMPANY_SILENT: Final = Query(source=COMPANY.source, columns=((total("gateways") - total("gateways_online")).named("silent"),))
ON_TIME_BY_SITE: Final = Query(
    source="site_state", columns=(field("on_time_rate"),), group_by=("site",), newest=True, all_sites=True
)
LATE_BY_SITE: Final = Query(
    source="site_state", columns=(last("milestones_red"),), group_by=("site",), every="$__interval", all_sites=True
)
PEOPLE_BY_SITE: Final = Query(
    source="site_state", columns=(highest("people"),), group_by=("site",), every="$__interval", all_sites=True
)
