"""What is kept ready of each site: how its points and its heat are made and when its days end."""

from collections.abc import Iterable, Mapping
from typing import Final

from ingest.heat.presence import PresenceMaker
from ingest.ledger.days import SiteDays
from ingest.projection.points import PointMaker
from ingest.registry.sites import Registry
from plumbline.site import SiteFile

#: Desks kept; unknown sites are named by whoever publishes.
_MOST: Final = 1000


class Desk:
    """What ingest knows of one site; of one that it does not know, the days alone (in UTC)."""

    def __init__(self, site: SiteFile | None) -> None:
        self.site = site
        self.calendar = SiteDays(site.timezone if site else "UTC")
        self.maker = PointMaker(site) if site else None
        self.heat = PresenceMaker(site) if site else None


class Desks:
    """The desks of all sites, made anew for a site whose file has changed.

    The desk of a site that was removed stays: events that were let in before are on their way still.
    """

    def __init__(self, sites: Mapping[str, SiteFile]) -> None:
        self._sites = sites
        self._version = self._newest
        self._desks: dict[str, Desk] = {}

    @property
    def _newest(self) -> int:
        return self._sites.version if isinstance(self._sites, Registry) else 0

    def of(self, site: str) -> Desk:
        """The desk of a site, by the site files of now."""
        if self._version != self._newest:
            self._version = self._newest
            self._desks = {name: desk for name, desk in self._known() if self._sites.get(name) in (desk.site, None)}
        desk = self._desks.get(site)
        if desk is None:
            if len(self._desks) > _MOST:
                self._desks = dict(self._known())
            desk = self._desks[site] = Desk(self._sites.get(site))
        return desk

    def _known(self) -> Iterable[tuple[str, Desk]]:
        return [(name, desk) for name, desk in self._desks.items() if desk.site is not None]
