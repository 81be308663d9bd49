"""The one error of this package."""

from plumbline.errors import PlumblineError


class Gs1Error(PlumblineError):
    """Text is not GS1 data, or breaks its rules; the text says which application identifier and why."""
