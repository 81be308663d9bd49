"""What the decoder raises.

PlumblineError
└── DecodeError         a picture could not be opened at all; a picture without a code is no error
"""

from plumbline.errors import PlumblineError


class DecodeError(PlumblineError):
    """The picture could not be opened: not a picture, cut off, too large, unreadable; the text says which and what to do."""
