"""The wedge scanner: input device → keys → labels → scans."""

import asyncio
import errno
import os
import select
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager

from edge_agent.expected import Expectation
from edge_agent.outbox import OutboxError
from edge_agent.reader import Capture, Emit, ReaderError
from edge_agent.readers.wedge_scanner.input_device import InputDevice
from edge_agent.scanner.framing import Fault, Frame
from edge_agent.scanner.keystrokes import Keystrokes, Lost
from edge_agent.scanner.label import Labels
from edge_agent.scanner.repeats import Repeats
from edge_agent.unplugged import UnpluggedError
from plumbline.patience import Patience
from plumbline.profile import Framing


class WedgeScanner:
    """Reads one scanner that types (see `edge_agent.reader.Reader`).

    Args:
        device: name in the events.
        path: of the input device.
        grab: whether the keys are kept from the gateway's console.
        keystrokes: makes a fresh cutter for each time that the device is opened.
        framing: what the scanner adds to a label.
        idle_timeout_s: as `keystrokes` has it.
        repeat_window_s: within it the same code is the same scan.
        report: takes what was wrong with one label.
        expected: what the site expects.
    """

    def __init__(
        self,
        *,
        device: str,
        path: str,
        grab: bool,
        keystrokes: Callable[[], Keystrokes],
        framing: Framing,
        idle_timeout_s: float,
        repeat_window_s: float,
        report: Callable[[str, str], None],
        expected: Expectation | None,
    ) -> None:
        self._device = device
        self._path = path
        self._grab = grab
        self._keystrokes = keystrokes
        self._idle_timeout_s = idle_timeout_s
        self._report = report
        self._labels = Labels(framing, expected)
        self._repeats = Repeats(repeat_window_s)

    async def run(self, emit: Emit) -> None:
        """Read until cancelled. Raises `ReaderError` where the device cannot be opened or is gone."""
        with self._opened() as device:
            strokes = self._keystrokes()
            silent_s = 0.0
            while True:
                if not await _readable(device.fd, self._idle_timeout_s if strokes.unfinished else None):
                    silent_s += self._idle_timeout_s
                    await self._take(strokes, strokes.silence(silent_s), emit)
                    continue
                silent_s = 0.0
                try:
                    events = list(device.read())
                except (OSError, EOFError) as error:
                    await self._take(strokes, strokes.cut_off(), emit)
                    raise self._gone(error) from error
                for event in events:
                    found = strokes.lost(event) if isinstance(event, Lost) else strokes.feed(event)
                    await self._take(strokes, found, emit)

    async def check(self, patience_s: float) -> str:
        """Open the device as `run` would, see whether it is a keyboard, and close it; a scanner need not say anything.

        Raises `ReaderError` where it cannot be opened, is grabbed by another program, or is no keyboard.
        """
        del patience_s
        with self._opened() as device:
            if not device.is_keyboard:
                raise ReaderError(
                    self._device,
                    f"{self._path} is no keyboard ({device.name or 'not an input device'})",
                    "that 'device' ends in -event-kbd (ls -l /dev/input/by-id) and that the scanner is in keyboard (HID) mode",
                )
            kept = "keys are kept from the console" if self._grab else "keys also go to the console (grab = false)"
            return f"open: {device.name}; {kept}"

    @contextmanager
    def _opened(self) -> Generator[InputDevice]:
        try:
            device = InputDevice(self._path, grab=self._grab)
        except OSError as error:
            raise self._unopened(error) from error
        try:
            yield device
        finally:
            device.close()

    async def _take(self, strokes: Keystrokes, items: Iterable[Frame | Fault], emit: Emit) -> None:
        for item in items:
            if isinstance(item, Fault):
                self._report(self._device, item.what)
                continue
            label, faults = self._labels.read(item.content)
            for what in faults:
                self._report(self._device, what)
            # By the kernel's clock: what was scanned twice while the gateway stood still is read in one moment.
            if not self._repeats.seen(item.content, strokes.pressed_s):
                try:
                    await emit(Capture(self._device, label))
                except OutboxError:
                    self._repeats.forget(item.content)  # scanned again, it is no repetition of anything that is kept
                    raise

    def _gone(self, error: Exception) -> ReaderError:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "nothing more comes"
        check = "its plug, its cable or its radio base"
        return UnpluggedError(self._device, f"{self._path} went away ({reason})", check, self._path)

    def _unopened(self, error: OSError) -> ReaderError:
        reason = os.strerror(error.errno) if error.errno else str(error)
        if error.errno == errno.EBUSY:
            return ReaderError(
                self._device, f"{self._path} is grabbed by another program", "that no other agent or reader has it"
            )
        if error.errno in {errno.ENOTTY, errno.EINVAL}:
            return ReaderError(
                self._device,
                f"{self._path} is no input device ({reason})",
                "that 'device' names a file in /dev/input/by-id that ends in -event-kbd",
            )
        return UnpluggedError(
            self._device,
            f"{self._path} cannot be opened ({reason})",
            "that it is plugged in and in keyboard (HID) mode, that 'device' names it (ls -l /dev/input/by-id) and that the "
            "agent's user is in group input",
            self._path,
        )


async def _readable(fd: int, timeout_s: float | None) -> bool:
    """Whether there is something to read before `timeout_s` is over. Between two calls nothing is watched: floods wait.

    A gateway that stood still for longer finds its timeout over and the keys there at once: the device is asked again before
    it is called silent, since half a label would pass for a whole one.
    """
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()

    def now() -> None:
        loop.remove_reader(fd)
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(fd, now)
    try:
        async with Patience(timeout_s):
            await ready
    except TimeoutError:
        device = select.poll()
        device.register(fd, select.POLLIN)
        return bool(device.poll(0))
    finally:
        loop.remove_reader(fd)
    return True
