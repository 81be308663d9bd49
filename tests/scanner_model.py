"""A scanner that types: the keys that a wedge scanner presses for a text, written apart from the reader that undoes them."""

from collections.abc import Iterator

from edge_agent.scanner.layouts import LAYOUTS

LEFT_SHIFT, LEFT_CTRL, LEFT_ALT, ALTGR, SPACE = 42, 29, 56, 100, 57
PAD = [82, 79, 80, 81, 75, 76, 77, 71, 72, 73]
#: Which modifiers a level takes.
LEVELS = ((), (LEFT_SHIFT,), (ALTGR,), (ALTGR, LEFT_SHIFT))
#: The keys whose control characters scanners press by their place on the US keyboard.
CONTROLS = {"\x1b": 26, "\x1c": 43, "\x1d": 27}


def tap(code: int, *modifiers: int) -> Iterator[tuple[int, int]]:
    """Press and release a key."""
    yield from ((each, 1) for each in modifiers)
    yield from ((code, 1), (code, 0))
    yield from ((each, 0) for each in reversed(modifiers))


def alt_code(digits: str) -> Iterator[tuple[int, int]]:
    yield LEFT_ALT, 1
    for digit in digits:
        yield from tap(PAD[int(digit)])
    yield LEFT_ALT, 0


def beyond(character: str, alt_codes: str) -> Iterator[tuple[int, int]]:
    """A character that the layout lacks."""
    if alt_codes == "bytes":
        for byte in character.encode():
            yield from alt_code(f"0{byte}")
        return
    code = character.encode("cp1252", "ignore")
    if len(code) == 1:
        yield from alt_code(f"0{code[0]}")
    elif alt_codes == "gbk":
        yield from alt_code(str(int.from_bytes(character.encode("gb18030"), "big")))
    else:
        yield from alt_code(str(ord(character)))


def type_text(text: str, layout: str, *, dead_keys: bool = True, alt_codes: str = "windows") -> list[tuple[int, int]]:
    """(key code, value) of every key event that a scanner set to `layout` sends for `text`."""
    keys = LAYOUTS[layout]
    places = {character: place for place, character in reversed(keys.characters.items())}
    strokes: list[tuple[int, int]] = []
    for character in text:
        if character in {"\r", "\t"}:
            strokes += tap(28 if character == "\r" else 15)
        elif character in CONTROLS:
            strokes += tap(CONTROLS[character], LEFT_CTRL)
        elif character == "\x1e":
            strokes += tap(7, LEFT_CTRL, LEFT_SHIFT) if layout in {"us", "cn", "uk"} else alt_code("030")
        elif character < " ":
            place, _ = places[chr(ord(character) | 0x60)]
            strokes += tap(place, LEFT_CTRL)
        elif character in places:
            code, level = places[character]
            strokes += tap(code, *LEVELS[level])
            if (code, level) in keys.dead and dead_keys:
                strokes += tap(SPACE)
        else:
            strokes += beyond(character, alt_codes)
    return strokes
