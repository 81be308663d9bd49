"""The registry: the sites, zones and devices that ingest knows, as a mapping of site files that may change while it runs."""

from collections.abc import Iterator, Mapping

from plumbline.site import SiteFile


class Registry(Mapping[str, SiteFile]):
    """Site files by id. Whoever keeps something made of a site file keeps it only as long as `version` stays the same."""

    def __init__(self, sites: Mapping[str, SiteFile]) -> None:
        self._sites = dict(sites)
        self._version = 1

    @property
    def version(self) -> int:
        """Counts up with every change."""
        return self._version

    def replace(self, sites: Mapping[str, SiteFile]) -> None:
        """Know these sites from now on, and no others."""
        self._sites = dict(sites)
        self._version += 1

    def __getitem__(self, site: str) -> SiteFile:
        """The site file. Raises `KeyError` where the site is not known."""
        return self._sites[site]

    def __iter__(self) -> Iterator[str]:
        """The ids."""
        return iter(self._sites)

    def __len__(self) -> int:
        """How many sites are known."""
        return len(self._sites)
