"""The registry: the sites, zones and devices that ingest knows, as a mapping of site files that may change while it runs."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from plumbline.site import SiteFile

#: Names told of one change; of more, their number.
_TOLD: Final = 20


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


def changes(old: Mapping[str, SiteFile], new: Mapping[str, SiteFile]) -> Iterator[dict[str, object]]:
    """What became different, site by site, in the words of a log line; nothing where nothing did."""
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name), new.get(name)
        if before is None and after is not None:
            yield {"site": name, "change": "added", "zones": len(after.zones), "devices": len(after.devices)}
        elif after is None:
            yield {"site": name, "change": "removed"}
        elif before is not None and before != after:
            yield {"site": name, "change": "changed", **_within(before, after)}


def _within(before: SiteFile, after: SiteFile) -> dict[str, object]:
    said: dict[str, object] = {}
    for what, old, new in (
        ("zones", before.zones_by_id, after.zones_by_id),
        ("devices", before.devices_by_id, after.devices_by_id),
    ):
        said[f"{what}_added"] = _few(new.keys() - old.keys())
        said[f"{what}_removed"] = _few(old.keys() - new.keys())
        said[f"{what}_changed"] = _few(name for name in old.keys() & new.keys() if old[name] != new[name])
    fields = [field.name for field in msgspec.structs.fields(SiteFile) if field.name not in {"zones", "devices"}]
    said["keys_changed"] = _few(name for name in fields if getattr(before, name) != getattr(after, name))
    return {key: names for key, names in said.items() if names}


def _few(names: Iterable[str]) -> list[str]:
    told = sorted(names)
    return told if len(told) <= _TOLD else [*told[:_TOLD], f"and {len(told) - _TOLD} more"]
