"""From fixes to visits: one device, all zones of its site, one fix after the other, in the order of their times.

Each fix weighs for or against every zone near it, by how likely it lies inside; no fix alone decides, and what has begun must
last (`Fence.enter`, `Fence.leave`). A device that rests stays where it is: then not its fixes decide but their place. The
times told are those of the crossing, between the last fix on one side and the first on the other, not of the decision.

A state is a pure function of the fixes it has seen. It has a bounded size and goes to the database and back as JSON.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist, median_low
from typing import Final, NamedTuple

import msgspec
from msgspec import Struct, field

from tracking_service.geofence.fence import Fence
from tracking_service.geofence.stay import Seen, Stay, began

_SECOND: Final = 1_000_000_000
#: No fix weighs more than this (natural logarithm of the odds), so two at least have to agree.
_ONE_FIX: Final = 3.0
_ENTER: Final = 6.0
_LEAVE: Final = 9.0
#: Of a device that rests its place decides: it is taken to be inside when that is likely, outside only when it is certain.
_ENTER_AT_REST: Final = 1.0
_LEAVE_AT_REST: Final = 6.0
#: A place that moved by less than this share of its sigma is the same.
_SAME: Final = 0.1
#: A zone that is less likely than this is not looked at before the device was near it.
_NEAR: Final = 1e-4
#: What was said of a zone that was left is forgotten so long after (ns).
_FORGET_NS: Final = 3600 * _SECOND
#: Nothing on a site moves faster (metres per second): such a fix is held back until others have agreed with it for so long.
_FASTEST_MPS: Final = 70.0
_HELD_NS: Final = 120 * _SECOND
_HELD_FIXES: Final = 3
#: Longer than this, and than three times what is usual of the device, is silence.
SILENT_NS: Final = 600 * _SECOND
#: Who was silent for longer than this has left, and comes anew: a week away, or a clock that was years wrong.
_GONE_NS: Final = 7 * 24 * 3600 * _SECOND
_USUAL_OF: Final = 5
_normal: Final = NormalDist()


class Entered(Struct, frozen=True, array_like=True, tag="entered"):
    """A device came into a zone. `at`: of the crossing; `decided_at`: of the fix that made it certain (UTC, ns)."""

    zone: str
    id: str
    """Of the first fix inside."""
    at: int
    decided_at: int


class Left(Struct, frozen=True, array_like=True, tag="left"):
    """A device left a zone."""

    zone: str
    visit: str
    """The id of its `Entered`."""
    id: str
    """Of the first fix outside."""
    at: int
    decided_at: int


class Silent(Struct, frozen=True, array_like=True, tag="silent"):
    """Between these times the device told nothing of where it was."""

    since: int
    until: int


Happening = Entered | Left | Silent


class _Side(Struct, array_like=True):
    """How a device stands to one zone."""

    inside: bool
    visit: str
    turned: int
    """When it last came or left."""
    same: int
    """The last fix on this side, and how likely it was inside."""
    same_p: float
    first: int = 0
    """The first fix on the other side since then; 0: none."""
    first_id: str = ""
    first_p: float = 0.0
    weight: float = 0.0
    """What the fixes since then say for the other side."""
    place_east: float = 0.0
    """The place of the stay that was looked at, how well it was known (0: none was), and how likely it is inside."""
    place_north: float = 0.0
    place_sigma: float = 0.0
    place_p: float = 0.0


class _Held(Struct, array_like=True):
    """Fixes that are too far away to have been reached."""

    first: Seen
    newest: Seen
    count: int


class State(Struct):
    """How far the fixes of a device are folded."""

    last: Seen | None = None
    """The newest fix that was believed."""
    heard: int = 0
    heard_id: str = ""
    """The newest fix at all; of the same time the one with the greater id."""
    pauses: list[int] = field(default_factory=list[int])
    """The last times between fixes (ns)."""
    stay: Stay | None = None
    held: _Held | None = None
    sides: dict[str, _Side] = field(default_factory=dict[str, _Side])

    @property
    def heard_last(self) -> tuple[int, str]:
        """Its place in the order of the fixes."""
        return self.heard, self.heard_id

    @property
    def inside(self) -> Sequence[str]:
        """The zones it is in."""
        return [zone for zone, side in self.sides.items() if side.inside]


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(State)


def encode(state: State) -> bytes:
    """A state as JSON; the same state is the same bytes."""
    return _encoder.encode(state)


def decode(data: bytes) -> State:
    """A state as `encode` wrote it."""
    return _decoder.decode(data)


def step(state: State, fix: Seen, fences: Sequence[Fence]) -> Sequence[Happening]:
    """Take one fix more, not older than the one before; returns what it makes certain. `state` is changed."""
    happened: list[Happening] = []
    if state.heard_id:
        pause = fix.at - state.heard
        if pause > _patience(state):
            happened.append(Silent(state.heard, fix.at))
        if pause > _GONE_NS:
            happened += _begin_anew(state, fix)
        state.pauses = [*state.pauses[1 - _USUAL_OF :], pause]
    state.heard, state.heard_id = fix.at, fix.id
    if state.last is None:
        _believe(state, fix, fences, happened)
    elif _reachable(state.last, fix):
        state.held = None
        _believe(state, fix, fences, happened)
    elif state.held is None or not _reachable(state.held.newest, fix):
        state.held = _Held(fix, fix, 1)
    else:
        held = state.held
        held.newest, held.count = fix, held.count + 1
        if held.count >= _HELD_FIXES and fix.at - held.first.at >= _HELD_NS:
            state.held = None
            _believe(state, held.first, fences, happened)
            _believe(state, fix, fences, happened)
    return happened


def _begin_anew(state: State, fix: Seen) -> Sequence[Happening]:
    """Forget all; what the device was in, it left with the last fix that was believed."""
    last = state.last.at if state.last is not None else state.heard
    left = [Left(zone, side.visit, fix.id, max(last, side.turned), fix.at) for zone, side in state.sides.items() if side.inside]
    state.last, state.stay, state.held, state.sides = None, None, None, {}
    return left


def _patience(state: State) -> int:
    """How long the device may be quiet before that is silence."""
    return max(SILENT_NS, 3 * median_low(state.pauses)) if state.pauses else SILENT_NS


def _reachable(last: Seen, fix: Seen) -> bool:
    far = math.hypot(fix.east - last.east, fix.north - last.north) - 3 * (fix.sigma + last.sigma)
    return far <= _FASTEST_MPS * max(1.0, (fix.at - last.at) / _SECOND)


def _believe(state: State, fix: Seen, fences: Sequence[Fence], happened: list[Happening]) -> None:
    last = state.last
    if state.stay is None or last is None:
        state.stay = began(fix, fix.east, fix.north)
    else:
        state.stay = state.stay.take(fix, (fix.at - last.at) / _SECOND)
    stay = state.stay
    still = stay.rests and stay.near(fix)
    sigma = stay.noise(fix)
    for fence in fences:
        side = state.sides.get(fence.zone)
        if still:
            if side is None:
                continue
            p = _place(side, fence, stay, fix)
            side.same, side.same_p, side.first, side.weight = fix.at, p, 0, 0.0
        else:
            p = fence.probability(fix.east, fix.north, sigma)
            if side is None:
                if p < _NEAR:
                    continue
                side = state.sides[fence.zone] = _approach(fence, last)
            elif p < _NEAR and not side.inside and not stay.settled and fix.at - side.turned > _FORGET_NS:
                del state.sides[fence.zone]
                continue
            odds = min(max(fence.log_odds(p, sigma), -_ONE_FIX), _ONE_FIX)
            _note(side, fix, p, -odds if side.inside else odds, rests=stay.rests)
        turned = _at_rest(side, fence, fix, stay) if stay.rests else _on_the_way(side, fence, fix, stay, _patience(state))
        if turned is not None:
            happened.append(_turn(side, fence.zone, turned, fix, p))
    state.last = fix


def _approach(fence: Fence, last: Seen | None) -> _Side:
    """A zone that the device comes near to: it was outside."""
    if last is None:
        return _Side(inside=False, visit="", turned=0, same=0, same_p=0.0)
    return _Side(inside=False, visit="", turned=0, same=last.at, same_p=fence.probability(last.east, last.north, last.sigma))


def _note(side: _Side, fix: Seen, p: float, other: float, *, rests: bool) -> None:
    """Weigh a fix that says so much for the other side."""
    side.weight = 0.0 if rests else max(0.0, min(side.weight, _LEAVE + _ENTER) + other)
    if other <= 0 and side.weight == 0.0:
        side.same, side.same_p, side.first = fix.at, p, 0
    elif other > 0 and not side.first:
        side.first, side.first_id, side.first_p = fix.at, fix.id, p


class _Turned(NamedTuple):
    at: int
    id: str


def _on_the_way(side: _Side, fence: Fence, fix: Seen, stay: Stay, patience: int) -> _Turned | None:
    needed, lasting = (_LEAVE, fence.leave) if side.inside else (_ENTER, fence.enter)
    if side.weight < needed or not side.first:
        return None
    if side.inside and side.same >= stay.since:
        return None  # all its fixes since it was inside lie around one place: it has not evidently moved
    crossed = _crossed(side, patience)
    return _Turned(crossed, side.first_id) if fix.at - crossed >= lasting else None


def _place(side: _Side, fence: Fence, stay: Stay, fix: Seen) -> float:
    """How likely the place of a stay is inside; looked at anew where the place, or how well it is known, has changed."""
    sigma = stay.place_sigma(fix.at)
    if side.place_sigma:
        moved = max(abs(stay.east - side.place_east), abs(stay.north - side.place_north), abs(sigma - side.place_sigma))
        if moved <= _SAME * sigma:
            return side.place_p
    side.place_east, side.place_north, side.place_sigma = stay.east, stay.north, sigma
    side.place_p = fence.probability(stay.east, stay.north, sigma)
    return side.place_p


def _at_rest(side: _Side, fence: Fence, fix: Seen, stay: Stay) -> _Turned | None:
    odds = fence.log_odds(_place(side, fence, stay, fix), side.place_sigma)
    if side.inside:
        gone = odds <= -_LEAVE_AT_REST
        return _Turned(side.first or fix.at, side.first_id if side.first else fix.id) if gone else None
    if odds < _ENTER_AT_REST:
        return None
    # it has been here since the stay began, unless it left during the stay
    return _Turned(stay.since, stay.since_id) if stay.since > side.turned else _Turned(fix.at, fix.id)


def _crossed(side: _Side, patience: int) -> int:
    """When the border was crossed: where the way between the two fixes meets it, by how far each lies from it in sigmas.

    Of a device that was silent between them only what it told is known: it was there up to the last fix, or from the first.
    """
    if not side.same:
        return side.first
    if side.first - side.same > patience:
        return side.same if side.inside else side.first
    before, after = _sigmas(side.same_p), _sigmas(side.first_p)
    share = min(max(before / (before - after), 0.0), 1.0) if before != after else 0.5
    return side.same + round((side.first - side.same) * share)


def _sigmas(p: float) -> float:
    return _normal.inv_cdf(min(max(p, 1e-9), 1 - 1e-9))


def _turn(side: _Side, zone: str, turned: _Turned, fix: Seen, p: float) -> Happening:
    at = max(turned.at, side.turned)
    visit = side.visit
    side.inside = not side.inside
    side.visit = turned.id if side.inside else ""
    side.turned = at
    side.same, side.same_p, side.first, side.weight = fix.at, p, 0, 0.0
    return Entered(zone, turned.id, at, fix.at) if side.inside else Left(zone, visit, turned.id, at, fix.at)
