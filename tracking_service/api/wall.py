"""The wall: one site's parts put together from the database and the series store."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import structlog
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncEngine

from plumbline.patience import Patience
from plumbline.profile import DeviceProfile, Metric
from plumbline.series import LatestRow, SeriesReader, SeriesUnavailableError
from plumbline.site import SiteFile, Zones
from tracking_service.api import reading
from tracking_service.api.models import (
    EnvironmentModel,
    EquipmentModel,
    GatewayModel,
    Heat,
    HeatCellModel,
    HistoryModel,
    Plan,
    SiteBrief,
    SiteModel,
    Snapshot,
    Text,
    ZoneModel,
    both,
    iso,
)
from tracking_service.draft import device_title
from tracking_service.errors import UnknownThingError
from tracking_service.rooms.ground import Ground

_log = structlog.get_logger()
T = TypeVar("T")

Part = Literal["heat", "orders", "gateways", "equipment", "people", "environment", "unlinked"]

_MINUTE: Final = 60_000_000_000
WINDOW_MINUTES: Final = 60
#: A value older than this is no longer 'now'.
_FRESH_NS: Final = 15 * _MINUTE
#: How long a screen waits for the series store.
_PATIENCE_S: Final = 5.0
#: The name under which a series store that is away stands among the gateways.
SERIES_STORE: Final = "series-store"


class Wall:
    """Reads sites for screens.

    Args:
        engine: the database.
        series: heat, positions, environment; while it is away these are empty, and it stands among the gateways as offline.
        sites: by id; the first is the default.
        profiles: titles and units of metrics, by profile id.
        plans: the sites' plan pictures.
        ledger: what ingest's ledger misses, by gateway of a site.
        now_ns: UTC, ns.
    """

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        series: SeriesReader,
        sites: Mapping[str, SiteFile],
        profiles: Mapping[str, DeviceProfile],
        plans: Mapping[str, Path],
        ledger: reading.Ledger | None = None,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.engine = engine
        self.reader = engine.execution_options(read_only=True)
        self.sites = sites
        self.plans = plans
        self.now_ns = now_ns
        self.zones = Zones(sites)
        self._series = series
        self._profiles = profiles
        self._ledger = ledger
        self._series_away_since: int | None = None

    def site(self, name: str | None) -> SiteFile:
        """The site by that name, or the first. Raises `UnknownThingError`."""
        if name is None and self.sites:
            return next(iter(self.sites.values()))
        if name is None or name not in self.sites:
            raise UnknownThingError(f"there is no site '{name}'; this server knows {', '.join(self.sites) or 'none'}")
        return self.sites[name]

    def briefs(self) -> list[SiteBrief]:
        """The sites to choose from."""
        return [SiteBrief(id=site.id, title=_title(site), timezone=site.timezone) for site in self.sites.values()]

    async def snapshot(self, site: SiteFile) -> Snapshot:
        """Everything at once."""
        now = self.now_ns()
        heat, equipment, environment = await asyncio.gather(self.heat(site), self.equipment(site), self.environment(site))
        async with self.reader.connect() as connection:
            return Snapshot(
                site=self._site_model(site),
                now=iso(now),
                heat=heat,
                orders=await reading.read_orders(connection, site, ground=Ground(self.sites, self.zones, now)),
                gateways=[*await reading.read_gateways(connection, site.id, self._ledger), *self._warning()],
                equipment=equipment,
                people=await reading.read_people(connection, site, now=now),
                environment=environment,
                activity=await reading.read_activity(connection, site.id),
                unlinked=await reading.count_unlinked(connection, site.id),
            )

    async def part(self, site: SiteFile, part: Part) -> Any:
        """One part of the snapshot as it is now: a model, a list of models, or a number."""
        if part in ("heat", "equipment", "environment"):
            sources = {"heat": self.heat, "equipment": self.equipment, "environment": self.environment}
            return await sources[part](site)
        now = self.now_ns()
        async with self.reader.connect() as connection:
            if part == "orders":
                return await reading.read_orders(connection, site, ground=Ground(self.sites, self.zones, now))
            if part == "gateways":
                return [*await reading.read_gateways(connection, site.id, self._ledger), *self._warning()]
            if part == "people":
                return await reading.read_people(connection, site, now=now)
            return await reading.count_unlinked(connection, site.id)

    async def heat(self, site: SiteFile) -> Heat:
        """The last hour's heat."""
        now = self.now_ns()
        cells = await self._ask(self._series.heat(site.id, now - WINDOW_MINUTES * _MINUTE, now + 1), [])
        return Heat(
            window_minutes=WINDOW_MINUTES,
            cells=[
                HeatCellModel(cell=cell.cell, source=cell.source, lat=cell.lat, lon=cell.lon, weight=cell.weight)
                for cell in sorted(cells)
            ],
        )

    async def equipment(self, site: SiteFile) -> list[EquipmentModel]:
        """Machines: state from the log, position from the series store."""
        async with self.reader.connect() as connection:
            models = await reading.read_equipment(connection, site)
        rows = await self._ask(self._series.latest(site.id, "position", self.now_ns() - _FRESH_NS), [])
        found = {row.device: row for row in rows}
        return [_placed(model, found.get(model.device), site) for model in models]

    async def environment(self, site: SiteFile) -> list[EnvironmentModel]:
        """The newest value of each environment metric of each device."""
        rows = await self._ask(self._series.latest(site.id, "environment", self.now_ns() - _FRESH_NS), [])
        models: list[EnvironmentModel] = []
        for row in rows:
            order = self._metric_order(site, row.device)
            for name, value in sorted(row.fields.items(), key=lambda field: (order.get(field[0], len(order)), field[0])):
                if isinstance(value, bool | str) or not math.isfinite(value):
                    continue
                metric = self._metric(site, row.device, name)
                title = Text(en=metric.title_en, zh=metric.title_zh) if metric else Text(en=name, zh=name)
                models.append(
                    EnvironmentModel(
                        device=row.device,
                        title=both(device_title(self.sites, site.id, row.device)),
                        metric=name,
                        metric_title=title,
                        unit=metric.unit if metric else "",
                        value=value,
                        at=iso(row.at),
                        limit=metric.limit if metric else None,
                    )
                )
        return models

    async def history(self, site: SiteFile, measurement: str, field: str, minutes: int) -> list[HistoryModel]:
        """A metric over the last minutes, in at most some 300 intervals. Raises `SeriesUnavailableError`."""
        now = self.now_ns()
        every = max(1, math.ceil(minutes / 300)) * _MINUTE if minutes > 30 else 10_000_000_000
        async with Patience(_PATIENCE_S):
            buckets = await self._series.history(
                site.id, measurement, field, start=now - minutes * _MINUTE, end=now + 1, every_ns=every
            )
        by_device: dict[str, list[tuple[int, float]]] = {}
        for bucket in buckets:
            by_device.setdefault(bucket.device, []).append((bucket.start // 1_000_000, bucket.mean))
        return [
            HistoryModel(device=device, title=both(device_title(self.sites, site.id, device)), points=points)
            for device, points in by_device.items()
        ]

    async def ping_series(self) -> str:
        """`ready`. Raises `SeriesUnavailableError` or `TimeoutError` where the series store does not answer."""
        now = self.now_ns()
        async with Patience(_PATIENCE_S):
            await self._series.latest(next(iter(self.sites), "none"), "position", now - _MINUTE)
        return "ready"

    async def _ask(self, question: Awaitable[T], otherwise: T) -> T:
        try:
            async with Patience(_PATIENCE_S):
                answer = await question
        except (SeriesUnavailableError, TimeoutError) as error:
            if self._series_away_since is None:
                self._series_away_since = self.now_ns()
                _log.warning("tracking.series_unavailable", error=str(error) or f"no answer within {_PATIENCE_S:g} s")
            return otherwise
        self._series_away_since = None
        return answer

    def _warning(self) -> list[GatewayModel]:
        since = self._series_away_since
        if since is None:
            return []
        return [
            GatewayModel(
                id=SERIES_STORE,
                online=False,
                since=iso(since),
                last_seen=iso(since),
                data_until=iso(since),
                missing=None,
                backlog=None,
                state="offline",
            )
        ]

    def _metric_order(self, site: SiteFile, device: str) -> Mapping[str, int]:
        """The place of each metric in the device's profile: what matters most stands there first."""
        known = site.devices_by_id.get(device)
        profile = self._profiles.get(known.profile) if known is not None and known.profile is not None else None
        return {name: place for place, name in enumerate(profile.metrics)} if profile is not None else {}

    def _metric(self, site: SiteFile, device: str, name: str) -> Metric | None:
        known = site.devices_by_id.get(device)
        profile = self._profiles.get(known.profile) if known is not None and known.profile is not None else None
        if profile is not None:
            return profile.metrics.get(name)
        return next((profile.metrics[name] for profile in self._profiles.values() if name in profile.metrics), None)

    def _site_model(self, site: SiteFile) -> SiteModel:
        plan = None
        if site.id in self.plans and site.plan_corners is not None:
            plan = Plan(url=f"/api/sites/{site.id}/plan", corners=list(site.plan_corners))
        zones = [
            ZoneModel(id=zone.id, title=Text(en=zone.title_en, zh=zone.title_zh), kind=zone.kind, polygon=list(zone.polygon))
            for zone in site.zones
        ]
        return SiteModel(
            id=site.id,
            title=_title(site),
            timezone=site.timezone,
            lat=site.lat,
            lon=site.lon,
            cell_m=site.cell_m,
            plan=plan,
            zones=zones,
        )


def _title(site: SiteFile) -> Text:
    return Text(en=site.title_en, zh=site.title_zh)


def _placed(model: EquipmentModel, row: LatestRow | None, site: SiteFile) -> EquipmentModel:
    if row is None:
        return model
    lat, lon = row.fields.get("lat"), row.fields.get("lon")
    if isinstance(lat, str) or isinstance(lon, str) or lat is None or lon is None:
        return model
    zone = site.zone_at(lat, lon)
    return model.model_copy(update={"lat": lat, "lon": lon, "zone": zone.id if zone else row.zone})


def plain(part: Any) -> Any:
    """A part as JSON values."""
    if isinstance(part, BaseModel):
        return part.model_dump(mode="json")
    return [plain(entry) for entry in part] if isinstance(part, list) else part  # pyright: ignore[reportUnknownVariableType]
