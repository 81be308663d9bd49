"""A picture file, its bytes or a camera frame as a grey image, with bounded memory and a clear refusal."""

from functools import cache
from pathlib import Path
from typing import Any, Final, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.decode.errors import DecodeError
from edge_agent.decode.header import Header, read_header

Gray = NDArray[np.uint8]

#: A 64 megapixel phone photo is read; more is refused (a grey image of this size takes 64 MiB).
MAX_PIXELS: Final = 64 * 1024 * 1024
MAX_FILE_BYTES: Final = 64 * 1024 * 1024
#: Above this a JPEG is unpacked at half its size, which its cosine transform gives for nothing.
_REDUCE_ABOVE_PIXELS: Final = 24 * 1024 * 1024


def load_gray(image: NDArray[Any] | Path | bytes) -> Gray:
    """Turn `image` into a grey image.

    A `Path` names a picture file, `bytes` are a picture file's content, an array is a grey or BGR(A) frame of uint8 as
    OpenCV gives it. Transparent pixels count as white paper. Raises `DecodeError`.
    """
    if isinstance(image, Path):
        try:
            return _unpack(read_file(image))
        except DecodeError as error:
            raise DecodeError(f"{image}: {error}") from None
    if isinstance(image, np.ndarray):
        return _from_array(image)
    return _unpack(image)


def read_file(path: Path) -> bytes:
    """Read a picture file's bytes, at most `MAX_FILE_BYTES`. Raises `DecodeError` (without naming `path` in its text)."""
    try:
        if not path.is_file():
            raise DecodeError("is not a file; name a picture" if path.exists() else "there is no such file; check the name")
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        raise DecodeError(f"cannot be read ({error}); check its owner, mode and disk") from None
    if len(data) > MAX_FILE_BYTES:
        raise DecodeError(f"is larger than {MAX_FILE_BYTES >> 20} MiB; reduce the picture")
    return data


def _unpack(data: bytes) -> Gray:
    if not data:
        raise DecodeError("is empty; copy or take the picture again")
    header = read_header(data)
    _check_size(header.width, header.height)
    _prepare_opencv()
    try:
        found = cast("NDArray[Any] | None", cv2.imdecode(np.frombuffer(data, np.uint8), _mode(header)))
    except cv2.error as error:
        raise DecodeError(f"the {header.format} picture is damaged ({error.err or error}); copy or take it again") from None
    except MemoryError:
        raise DecodeError("there is not enough memory to unpack the picture; reduce it") from None
    if found is None:
        raise DecodeError(f"the {header.format} picture is damaged; copy or take it again")
    return _from_array(found)


def _mode(header: Header) -> int:
    if header.transparent:
        return cv2.IMREAD_UNCHANGED
    if header.format == "JPEG" and header.width * header.height > _REDUCE_ABOVE_PIXELS:
        return cv2.IMREAD_REDUCED_GRAYSCALE_2
    return cv2.IMREAD_GRAYSCALE


def _from_array(pixels: NDArray[Any]) -> Gray:
    if pixels.ndim not in {2, 3} or pixels.size == 0 or (pixels.ndim == 3 and pixels.shape[2] not in {1, 3, 4}):
        raise DecodeError(f"an array of shape {pixels.shape} is no picture; give rows x columns (x 3 or 4 channels, BGR)")
    _check_size(pixels.shape[1], pixels.shape[0])
    if pixels.dtype == np.uint16:
        pixels = (pixels >> 8).astype(np.uint8)
    if pixels.dtype != np.uint8:
        raise DecodeError(f"an array of {pixels.dtype} is no picture; give uint8")
    _prepare_opencv()
    pixels = np.ascontiguousarray(pixels)
    if pixels.ndim == 2:
        return pixels
    if pixels.shape[2] == 1:
        return pixels[:, :, 0]
    if pixels.shape[2] == 3:
        return cast("Gray", cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY))
    gray = cv2.cvtColor(pixels, cv2.COLOR_BGRA2GRAY)
    alpha = np.ascontiguousarray(pixels[:, :, 3])
    paper = cv2.bitwise_not(alpha)
    return cast("Gray", cv2.add(cv2.multiply(gray, alpha, scale=1 / 255), paper))


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise DecodeError(f"has {width} x {height} pixels, more than {MAX_PIXELS >> 20} megapixels; reduce the picture")


@cache
def _prepare_opencv() -> None:
    """Once: one thread (a gateway has two cores and other readers), and no warnings of its own on standard error."""
    cv2.setNumThreads(1)
    cv2.utils.logging.setLogLevel(
        cv2.utils.logging.LOG_LEVEL_SILENT
    )  # what it would say we say ourselves, with the file's name
