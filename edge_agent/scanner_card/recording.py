"""What a scanner sent, as a file: to learn from it elsewhere, or to send it to somebody who can.

Either the bytes of a serial port as they came (`cat /dev/ttyACM0 > captured.txt`), or what `plumbline scanner learn --record`
wrote: a first line and then a JSON object a shot, `{"bytes": "…"}` (characters are bytes) or `{"keys": [[code, value], …]}`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from edge_agent.scanner_card.learning import Learnt, learn, learn_keys
from plumbline.errors import PlumblineError

_FIRST: Final = "# plumbline scanner recording 1"
#: A card's worth of scans is some kilobytes; what is larger is another file.
_MOST_BYTES: Final = 16 * 1024 * 1024


class _Shot(msgspec.Struct, forbid_unknown_fields=True):
    bytes: str | None = None
    keys: list[tuple[int, int]] | None = None


@dataclass
class Recording:
    """Shots of one scanner: what came between silences, as bytes or as keys."""

    serial: list[bytes] = field(default_factory=list[bytes])
    keys: list[Sequence[tuple[int, int]]] = field(default_factory=list[Sequence[tuple[int, int]]])

    def learn(self) -> Learnt:
        """What the shots tell."""
        return learn_keys(self.keys) if self.keys else learn(self.serial)

    def save(self, path: Path) -> None:
        """Write the shots. Raises `OSError`."""
        lines = [_FIRST]
        lines += [json.dumps({"bytes": shot.decode("latin-1")}) for shot in self.serial]
        lines += [json.dumps({"keys": [list(stroke) for stroke in shot]}) for shot in self.keys]
        path.write_text("\n".join(lines) + "\n", encoding="ascii")


def load(path: Path) -> Recording:
    """Read a recording. Raises `PlumblineError` where it cannot be read or is none."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise PlumblineError(f"{path}: is larger than {_MOST_BYTES} bytes, which no card's scans are; name another file")
        data = path.read_bytes()
    except OSError as error:
        raise PlumblineError(f"{path}: cannot be read ({error.strerror}); name a readable file") from error
    if not data.startswith(_FIRST.encode()):
        return Recording(serial=[data])
    recording = Recording()
    for number, line in enumerate(data.splitlines()[1:], 2):
        try:
            shot = msgspec.json.decode(line, type=_Shot)
            if shot.bytes is not None:
                recording.serial.append(shot.bytes.encode("latin-1"))
        except (msgspec.DecodeError, UnicodeEncodeError) as error:
            raise PlumblineError(f"{path}: line {number} is no shot ({error}); record it again") from error
        if shot.keys is not None:
            recording.keys.append(shot.keys)
    if recording.serial and recording.keys:
        raise PlumblineError(f"{path}: holds bytes and keys, so two scanners; record one")
    return recording
