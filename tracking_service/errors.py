"""The errors of the tracking service.

TrackingError               (a PlumblineError)
├── ActRefusedError         an act of the office that cannot be taken: path in it, or what it is about, and the reason
├── FileRefusedError        a schedule or a list that cannot be read: file, line or row, reason
├── ListenError             the address of the screens cannot be had: it is taken, or not this machine's
├── OrderChangedError       an order is not any more what a difference was shown of
├── OrderRefusedError       an order document that cannot be taken: file or request, path in it, reason
├── PlanError               a site's plan that cannot be drawn, or cannot lie where its corners say
└── UnknownThingError       an order, milestone, site or picture that does not exist
"""

from plumbline.errors import PlumblineError


class TrackingError(PlumblineError):
    """Anything that tracking refuses."""


class ActRefusedError(TrackingError):
    """An act of the office cannot be taken; the text says where in it and why."""


class FileRefusedError(TrackingError):
    """A schedule or a list cannot be read; the text says which file, where in it, why, and what to do."""


class ListenError(TrackingError):
    """The address of the screens and the API cannot be had; the text says why."""


class OrderChangedError(TrackingError):
    """An order was changed between the look at a difference and its application."""


class OrderRefusedError(TrackingError):
    """An order document cannot be taken; the text says where in it and why."""


class PlanError(TrackingError):
    """The plan of a site cannot be made into a map; the text says why and what to do."""


class UnknownThingError(TrackingError):
    """There is nothing by that name."""
