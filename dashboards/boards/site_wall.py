"""Site wall: where the work is, what has arrived, which milestone is red, and whether the gateways speak."""

from typing import Final

from grafana_foundation_sdk.builders import common, dashboard, geomap, table
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import geomap as geomap_models

from dashboards.boards import parts
from dashboards.boards.parts import DATASOURCE, percentage, setting
from dashboards.queries import GATEWAYS, HEAT, MATERIAL, MILESTONES, Target, tag_values

TITLE: Final = "Site wall"
#: Tracking mirrors every order once a minute: what is older than a day is history, not state.
STATE_RANGE: Final = "24h"
#: Device-minutes in a cell that are drawn at full strength: one device there for the hour that the board shows.
FULL_HEAT: Final = 60


def board() -> dashboard.Dashboard:
    """The board."""
    return (
        dashboard.Dashboard(TITLE)
        .description("Where the work is, what has arrived, which milestone is red, and whether the gateways speak.")
        .tags(["plumbline", "wall"])
        .time("now-1h", "now")
        .refresh("10s")
        .variables([_variable("site", "Site", every=False), _variable("source", "Heat of", every=True)])
        .with_panel(_heat())
        .with_panel(_milestones())
        .with_panel(_material())
        .with_panel(_gateways())
    )


def _variable(name: str, label: str, *, every: bool) -> dashboard.QueryVariable:
    # Both are read off `heat`, which a site has before its first order.
    made = (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(DATASOURCE)
        .query(tag_values("heat", name))
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
    )
    return made.include_all(True).all_value(".*") if every else made


def _heat() -> geomap.Panel:
    return (
        geomap.Panel()
        .id(1)
        .title("Where the work is")
        .description("Device-minutes per cell of the site's grid over the board's time range.")
        .datasource(DATASOURCE)
        .grid_pos(models.GridPos(h=17, w=14, x=0, y=0))
        .with_target(HEAT.target())
        .view(parts.whole_site())
        .controls(geomap.ControlsOptions().show_zoom(False).mouse_wheel_zoom(False).show_attribution(False).show_scale(True))
        .basemap(parts.no_base_map())
        .layers([parts.heat_layer()])
        .tooltip(geomap.TooltipOptions().mode(geomap_models.TooltipMode.DETAILS))
        .color_scheme(parts.continuous(models.FieldColorModeId.CONTINUOUS_BL_YL_RD))
        # Without a fixed scale equal weights have no range, and the layer draws nothing.
        .override_by_name("weight", [setting("min", 0), setting("max", FULL_HEAT)])
    )


def _milestones() -> table.Panel:
    return (
        _table(2, "Milestones", MILESTONES.target(), sort="order")
        .grid_pos(models.GridPos(h=9, w=10, x=14, y=0))
        .override_by_name(
            "rag",
            [
                setting("displayName", "colour"),
                setting("mappings", [parts.RAG]),
                setting("custom.cellOptions", {"type": "color-background", "mode": "basic"}),
                setting("noValue", "? unknown"),
            ],
        )
        .override_by_name("percent", percentage())
    )


def _material() -> table.Panel:
    return (
        _table(3, "Material arrivals", MATERIAL.target(), sort="order")
        .grid_pos(models.GridPos(h=9, w=14, x=0, y=17))
        .override_by_name("percent", percentage("orange"))
    )


def _gateways() -> table.Panel:
    failing = {"mode": "absolute", "steps": [{"value": None, "color": "green"}, {"value": 1, "color": "red"}]}
    return (
        _table(4, "Gateways", GATEWAYS.target(), sort="gateway")
        .description("The last word of each gateway in 24 hours: a time long past is a gateway that is silent.")
        .grid_pos(models.GridPos(h=17, w=10, x=14, y=9))
        .override_by_name("device", [setting("displayName", "gateway")])
        .override_by_name(
            "readers_failing",
            [
                setting("displayName", "readers failing"),
                setting("thresholds", failing),
                setting("custom.cellOptions", {"type": "color-text"}),
            ],
        )
        .override_by_name("queue_business_events", [setting("displayName", "waiting")])
        .override_by_name("readers_total", [setting("displayName", "readers")])
        .override_by_name("disk_free_bytes", [setting("displayName", "disk free"), setting("unit", "bytes")])
    )


def _table(number: int, title: str, target: Target, *, sort: str) -> table.Panel:
    return (
        table.Panel()
        .id(number)
        .title(title)
        .datasource(DATASOURCE)
        .with_target(target)
        .time_from(STATE_RANGE)
        .hide_time_override(True)
        .show_header(True)
        .sort_by([common.TableSortByFieldState().display_name(sort)])
        .override_by_name(
            "Time", [setting("displayName", "as of"), setting("unit", "dateTimeFromNow"), setting("custom.width", 120)]
        )
    )
