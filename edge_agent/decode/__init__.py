"""Every barcode and 2D code in a picture.

    >>> from edge_agent.decode import decode
    >>> decode(Path("label.jpg"))
    [Symbol(format='Code128', text='…', …)]

The way of a picture: `picture` opens it safely, `ladder` tries `view`s of it in `treatment`s, whole or cut into `strips`,
on the `engines`; their readings gather votes in `ballot` (for EAN and UPC with `retail_pattern`), and what is believed
becomes a `symbol`.
"""

from edge_agent.decode.errors import DecodeError
from edge_agent.decode.reading import decode
from edge_agent.decode.symbol import Symbol

__all__ = ["DecodeError", "Symbol", "decode"]
