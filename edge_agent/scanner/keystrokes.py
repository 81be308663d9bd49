"""Labels from the keys of a wedge scanner: which keys belong together, and whether a scanner or a hand typed them. Pure.

A label that may be wrong is worse than none: where a key event got lost, the label is dropped and reported.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from edge_agent.scanner.framing import Fault, Frame, Frames
from edge_agent.scanner.keyboard import DOWN, MODIFIERS, REPEATED, Keyboard
from plumbline import profile
from plumbline.profile import Framing

#: A hand that pauses this long has finished; what it typed is reported as one.
_HAND_RESTS_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Key:
    """One key event of the kernel."""

    at_us: int
    """Microseconds of a clock that the kernel stamps events with."""
    code: int
    value: int
    """0 up, 1 down, 2 repeated while held."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The kernel's buffer was full and events are missing (SYN_DROPPED)."""

    down: frozenset[int]
    """The keys that are down now."""


class Keystrokes:
    """Cuts the key events of one scanner into labels.

    Args:
        keyboard: how the scanner types.
        framing: its prefix, suffix and limit.
        loose: nobody knows the suffix: CR, LF, Tab or silence end a label.
        idle_timeout_s: the silence that ends (or, with a suffix, drops) a label; measured on the events' own times.
        slowest_key_ms: a label most of whose keys came slower than this was typed by hand; 0: hands are not told apart.
    """

    def __init__(
        self, keyboard: profile.Keyboard, framing: Framing, *, loose: bool, idle_timeout_s: float, slowest_key_ms: int
    ) -> None:
        self._keyboard = Keyboard(keyboard)
        self._frames = Frames(framing, loose=loose)
        self._idle_us = round(idle_timeout_s * 1e6)
        self._slowest_us = slowest_key_ms * 1000
        self._last_us: int | None = None
        self._pressed_us = 0
        self._slow = 0
        self._fast = 0
        self._by_hand = 0
        # Why the label cannot be trusted; empty: it has been reported already.
        self._doubt: str | None = None
        self._ended: list[Frame] = []

    @property
    def unfinished(self) -> bool:
        """Whether a silence would bring something to an end."""
        waiting = self._frames.unfinished or self._ended or self._by_hand or self._keyboard.held
        return bool(waiting) or self._doubt is not None

    @property
    def pressed_s(self) -> float:
        """When the last key came, by the kernel's clock; while a label is given: its own last one."""
        return (self._last_us or 0) / 1e6

    def feed(self, key: Key) -> Iterator[Frame | Fault]:
        """Take the next event; the labels that it completes, and what was wrong."""
        if self._last_us is not None and key.at_us - self._last_us >= self._idle_us:
            yield from self.silence((key.at_us - self._last_us) / 1e6)
        if self._ended and key.value == DOWN:
            # The suffix came with Shift still down, and now the next label begins: its key-up got lost.
            self._keyboard.settle()
            self._suspect("a modifier key stayed down")
            yield from self._judged()
        typed, doubt = self._keyboard.press(key.code, key.value)
        pressed = key.value == DOWN and key.code not in MODIFIERS
        if key.value == REPEATED and key.code not in MODIFIERS:
            doubt = "a key stayed down"
        if doubt and (self._frames.unfinished or typed):
            self._suspect(doubt)
        if pressed:
            self._pace(key.at_us)
            self._pressed_us = key.at_us
        self._last_us = key.at_us
        yield from self._sorted(self._frames.feed(typed))
        if self._ended and not self._keyboard.held:
            yield from self._judged()

    def lost(self, lost: Lost) -> Iterator[Frame | Fault]:
        """Events are missing: what is unfinished cannot be trusted, and what follows up to the next end neither."""
        yield Fault(
            "key events were lost (the gateway was too busy); the label is dropped, scan it again, and check the gateway's load"
        )
        self._keyboard.resync(lost.down)
        self._ended.clear()
        self._doubt = ""

    def silence(self, silent_s: float) -> Iterator[Frame | Fault]:
        """Nothing came for `silent_s`, at least the configured time: the label ends here, or is given up."""
        if self._ended or (self._keyboard.held and self._frames.unfinished):
            self._suspect("a modifier key stayed down")
        yield from self._sorted(self._frames.feed(self._keyboard.settle()))
        yield from self._sorted(self._frames.silence())
        yield from self._judged()
        self._doubt = None
        self._slow = self._fast = 0
        if self._by_hand and silent_s >= _HAND_RESTS_S:
            keys, self._by_hand = self._by_hand, 0
            yield Fault(
                f"{keys} keys were typed by hand, not scanned; they are no label (a scanner that is as slow needs a higher "
                "'slowest_key_ms')"
            )

    def cut_off(self) -> Iterator[Fault]:
        """The device is gone: half a label is no label."""
        if self._frames.unfinished or self._ended:
            yield Fault("the scanner went away in the middle of a label, which is dropped; scan it again")

    def _sorted(self, items: Iterator[Frame | Fault]) -> Iterator[Fault]:
        """Keep the labels for judgement; pass on what was wrong with others, but never what a hand typed."""
        for item in items:
            if isinstance(item, Frame):
                self._ended.append(item)
            elif self._hand:
                self._by_hand += self._slow + self._fast + 1
            elif self._doubt is None:
                yield item
            elif self._doubt:
                yield _dropped(self._doubt)

    def _suspect(self, doubt: str) -> None:
        if self._doubt is None:
            self._doubt = doubt

    @property
    def _hand(self) -> bool:
        return self._slowest_us > 0 and (self._slow > self._fast or self._slow + self._fast == 0)

    def _pace(self, at_us: int) -> None:
        if not self._frames.unfinished:
            return
        if at_us - self._pressed_us > self._slowest_us:
            self._slow += 1
        else:
            self._fast += 1

    def _judged(self) -> Iterator[Frame | Fault]:
        """The labels that have ended, or why they count for nothing."""
        if not self._ended:
            return
        ended, self._ended = self._ended, []
        hand, doubt = self._hand, self._doubt
        self._slow = self._fast = 0
        self._doubt = None
        if hand:
            self._by_hand += sum(len(frame.content) for frame in ended)
        elif doubt is None:
            yield from ended
        elif doubt:
            yield _dropped(doubt)


def _dropped(doubt: str) -> Fault:
    return Fault(f"{doubt}: a key event was lost; the label is dropped, scan it again, and check cable or radio")
