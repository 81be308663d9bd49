"""So much of something, as people say it: `1 box`, `12 boxes`, `12 箱`. What is measured, and any unit unknown here, stays as written."""

from decimal import Decimal
from typing import Final, NamedTuple

from plumbline.text import Text, amount


class _Word(NamedTuple):
    one: str
    many: str
    zh: str


#: One, several, in Chinese; `web/src/units.ts` has the same rows.
_ROWS: Final = (
    ("pc", "pcs", "件"),
    ("piece", "pieces", "件"),
    ("box", "boxes", "箱"),
    ("carton", "cartons", "箱"),
    ("case", "cases", "箱"),
    ("crate", "crates", "箱"),
    ("bag", "bags", "袋"),
    ("sack", "sacks", "袋"),
    ("pack", "packs", "包"),
    ("package", "packages", "包"),
    ("pallet", "pallets", "托"),
    ("roll", "rolls", "卷"),
    ("coil", "coils", "卷"),
    ("reel", "reels", "盘"),
    ("drum", "drums", "桶"),
    ("barrel", "barrels", "桶"),
    ("bucket", "buckets", "桶"),
    ("can", "cans", "罐"),
    ("bottle", "bottles", "瓶"),
    ("tube", "tubes", "支"),
    ("cartridge", "cartridges", "支"),
    ("sheet", "sheets", "张"),
    ("panel", "panels", "块"),
    ("plate", "plates", "块"),
    ("block", "blocks", "块"),
    ("slab", "slabs", "块"),
    ("bar", "bars", "根"),
    ("pipe", "pipes", "根"),
    ("rod", "rods", "根"),
    ("pole", "poles", "根"),
    ("pile", "piles", "根"),
    ("bundle", "bundles", "捆"),
    ("set", "sets", "套"),
    ("kit", "kits", "套"),
    ("pair", "pairs", "副"),
    ("load", "loads", "车"),
)
_WORDS: Final = {name: _Word(*row) for row in reversed(_ROWS) for name in row}


def counted(quantity: Decimal, unit: str) -> Text:
    """A quantity with its unit, in the number that the language asks for."""
    word = _WORDS.get(unit) or _WORDS.get(unit.casefold())
    told = amount(quantity)
    if word is None:
        return Text(f"{told} {unit}", f"{told} {unit}")
    return Text(f"{told} {word.one if abs(quantity) == 1 else word.many}", f"{told} {word.zh}")
