"""The map of a site: plan, zones and heat, without the internet.

Three facts of Grafana's geomap shape it: layers take their addresses as they stand, without variables (zones until 12.1, tiles
longer); its own base maps all come from the internet; and a heat layer does not count when the view is fitted to what is
there (grafana/grafana#84230). So plan and zones are those of the edition's sites, the view of one site is settled with the
edition, and for several the cells of the heat lie there once more as markers that nobody sees, for the view to fit to.
"""

from typing import Final

from grafana_foundation_sdk.builders import common, geomap
from grafana_foundation_sdk.models import common as models

from dashboards.edition import Edition

#: One transparent pixel.
_NOTHING: Final = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNgYGBgAAAABQABeqhXUAAAAABJRU5ErkJggg=="
)
_CELLS: Final = "Cells"


def ground(edition: Edition) -> common.MapLayerOptions:
    """What all else lies on: the plan of the edition's first site."""
    return _tiles(edition.address(edition.sites[0], "tiles/{z}/{x}/{y}.png") if edition.sites else _NOTHING, "Plan")


def layers(edition: Edition) -> list[common.MapLayerOptions]:
    """Plans of further sites, zones of all, and the heat on top."""
    plans = [_tiles(edition.address(site, "tiles/{z}/{x}/{y}.png"), f"Plan of {site}") for site in edition.sites[1:]]
    return [*plans, *(_zones(edition, site) for site in edition.sites), _cells(), _heat()]


def view(edition: Edition) -> geomap.MapViewConfig:
    """One site as a whole; of several that whose heat is shown."""
    if edition.view is None:
        return geomap.MapViewConfig().id("fit").all_layers(False).layer(_CELLS).padding(6).max_zoom(20)
    made = geomap.MapViewConfig().id("coords").all_layers(False).max_zoom(22)
    return (
        made.lat(edition.view.lat)  # pyright: ignore[reportArgumentType] - the SDK has degrees in whole numbers; Grafana has not
        .lon(edition.view.lon)  # pyright: ignore[reportArgumentType]
        .zoom(edition.view.zoom)  # pyright: ignore[reportArgumentType]
    )


def _tiles(url: str, name: str) -> common.MapLayerOptions:
    return common.MapLayerOptions().type("xyz").name(name).config({"url": url, "attribution": "Plumbline"}).tooltip(False)


def _zones(edition: Edition, site: str) -> common.MapLayerOptions:
    """Outlines with their names.

    `geojson`, whose zones all look alike, and not `dynamic-geojson`: that colours by a row of the answer, but never by its first.
    """
    style = {
        "color": {"fixed": "light-blue"},
        "opacity": 0.05,
        "lineWidth": 1,
        "size": {"fixed": 5, "min": 2, "max": 15},
        "text": {"mode": "field", "field": f"title_{edition.language}", "fixed": ""},
        "textConfig": {"fontSize": 14, "offsetX": 0, "offsetY": 0, "textAlign": "center", "textBaseline": "middle"},
    }
    return (
        common.MapLayerOptions()
        .type("geojson")
        .name(f"Zones of {site}")
        .config({"src": edition.address(site, "zones.geojson"), "style": style, "rules": []})
        .tooltip(False)
    )


def _place() -> common.FrameGeometrySource:
    return common.FrameGeometrySource().mode(models.FrameGeometrySourceMode.COORDS).latitude("lat").longitude("lon")


def _cells() -> common.MapLayerOptions:
    style = {
        "color": {"fixed": "transparent"},
        "opacity": 0,
        "lineWidth": 0,
        "size": {"fixed": 6, "min": 6, "max": 6},
        "symbol": {"mode": "fixed", "fixed": "img/icons/marker/circle.svg"},
    }
    return (
        common.MapLayerOptions()
        .type("markers")
        .name(_CELLS)
        .config({"style": style, "showLegend": False})
        .location(_place())
        .opacity(0)
        .tooltip(True)
    )


def _heat() -> common.MapLayerOptions:
    """The columns `lat`, `lon` and `weight` of the first frame."""
    return (
        common.MapLayerOptions()
        .type("heatmap")
        .name("Heat")
        .config({"weight": {"field": "weight", "fixed": 1, "min": 0, "max": 1}, "radius": 18, "blur": 22})
        .location(_place())
        .tooltip(False)
    )
