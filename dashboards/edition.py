"""What differs between one installation's boards and another's."""

import re
from dataclasses import dataclass
from typing import Final, Literal, get_args
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dashboards.influxql import Query, Target
from plumbline.errors import PlumblineError

Language = Literal["en", "zh"]

_SITE: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


class EditionError(PlumblineError):
    """Boards that no Grafana could show."""


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
    sites: tuple[str, ...] = ("harbour-east",)
    """Their plans and zones lie under the heat."""

    def __post_init__(self) -> None:
        """Raise `EditionError` where a value cannot be."""
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

    def address(self, site: str, what: str) -> str:
        """Where our API serves something of a site."""
        return f"{self.api.rstrip('/')}/api/v1/sites/{site}/{what}"

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
