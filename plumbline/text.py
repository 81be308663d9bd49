"""A sentence in both languages that Plumbline speaks."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

Language = Literal["zh", "en"]

#: What a database or a screen cannot hold or show, made visible (U+2400 block): PostgreSQL refuses NUL in a text.
_VISIBLE: Final = {code: 0x2400 + code for code in range(0x20)} | {0x7F: 0x2421}


@dataclass(frozen=True, slots=True)
class Text:
    """The same sentence in English and Chinese."""

    en: str
    zh: str

    def of(self, language: Language) -> str:
        """The sentence in one language."""
        return self.zh if language == "zh" else self.en


def visible(text: str, limit: int = 256) -> str:
    """A scanned text as people may see it: control characters as pictures, at most `limit` characters."""
    shown = text.translate(_VISIBLE)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def amount(quantity: Decimal) -> str:
    """A quantity without trailing zeros: `8`, `2.5`."""
    return format(quantity.normalize(), "f") if quantity else "0"


def joined(parts: Iterable[Text]) -> Text:
    """A list in both languages, with each language's own separator."""
    rows = tuple(parts)
    return Text(", ".join(part.en for part in rows), "、".join(part.zh for part in rows))
