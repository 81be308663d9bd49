"""LoRaWAN: what ChirpStack, The Things Stack, LORIOT and ThingPark say of the devices on a site.

    message ── servers ──► Message ── envelope ──► Reading `lorawan` (always)
                                   └─ codec ──► document ── values ──► Reading of the profile (where one is configured)

`servers` tells who speaks (`chirpstack`, `things_stack`, `loriot`, `thingpark`), `codec` what the bytes mean.
"""

from collections.abc import Mapping

from plumbline.dialects.lorawan import codec
from plumbline.dialects.lorawan.codec import Engine
from plumbline.dialects.lorawan.dialect import Decoding, Lorawan
from plumbline.dialects.lorawan.settings import Kind, Settings, check_kinds, known_names
from plumbline.dialects.topic_filter import is_filter, overlap
from plumbline.errors import SettingsError
from plumbline.profile import DeviceProfile
from plumbline.profile.lorawan import LorawanCodec

__all__ = ["Kind", "Lorawan", "Settings", "build"]


def build(settings: Settings, profiles: Mapping[str, DeviceProfile]) -> Lorawan:
    """Make the dialect; starts nothing. Raises `SettingsError`."""
    for i, one in enumerate(settings.topics):
        if not is_filter(one):
            raise SettingsError(f"topics[{i}]: '{one}' is not an MQTT filter; '+' fills one level, '#' the last ones")
        for other in settings.topics[:i]:
            if overlap(one, other):
                raise SettingsError(f"topics[{i}]: '{one}' takes the same messages as '{other}'; leave one out")
    check_kinds(settings.kinds)
    engine = Engine()
    made: dict[str, Decoding] = {}
    kinds: list[tuple[Kind, Decoding]] = []
    rest = () if settings.profile is None else (Kind(profile=settings.profile),)
    for i, kind in enumerate((*settings.kinds, *rest)):
        where = f"kinds[{i}].profile" if i < len(settings.kinds) else "profile"
        if kind.profile not in made:
            made[kind.profile] = _decoding(where, kind.profile, profiles, engine)
        kinds.append((kind, made[kind.profile]))
    return Lorawan(server=settings.server, topics=settings.topics, names=known_names(settings.names), kinds=tuple(kinds))


def _decoding(where: str, name: str, profiles: Mapping[str, DeviceProfile], engine: Engine) -> Decoding:
    profile = profiles.get(name)
    if profile is None:
        raise SettingsError(f"{where}: there is no profile '{name}'; known are: {', '.join(sorted(profiles)) or 'none'}")
    declared = profile.lorawan or LorawanCodec()
    if not (profile.metrics or declared.state or declared.check_in or declared.fix):
        raise SettingsError(f"{where}: '{name}' says nothing to read; declare metrics in it, or lorawan.state, check_in or fix")
    paths = [metric.path or key for key, metric in profile.metrics.items()]
    if declared.fix is not None:
        fix = declared.fix
        paths += [fix.lat, fix.lon, fix.accuracy_m, fix.alt_m, fix.speed_mps, fix.course_deg]
    try:
        made = codec.make(declared, engine)
    except SettingsError as error:
        raise SettingsError(f"{where}: '{name}': {error}") from None
    return Decoding(
        profile=name,
        declared=declared,
        codec=made,
        measurement=profile.measurement,
        metrics=profile.metrics,
        paths=tuple(paths),
    )
