"""Matrix codes one by one: a damaged, blurred or faint one cut out, enlarged, and read in the ways that bring most.

Error correction keeps each of these looks honest. Their order is by what they read of 239 drawn codes that the first look
did not: the first two together half of all that any way reads.
"""

from collections.abc import Callable
from typing import Final

from edge_agent.decode import engines
from edge_agent.decode.ballot import Ballot
from edge_agent.decode.treatment import flattened, sharpened, softened, thresholded
from edge_agent.decode.view import View

#: A code enlarged has at most so many megapixels: it has few modules, and time goes with the pixels.
_ENLARGED_MP: Final = 0.6
#: Ways that tell most, for places where little speaks for a code.
GLANCE: Final = 2


def study(ballot: Ballot, place: View, step: str, unsure: Callable[[], bool], *, ways: int | None = None) -> None:
    """Read `place`, a code with its quiet zone, in the first so many `ways` (or all), for as long as `unsure`."""
    place = place.limited(_ENLARGED_MP)
    large = place.scaled(max(1.0, min(2.0, (_ENLARGED_MP * 1e6 / place.pixels.size) ** 0.5)))

    def look(view: View, name: str, *, whole_histogram: bool = False) -> None:
        ballot.add(engines.zxing(view, matrix_only=True, whole_histogram=whole_histogram), f"{step} {name}")

    looks: list[Callable[[], None]] = [
        lambda: look(large.treated(lambda g: sharpened(g, 5, 5)), "very crisp"),
        lambda: look(place.treated(softened), "softened"),
        lambda: look(large.treated(lambda g: sharpened(g, 2, 3)), "crisp, histogram", whole_histogram=True),
        lambda: look(place.treated(thresholded), "thresholded"),
        lambda: ballot.add(engines.zbar(place), f"{step} matrix"),
        lambda: look(place.turned(45), "turned"),
        lambda: look(large.treated(lambda g: sharpened(g, 2, 3)), "crisp"),
        lambda: look(large.treated(lambda g: softened(g, 2)), "enlarged, softened"),
        lambda: look(large.treated(flattened), "flattened"),
        lambda: ballot.add(engines.opencv_qr(place.limited(0.3)), f"{step} bent"),
        lambda: look(place, "histogram", whole_histogram=True),
    ]
    for way in looks[:ways]:
        if not unsure():
            return
        way()
