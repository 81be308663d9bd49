"""The errors of the tracking service.

TrackingError               (a PlumblineError)
├── OrderRefusedError       an order document that cannot be taken: file or request, path in it, reason
└── UnknownThingError       an order, milestone, site or picture that does not exist
"""

from plumbline.errors import PlumblineError


class TrackingError(PlumblineError):
    """Anything that tracking refuses."""


class OrderRefusedError(TrackingError):
    """An order document cannot be taken; the text says where in it and why."""


class UnknownThingError(TrackingError):
    """There is nothing by that name."""
