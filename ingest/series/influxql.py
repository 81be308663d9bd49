"""Quoting for InfluxQL: whatever stands in a name or a text stays inside its quotes."""

from typing import Final

_IN_STRING: Final = str.maketrans({"\\": "\\\\", "'": "\\'", "\n": "\\n"})
_IN_IDENTIFIER: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


def string(text: str) -> str:
    """`text` as a string literal."""
    return f"'{text.translate(_IN_STRING)}'"


def identifier(name: str) -> str:
    """`name` as the name of a measurement, tag or field."""
    return f'"{name.translate(_IN_IDENTIFIER)}"'
