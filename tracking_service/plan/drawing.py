"""Turn a plan's picture into pixels: run as a program of its own, so that a picture can harm nobody but this process.

`python -I drawing.py FILE LONGEST` reads an SVG, PNG, JPEG or WebP file and writes a PNG (RGBA) whose longest side is at most
LONGEST pixels to its standard output; a drawing is made just so large. What cannot be read is said on standard error,
with exit code 2. Memory and processor time are bounded where the operating system can do that.

It imports nothing of ours, so that it starts fast and needs no path.
"""

import contextlib
import io
import sys
import warnings
from pathlib import Path
from typing import Final

#: The largest file that is read, bytes.
MOST_BYTES: Final = 64 * 1024 * 1024
#: The most pixels of a bitmap: a plan of A0 scanned at 300 dpi has 140 million.
MOST_PIXELS: Final = 200_000_000
_MEMORY_BYTES: Final = 2 * 1024**3
_CPU_S: Final = 60
#: A drawing is at most so many times as high as wide.
_SLIMMEST: Final = 64


class UndrawableError(Exception):
    """The picture cannot be drawn; the text says why and what to do."""


def draw(data: bytes, longest: int) -> bytes:
    """The picture as PNG. Raises `UndrawableError`."""
    if len(data) > MOST_BYTES:
        raise UndrawableError(f"the file has {len(data)} bytes, at most {MOST_BYTES} are read; export the plan smaller")
    head = data[:256].removeprefix(b"\xef\xbb\xbf").lstrip()
    return _scaled(_rendered(data, longest) if head.startswith(b"<") else data, longest)


def _rendered(data: bytes, longest: int) -> bytes:
    """An SVG drawing, its longest side `longest` pixels."""
    import resvg_py  # noqa: PLC0415 - a bitmap does not need it

    try:
        text = data.decode("utf-8-sig")
        slim = _height(resvg_py.svg_to_bytes(svg_string=text, width=1, skip_system_fonts=True))
        if slim > _SLIMMEST:
            raise UndrawableError(f"the drawing is {slim} times as high as wide, which is too long; check its viewBox")
        tall = slim > 1
        return resvg_py.svg_to_bytes(svg_string=text, width=None if tall else longest, height=longest if tall else None)
    except UnicodeDecodeError:
        raise UndrawableError("the SVG file is not UTF-8; save it again as UTF-8") from None
    except (ValueError, RuntimeError) as error:
        raise UndrawableError(f"the SVG file cannot be drawn ({str(error)[:200]}); open it in a browser and mend it") from None


def _height(png: bytes) -> int:
    return int.from_bytes(png[20:24])


def _scaled(data: bytes, longest: int) -> bytes:
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - so that limits hold before it is loaded

    warnings.simplefilter("ignore", Image.DecompressionBombWarning)
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP")) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise UndrawableError(
                    f"the picture has {picture.width} by {picture.height} pixels, at most {MOST_PIXELS} are read; export it smaller"
                )
            picture.draft(None, (2 * longest, 2 * longest))  # of a large JPEG less is unpacked
            mode = "L" if picture.mode in {"1", "I", "F", "I;16"} else "RGBA" if "transparency" in picture.info else "RGB"
            pixels = picture if picture.mode in {"L", "LA", "RGB", "RGBA"} and mode != "RGBA" else picture.convert(mode)
            if (factor := max(pixels.size) // (2 * longest)) > 1:
                pixels = pixels.reduce(factor)
            pixels = pixels.convert("RGBA")
            pixels.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    except UnidentifiedImageError:
        raise UndrawableError("the file is no SVG, PNG, JPEG or WebP picture; export the plan as one of these") from None
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise UndrawableError(f"the picture is damaged or too large ({str(error)[:200]}); export it again") from None
    out = io.BytesIO()
    pixels.save(out, "PNG", compress_level=1)
    return out.getvalue()


def _bound() -> None:
    with contextlib.suppress(ImportError):
        import resource  # noqa: PLC0415 - Unix alone has it

        for what, most in ((resource.RLIMIT_AS, _MEMORY_BYTES), (resource.RLIMIT_CPU, _CPU_S)):
            with contextlib.suppress(ValueError, OSError):  # lower already
                resource.setrlimit(what, (most, most))


def main(path: str, longest: str) -> int:
    """The program."""
    _bound()
    try:
        with Path(path).open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        sys.stdout.buffer.write(draw(data, int(longest)))
    except UndrawableError as error:
        sys.stderr.write(str(error))
        return 2
    except OSError as error:
        sys.stderr.write(f"the file cannot be read ({error.strerror}); check the site file's `plan`")
        return 2
    except MemoryError:
        sys.stderr.write("the picture needs too much memory; export it smaller")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
