"""Read one picture file."""

import hashlib
import os
from pathlib import Path
from typing import Final

from edge_agent.decode import DecodeError, Symbol, decode
from edge_agent.decode.picture import load_gray, read_file
from edge_agent.readers.camera.messages import Aim, Code, Picture, PictureGone, PictureRead, PictureRefused
from edge_agent.readers.camera.worker.framing import aimed

#: OpenCV's words when it gets no memory.
_NO_MEMORY: Final = "Failed to allocate"
_TOO_LARGE: Final = "the picture takes more memory than the reader may use; reduce it, or raise memory_mb"


def read_picture(request: Picture) -> PictureRead | PictureRefused | PictureGone:
    """Read the picture file that `request` names; what cannot be read is refused with the reason."""
    path = Path(os.fsdecode(request.path))
    try:
        path.stat()
        data = read_file(path)
        image = data if request.aim == Aim() else aimed(load_gray(data), request.aim)
        codes = codes_of(decode(image, budget_ms=request.budget_ms))
    except FileNotFoundError:
        return PictureGone()
    except DecodeError as error:
        if not path.exists():
            return PictureGone()
        return PictureRefused(_TOO_LARGE if _NO_MEMORY in str(error) else str(error))
    except MemoryError:
        return PictureRefused(_TOO_LARGE)
    except Exception as error:  # noqa: BLE001 - a library's mistake about one picture must not stop the next; it is told
        return PictureRefused(f"the decoder failed on it ({type(error).__name__}: {error}); report it with the picture")
    return PictureRead(codes, hashlib.sha256(data).hexdigest())


def codes_of(symbols: list[Symbol]) -> tuple[Code, ...]:
    """What of `symbols` the agent needs."""
    return tuple(Code(symbol.format, symbol.text, symbol.bytes, symbol.identifier) for symbol in symbols)
