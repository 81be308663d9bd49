"""Panels as the boards share them: tiles to be read from five metres, tables, bars, courses over time, states."""

from collections.abc import Sequence
from typing import Final

from grafana_foundation_sdk.builders import bargauge, common, dashboard, geomap, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models import common as kinds
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import geomap as geomap_models

from dashboards.boards import maps, words
from dashboards.boards.columns import Properties, hidden, setting
from dashboards.edition import Edition
from dashboards.influxql import DATASOURCE_TYPE, DATASOURCE_UID, Query
from dashboards.queries import STATES

DATASOURCE: Final = kinds.DataSourceRef(type_val=DATASOURCE_TYPE, uid=DATASOURCE_UID)
#: State is mirrored once a minute: what is older than this is not how things are. Then a tile says that it knows nothing.
NOW: Final = "15m"
#: Tables say how old each row is, so they may show what was known last.
LATELY: Final = "24h"
#: Where a site of nothing but numbers ends: a wall of 1920 x 1080 has 28 rows of Grafana's grid.
WALL_ROWS: Final = 28


def place(x: int, y: int, w: int, h: int) -> models.GridPos:
    """Where a panel lies: 24 columns, rows of 38 pixels."""
    return models.GridPos(x=x, y=y, w=w, h=h)


def tile(
    edition: Edition,
    title: str,
    query: Query,
    where: models.GridPos,
    *,
    fields: dict[str, Properties],
    about: str = "",
    since: str = "",
    coloured: str = words.CALM,
    of_rows: str = "lastNotNull",
) -> stat.Panel:
    """Big figures: each of `fields` of the answer's one row (or what Grafana makes `of_rows`), with a word or a name to each."""
    several = len(fields) > 1
    made = (
        stat.Panel()
        .title(title)
        .description(about)
        .datasource(DATASOURCE)
        .grid_pos(where)
        .with_target(edition.target(query))
        .reduce_options(common.ReduceDataOptions().values(False).calcs([of_rows]).fields(f"/^({'|'.join(fields)})$/"))
        .graph_mode(kinds.BigValueGraphMode.NONE)
        .color_mode(kinds.BigValueColorMode.VALUE)
        .justify_mode(kinds.BigValueJustifyMode.CENTER)
        .text_mode(kinds.BigValueTextMode.VALUE_AND_NAME if several else kinds.BigValueTextMode.VALUE)
        .thresholds(words.thresholds((None, coloured)))
        .no_value("? unknown")
    )
    if since:
        made = made.time_from(since).hide_time_override(True)
    for name, properties in fields.items():
        made = made.override_by_name(name, properties)
    return made


def sheet(
    edition: Edition,
    title: str,
    query: Query,
    where: models.GridPos,
    *,
    columns: dict[str, Properties],
    about: str = "",
    since: str = LATELY,
    sort: str = "",
    down: bool = False,
    as_of: str = "as of",
) -> table.Panel:
    """A table, its columns in the order of `columns`: Grafana's own order of tags changes from one refresh to the next."""
    order = ["Time", *columns, *(name for name in query.names if name not in {"Time", *columns})]
    arranged = {name: index for index, name in enumerate(dict.fromkeys(order))}
    made = (
        table.Panel()
        .title(title)
        .description(about)
        .datasource(DATASOURCE)
        .grid_pos(where)
        .with_target(edition.target(query))
        .with_transformation(models.DataTransformerConfig(id_val="organize", options={"indexByName": arranged}))
        .show_header(True)
        .cell_height(kinds.TableCellHeight.MD)
        .no_value("–")
    )
    if since:
        made = made.time_from(since).hide_time_override(True)
    if sort:
        made = made.sort_by([common.TableSortByFieldState().display_name(sort).desc(down)])
    age = (
        [setting("displayName", as_of), setting("unit", "dateTimeFromNow"), setting("custom.width", 120)] if as_of else hidden()
    )
    for name, properties in ({"Time": age} | columns).items():
        made = made.override_by_name(name, properties)
    return made


def bars(
    edition: Edition,
    title: str,
    query: Query,
    where: models.GridPos,
    *,
    value: str = "percent",
    about: str = "",
    since: str = "",
    good_from: float = 100,
    warn_from: float = 50,
) -> bargauge.Panel:
    """A bar of percent for each row of the answer, with its number beside it."""
    made = (
        bargauge.Panel()
        .title(title)
        .description(about)
        .datasource(DATASOURCE)
        .grid_pos(where)
        .with_target(edition.target(query))
        .reduce_options(common.ReduceDataOptions().values(True).calcs([]).fields(f"/^{value}$/").limit(20))
        .orientation(kinds.VizOrientation.HORIZONTAL)
        .display_mode(kinds.BarGaugeDisplayMode.BASIC)
        .value_mode(kinds.BarGaugeValueMode.TEXT)
        .show_unfilled(True)
        .unit("percent")
        .decimals(0)
        .min(0)
        .max(100)
        .thresholds(words.thresholds((None, words.BAD), (warn_from, words.WARN), (good_from, words.GOOD)))
        .no_value("? unknown")
    )
    return made.time_from(since).hide_time_override(True) if since else made


def course(
    edition: Edition,
    title: str,
    query: Query,
    where: models.GridPos,
    *,
    alias: str,
    unit: str,
    about: str = "",
    limits: Sequence[tuple[float, str]] = (),
    interval: str = "",
    top: float | None = None,
) -> timeseries.Panel:
    """Lines over the board's range, one for each group; limits as dashed lines."""
    made = (
        timeseries.Panel()
        .title(title)
        .description(about)
        .datasource(DATASOURCE)
        .grid_pos(where)
        .with_target(edition.target(query, alias=alias))
        .unit(unit)
        .axis_soft_min(0)
        .line_width(2)
        .fill_opacity(0)
        .show_points(kinds.VisibilityMode.AUTO)
        .span_nulls(False)
        .legend(
            common.VizLegendOptions()
            .display_mode(kinds.LegendDisplayMode.LIST)
            .placement(kinds.LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs(["lastNotNull", "max"])
        )
        .tooltip(common.VizTooltipOptions().mode(kinds.TooltipDisplayMode.MULTI).sort(kinds.SortOrder.DESCENDING))
    )
    if limits:
        made = (
            made.thresholds(words.thresholds((None, "transparent"), *limits))
            .thresholds_style(common.GraphThresholdsStyleConfig().mode(kinds.GraphThresholdsStyleMode.DASHED))
            .axis_soft_max(max(limit for limit, _ in limits) * 1.1)
        )
    if interval:
        made = made.interval(interval)
    return made.max(top) if top is not None else made


def machine_states(edition: Edition, where: models.GridPos, *, since: str = "") -> statetimeline.Panel:
    """What each machine did when, the state written into its colour."""
    made = (
        statetimeline.Panel()
        .title("What machines do")
        .description("Each change of state; the newest stands at the right.")
        .datasource(DATASOURCE)
        .grid_pos(where)
        .with_target(edition.target(STATES, alias="$tag_device"))
        .mappings([words.MACHINE])
        .merge_values(True)
        .show_value(kinds.VisibilityMode.AUTO)
        .align_value(kinds.TimelineValueAlignment.RIGHT)
        .row_height(0.85)
        .fill_opacity(85)
        .line_width(0)
        .legend(
            common.VizLegendOptions()
            .display_mode(kinds.LegendDisplayMode.LIST)
            .placement(kinds.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(common.VizTooltipOptions().mode(kinds.TooltipDisplayMode.SINGLE))
        .no_value("? unknown")
    )
    return made.time_from(since).hide_time_override(True) if since else made


def heat_map(edition: Edition, query: Query, where: models.GridPos, *, title: str, about: str, full: float) -> geomap.Panel:
    """Heat over plan and zones; `full` is the weight that is drawn at full strength."""
    return (
        geomap.Panel()
        .title(title)
        .description(about)
        .datasource(DATASOURCE)
        .grid_pos(where)
        .with_target(edition.target(query))
        .view(maps.view(edition))
        .controls(geomap.ControlsOptions().show_zoom(False).mouse_wheel_zoom(False).show_attribution(False).show_scale(True))
        .basemap(maps.ground(edition))
        .layers(list(maps.layers(edition)))
        .tooltip(geomap.TooltipOptions().mode(geomap_models.TooltipMode.DETAILS))
        .color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.CONTINUOUS_BL_YL_RD))
        # Without a fixed scale equal weights have no range, and the layer draws nothing.
        .override_by_name("weight", [setting("min", 0), setting("max", full)])
    )
