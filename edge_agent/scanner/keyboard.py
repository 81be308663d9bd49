"""From the keys that a wedge scanner presses to the bytes that a serial one would have sent. Pure: no device, no clock.

    (key code, down | up | repeated) ── Keyboard.press ──► UTF-8

Enter is CR, Tab is HT, Ctrl with a letter or a sign is its control character, Alt with digits of the number pad
is the character of that number. A key that types nothing (F8, Home) stands as a private-use character, U+E000 plus its
code, so that a scanner that sends such a key for GS can be told so in its profile.
"""

import unicodedata
from typing import Final

from edge_agent.scanner.layouts import COMBINING, LAYOUTS, SPACE
from plumbline import profile

#: Values of a key event (Documentation/input/event-codes.rst, EV_KEY).
UP: Final = 0
DOWN: Final = 1
REPEATED: Final = 2

_SHIFTS: Final = frozenset({42, 54})
_CONTROLS: Final = frozenset({29, 97})
_LEFT_ALT: Final = 56
RIGHT_ALT: Final = 100
_METAS: Final = frozenset({125, 126})
MODIFIERS: Final = _SHIFTS | _CONTROLS | {_LEFT_ALT, RIGHT_ALT} | _METAS
CAPS_LOCK: Final = 58
#: Keys that only light a lamp.
_SILENT: Final = frozenset({69, 70})
_TYPED: Final = {1: "\x1b", 14: "\b", 15: "\t", 28: "\r", 96: "\r", 111: "\x7f"}
PAD: Final = {82: 0, 79: 1, 80: 2, 81: 3, 75: 4, 76: 5, 77: 6, 71: 7, 72: 8, 73: 9}
_PAD_SIGNS: Final = {55: "*", 74: "-", 78: "+", 83: ".", 98: "/"}
#: First of the private-use characters that stand for keys without one.
NAMELESS: Final = 0xE000
#: The longest number of an Alt code: more digits come from a cat on the keyboard.
_MOST_DIGITS: Final = 7


class Keyboard:
    """Follows the keys of one scanner. What is held or pending is bounded by what a keyboard has."""

    def __init__(self, table: profile.Keyboard) -> None:
        self._table = table
        self._keys = LAYOUTS[table.layout]
        self._held: set[int] = set()
        self._caps = False
        self._accent = ""
        self._digits: str | None = None

    @property
    def held(self) -> bool:
        """Whether Shift, Ctrl or Alt is down."""
        return bool(self._held)

    def press(self, code: int, value: int) -> tuple[bytes, str | None]:
        """What the event typed, and why it cannot be trusted: a modifier that went down twice, or up without having been down."""
        if code in MODIFIERS:
            return self._modifier(code, value)
        if value != DOWN:
            return b"", None
        if code == CAPS_LOCK:
            self._caps = not self._caps
            return b"", None
        if code in _SILENT:
            return b"", None
        if self._alt and not self._control and code in PAD:
            self._digits = ((self._digits or "") + str(PAD[code]))[:_MOST_DIGITS]
            return b"", None
        return self._character(code), None

    def settle(self) -> bytes:
        """The scanner has finished: what an accent key still held back. Modifiers and Caps Lock are let go of."""
        rest, self._accent = self._accent, ""
        self._held.clear()
        self._caps = False
        self._digits = None
        return rest.encode()

    def resync(self, down: frozenset[int]) -> None:
        """Events were lost; these keys are down now."""
        self.settle()
        self._held = set(down & MODIFIERS)

    def _modifier(self, code: int, value: int) -> tuple[bytes, str | None]:
        doubt = None
        if value == DOWN:
            if code in self._held:
                doubt = "a modifier key went down twice"
            self._held.add(code)
        elif value == UP:
            if code not in self._held:
                doubt = "a modifier key went up that was not down"
            self._held.discard(code)
            if self._digits is not None and not self._alt:
                digits, self._digits = self._digits, None
                return self._numbered(digits), doubt
        return b"", doubt

    @property
    def _alt(self) -> bool:
        return _LEFT_ALT in self._held or (RIGHT_ALT in self._held and not self._keys.has_altgr)

    @property
    def _control(self) -> bool:
        return bool(self._held & _CONTROLS)

    @property
    def _level(self) -> int:
        """Ctrl and the left Alt together are AltGr, too."""
        altgr = self._keys.has_altgr and (RIGHT_ALT in self._held or (_LEFT_ALT in self._held and self._control))
        return 2 * altgr + bool(self._held & _SHIFTS)

    def _character(self, code: int) -> bytes:
        if fixed := _TYPED.get(code):
            return self._flushed() + fixed.encode()
        if code in PAD or code in _PAD_SIGNS:
            return self._accented(str(PAD[code]) if code in PAD else _PAD_SIGNS[code])
        level = self._level
        if self._control and (_LEFT_ALT not in self._held or not self._keys.has_altgr):
            control = self._control_character(code, level)
            return self._flushed() + (control or chr(NAMELESS + code)).encode()
        character = self._keys.characters.get((code, level))
        if character is None:
            return self._flushed() + chr(NAMELESS + code).encode()
        if self._caps and len(other := character.swapcase()) == 1:
            character = other
        if self._table.dead_keys and (code, level) in self._keys.dead:
            typed, self._accent = self._flushed(), character
            return typed
        return self._accented(character)

    def _control_character(self, code: int, level: int) -> str | None:
        """What Ctrl makes of a key: by its letter on this layout, else by its place on the US one (Ctrl+] is a place)."""
        for keys in (self._keys, LAYOUTS["us"]):
            for one in (level, 0, 1):
                character = keys.characters.get((code, one), "").upper()
                if len(character) == 1 and "@" <= character <= "_":
                    return chr(ord(character) & 0x1F)
        return None

    def _accented(self, character: str) -> bytes:
        accent, self._accent = self._accent, ""
        if not accent or not character:
            return (accent + character).encode()
        if character == " ":
            return accent.encode()
        composed = unicodedata.normalize("NFC", character + COMBINING[accent])
        # The layouts compose what Latin-1 has and nothing else.
        return (composed if len(composed) == 1 and composed <= "\xff" else accent + character).encode()

    def _flushed(self) -> bytes:
        accent, self._accent = self._accent, ""
        return accent.encode()

    def _numbered(self, digits: str) -> bytes:
        """What an Alt code typed."""
        number = int(digits)
        if number > 255:
            return self._accented(self._wide(number))
        if number < 128:
            return self._accented(chr(number))
        if self._table.alt_codes == "bytes":
            return self._flushed() + bytes([number])
        return self._accented(bytes([number]).decode("cp1252" if digits.startswith("0") else "cp437", "replace"))

    def _wide(self, number: int) -> str:
        if self._table.alt_codes == "gbk":
            return number.to_bytes(4, "big").lstrip(b"\0").decode("gb18030", "replace")
        return chr(number) if number < 0x110000 and not 0xD800 <= number < 0xE000 else "\ufffd"


__all__ = ["CAPS_LOCK", "DOWN", "MODIFIERS", "NAMELESS", "PAD", "REPEATED", "RIGHT_ALT", "SPACE", "UP", "Keyboard"]
