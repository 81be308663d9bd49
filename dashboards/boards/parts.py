"""What several boards draw alike: colours with a word beside them, map layers that need no internet, percentages."""

from typing import Final

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as dashboard_builders
from grafana_foundation_sdk.builders import geomap
from grafana_foundation_sdk.models import common, dashboard

from dashboards.queries import DATASOURCE_TYPE, DATASOURCE_UID

DATASOURCE: Final = common.DataSourceRef(type_val=DATASOURCE_TYPE, uid=DATASOURCE_UID)

#: Grafana's own base maps all come from the internet, which a site does not have: one transparent pixel does not.
_NO_MAP: Final = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNgYGBgAAAABQABeqhXUAAAAABJRU5ErkJggg=="
)
#: As `tracking_service` mirrors them: never a colour without its word (one man in twelve cannot tell red from green).
RAG: Final = dashboard.ValueMap(
    {
        "0": dashboard.ValueMappingResult(text="● on track", color="green", index=0),
        "1": dashboard.ValueMappingResult(text="▲ at risk", color="yellow", index=1),
        "2": dashboard.ValueMappingResult(text="■ late", color="red", index=2),
    }
)


def no_base_map() -> common_builders.MapLayerOptions:
    """An empty ground under the layers."""
    return (
        common_builders.MapLayerOptions()
        .type("xyz")
        .name("No base map")
        .config({"url": _NO_MAP, "attribution": "Plumbline"})
        .tooltip(False)
    )


def heat_layer() -> common_builders.MapLayerOptions:
    """A heatmap of the columns `lat`, `lon` and `weight` of the first frame."""
    place = common_builders.FrameGeometrySource().mode(common.FrameGeometrySourceMode.COORDS).latitude("lat").longitude("lon")
    return (
        common_builders.MapLayerOptions()
        .type("heatmap")
        .name("Heat")
        .config({"weight": {"field": "weight", "fixed": 1, "min": 0, "max": 1}, "radius": 18, "blur": 22})
        .location(place)
        .tooltip(True)
    )


def whole_site() -> geomap.MapViewConfig:
    """A view that shows all there is to see."""
    return geomap.MapViewConfig().id("fit").all_layers(True).padding(10).max_zoom(19)


def setting(name: str, value: object) -> dashboard.DynamicConfigValue:
    """One property of a field override."""
    return dashboard.DynamicConfigValue(id_val=name, value=value)


def percentage(low: str = "red") -> list[dashboard.DynamicConfigValue]:
    """A column of percentages as bars, complete in green."""
    steps = [{"value": None, "color": low}, {"value": 50, "color": "yellow"}, {"value": 100, "color": "green"}]
    return [
        setting("unit", "percent"),
        setting("decimals", 0),
        setting("min", 0),
        setting("max", 100),
        setting("thresholds", {"mode": "absolute", "steps": steps}),
        setting("custom.cellOptions", {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}),
    ]


def continuous(mode: dashboard.FieldColorModeId) -> dashboard_builders.FieldColor:
    """A gradient: Grafana draws one only with a `continuous-*` mode."""
    return dashboard_builders.FieldColor().mode(mode)
