"""What differs between one installation's boards and another's."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dashboards.influxql import Query, Target
from plumbline.errors import PlumblineError
from plumbline.site import SiteFile

Language = Literal["en", "zh"]

#: The demo's, `plumbline/demo/site.toml`.
_DEMO: Final = "harbour-east"
#: The map on the Site wall, at 1920 x 1080: 13 columns of 24, 14 rows of 28, without its frame and heading.
_MAP_PX: Final = (1010, 470)
#: Metres a pixel at zoom 0 on the equator (Web Mercator, tiles of 256 pixels), and the earth's radius there.
_RESOLUTION: Final = 156_543.033_928
_RADIUS_M: Final = 6_378_137.0

_SITE: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


class EditionError(PlumblineError):
    """Boards that no Grafana could show."""


@dataclass(frozen=True)
class View:
    """What a map shows: its middle in degrees, and Web Mercator's zoom."""

    lat: float
    lon: float
    zoom: float

    @classmethod
    def around(cls, site: SiteFile) -> "View":
        """Zones and plan of a site, as large as they fit."""
        places = [place for zone in site.zones for place in zone.polygon] + [*(site.plan_corners or ())] or [
            (site.lon, site.lat)
        ]
        west, east = min(lon for lon, _ in places), max(lon for lon, _ in places)
        south, north = min(lat for _, lat in places), max(lat for _, lat in places)
        width_m = math.radians(east - west) * _RADIUS_M
        height_m = (_mercator(north) - _mercator(south)) * _RADIUS_M
        resolution = max(width_m / _MAP_PX[0], height_m / _MAP_PX[1], _RESOLUTION / 2**20)
        return cls(
            round((south + north) / 2, 6),
            round((west + east) / 2, 6),
            math.floor(math.log2(_RESOLUTION / resolution) * 10) / 10,
        )


def _mercator(lat: float) -> float:
    return math.log(math.tan(math.pi / 4 + math.radians(lat) / 2))


_DEMO_VIEW: Final = View(29.8705, 121.8842, 18.2)


@dataclass(frozen=True, kw_only=True)
class Edition:
    """For whom boards are made.

    A map's layers take their addresses as they stand: Grafana fills no `$site` in there. So the sites whose plan and zones
    the map shows, and where our API is as the wall's browser reaches it, are settled when the boards are made.
    """

    timezone: str = "Asia/Shanghai"
    """IANA zone: a wall shows the site's hours, not the viewer's."""
    language: Language = "en"
    """Of titles, words and people's own titles of orders and milestones."""
    api: str = "http://127.0.0.1:8080"
    """Base URL of the tracking API, as the browser in front of the wall reaches it."""
    sites: tuple[str, ...] = (_DEMO,)
    """Their plans and zones lie under the heat."""
    view: View | None = _DEMO_VIEW
    """What the map shows; `None`: it follows the heat (the demo's view is for the demo alone)."""

    def __post_init__(self) -> None:
        """Raise `EditionError` where a value cannot be."""
        if self.view is _DEMO_VIEW and self.sites != (_DEMO,):
            object.__setattr__(self, "view", None)
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise EditionError(
                f"time zone '{self.timezone}' is not known; name an IANA zone, for example Europe/Berlin"
            ) from error
        if self.language not in get_args(Language):
            raise EditionError(f"there are no boards in '{self.language}'; choose one of {', '.join(get_args(Language))}")
        if not _is_base(self.api):
            raise EditionError(f"'{self.api}' is not where an API can be; give a URL, for example http://tracking.example:8080")
        for site in self.sites:
            if not _SITE.fullmatch(site):
                raise EditionError(f"'{site}' is not the id of a site; take it from 'id' in its site.toml")

    @classmethod
    def of(
        cls, sites: Sequence[SiteFile], *, language: Language = "en", api: str | None = None, timezone: str = ""
    ) -> "Edition":
        """For the sites of these files: the first one's zone, all their plans, and the view of one alone."""
        return cls(
            timezone=timezone or sites[0].timezone,
            language=language,
            api=cls.api if api is None else api,
            sites=tuple(site.id for site in sites),
            view=View.around(sites[0]) if len(sites) == 1 else None,
        )

    def address(self, site: str, what: str) -> str:
        """Where our API serves something of a site."""
        return f"{self.api.rstrip('/')}/api/sites/{site}/{what}"

    def target(self, query: Query, *, alias: str = "") -> Target:
        """The query in this edition's language."""
        return Target(query.in_words_of(self.language), alias=alias)


def _is_base(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and not parts.query and not parts.fragment
