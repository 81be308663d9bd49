"""XML → the few elements that a reader wants, safely: no document type, no entities, bounded depth and number."""

import codecs
import re
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple
from xml.parsers import expat

from tracking_service import charset
from tracking_service.errors import FileRefusedError

_MAX_DEPTH: Final = 64
#: Elements in a file, and elements that are kept of it: a plan of 20,000 tasks has a tenth of either.
_MAX_ELEMENTS: Final = 8_000_000
_MAX_KEPT: Final = 2_000_000
_PIECE: Final = 1 << 20
#: The longest tag, comment or text without markup: attributes are unpacked all at once.
_LONGEST: Final = 1_000_000
_LONG: Final = re.compile(rb"<[^<>]{%d}" % _LONGEST)
_DECLARED: Final = re.compile(rb"""\A\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
#: Characters that XML 1.0 does not have (2.2), as references to them: some programs keep line ends of names and notes so.
_FORBIDDEN: Final = re.compile(rb"&#(?:x0*(?:[0-8bce]|1[0-9a-f])|0*(?:[0-8]|1[124-9]|2[0-9]|3[01]));", re.IGNORECASE)
_CONTROL: Final = bytes(each for each in range(1, 32) if each not in b"\t\n\r")
_BLANKED: Final = bytes.maketrans(_CONTROL, b" " * len(_CONTROL))
_INVALID_TOKEN: Final = expat.errors.codes[expat.errors.XML_ERROR_INVALID_TOKEN]
_UTF_32: Final = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
#: Expat reads these by itself.
_OWN: Final = frozenset({"utf-8", "utf-16", "iso8859-1", "ascii"})


class Each(NamedTuple):
    """What is done with every element of that name."""

    tag: str
    take: "Callable[[Element], None]"


class Element:
    """An element: its name without namespace, its text, the line on which it begins, the wanted elements in it."""

    __slots__ = ("attributes", "children", "line", "tag", "text")

    def __init__(self, tag: str, line: int, attributes: Mapping[str, str]) -> None:
        self.tag = tag
        self.line = line
        self.attributes = attributes
        self.text = ""
        self.children: list[Element] = []

    def all(self, tag: str) -> Iterator["Element"]:
        """The elements of that name in it."""
        return (child for child in self.children if child.tag == tag)

    def find(self, *path: str) -> "Element | None":
        """The first element at that path."""
        found: Element | None = self
        for tag in path:
            found = next(found.all(tag), None) if found is not None else None
        return found

    def get(self, *path: str) -> str:
        """The text of the first element at that path, or nothing."""
        found = self.find(*path)
        return found.text.strip() if found is not None else ""


def parse(
    data: bytes, name: str, wanted: AbstractSet[str], *, encoding: str | None = None, each: Each | None = None
) -> Element:
    """Read a file's elements named in `wanted`; any other is passed over with all that is in it.

    Args:
        data: the file.
        name: what it is called in errors.
        wanted: names of elements, without namespace; the root element is always there.
        encoding: what the file's owner says where its declaration is wrong.
        each: elements to hand over one by one as they end; they are kept nowhere, so that there may be any number.

    Raises `FileRefusedError`: file, line, and what is wrong.
    """
    return _Reading(name, wanted, each).run(data, encoding)


def root_of(data: bytes) -> str:
    """The name of the first element, without namespace; nothing where the beginning of the file shows none."""
    found = re.search(rb"<(?:[A-Za-z_][\w.-]*:)?([A-Za-z_][\w.-]*)", data[:65_536].replace(b"\0", b""))
    return found[1].decode() if found is not None else ""


def _without_control(data: bytes) -> bytes:
    """Blanks in place of characters that XML does not have; in UTF-16 they are left to the parser."""
    if data.startswith(charset.MARKS[1:]) or b"\0" in data[:64]:
        return data
    data = data.translate(_BLANKED) if len(data.translate(None, _CONTROL)) != len(data) else data
    return _FORBIDDEN.sub(b" ", data) if b"&#" in data else data


class _Reading:
    def __init__(self, name: str, wanted: AbstractSet[str], each: Each | None) -> None:
        self._name = name
        self._each = each
        self._wanted = wanted
        self._root: Element | None = None
        self._open: list[Element] = []
        self._depth = 0
        self._passed = 0
        """At which depth the element began that is passed over; 0: none."""
        self._elements = 0
        self._kept = 0
        self._text: list[str] = []
        self._length = 0
        self._codec: str | None = None
        self._above = 0
        """Blank lines above the file's first."""
        self._machine = self._parser()

    def run(self, data: bytes, encoding: str | None) -> Element:
        if (long := _LONG.search(data)) is not None:
            line = data.count(b"\n", 0, long.start()) + 1
            raise FileRefusedError(f"{self._name}: line {line}: more than {_LONGEST} bytes without an end; this is no schedule")
        self._above = data.count(b"\n", 0, len(data) - len(data.lstrip()))
        data = _without_control(self._in_utf8(data.lstrip(), encoding))
        self._machine = parser = self._parser()
        try:
            for begin in range(0, len(data), _PIECE):
                parser.Parse(data[begin : begin + _PIECE], False)
            parser.Parse(b"", True)
        except expat.ExpatError as error:
            what = expat.ErrorString(error.code)
            if error.code == _INVALID_TOKEN and self._codec in {None, "utf-8"} and not data.startswith(charset.MARKS):
                charset.decode(data, self._name, "utf-8")
            raise FileRefusedError(
                f"{self._name}: line {error.lineno + self._above}, column {error.offset + 1}: {what};"
                " the file is damaged or cut off: export it again"
            ) from None
        except (LookupError, ValueError) as error:
            raise FileRefusedError(f"{self._name}: line 1: {error}; save the file as UTF-8") from None
        assert self._root is not None  # expat raises where there is no element
        return self._root

    def _in_utf8(self, data: bytes, encoding: str | None) -> bytes:
        """Expat knows four encodings; what Chinese and Japanese programs declare is put into one of them first."""
        if data.startswith(_UTF_32):
            self._codec = "utf-8"
            return charset.decode(data, self._name).text.encode()
        declared = _DECLARED.match(data.removeprefix(b"\xef\xbb\xbf")[:300])
        codec = encoding or (charset.codec_of(declared[1].decode()) if declared is not None else None)
        if declared is not None and codec == "utf-16":  # told in single bytes: a program's string, saved as UTF-8
            self._codec = "utf-8"
            return data
        if codec is None or codec in _OWN:
            return data
        self._codec = "utf-8"
        return charset.decode(data, self._name, codec).text.encode()

    def _parser(self) -> expat.XMLParserType:
        parser = expat.ParserCreate(self._codec)
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = self._doctype
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        return parser

    def _refuse(self, what: str) -> FileRefusedError:
        return FileRefusedError(f"{self._name}: line {self._line()}: {what}")

    def _line(self) -> int:
        return self._machine.CurrentLineNumber + self._above

    def _doctype(self, *_declaration: object) -> None:
        raise self._refuse("a document type (<!DOCTYPE): no planning program writes one; export the schedule again")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._elements += 1
        if self._depth > _MAX_DEPTH:
            raise self._refuse(f"elements stand {_MAX_DEPTH + 1} deep in each other; this is no schedule")
        if self._elements > _MAX_ELEMENTS:
            raise self._refuse(f"more than {_MAX_ELEMENTS} elements; export fewer projects or without resource assignments")
        if self._passed:
            return
        tag = tag.rpartition(":")[2]
        if self._root is not None and tag not in self._wanted:
            self._passed = self._depth
            return
        self._kept += 1
        if self._kept > _MAX_KEPT:
            raise self._refuse("more in it than is read; export fewer projects, or fewer rows")
        element = Element(tag, self._line(), attributes)
        if self._root is None:
            self._root = element
        else:
            self._open[-1].children.append(element)
        self._open.append(element)
        self._text.clear()

    def _end(self, _tag: str) -> None:
        self._depth -= 1
        if self._passed:
            if self._depth < self._passed:
                self._passed = 0
            return
        element = self._open.pop()
        if not element.children:
            element.text = "".join(self._text)
        self._text.clear()
        if self._each is not None and element.tag == self._each.tag and self._open:
            self._open[-1].children.pop()
            self._kept = 0
            self._each.take(element)

    def _characters(self, text: str) -> None:
        if self._passed or not self._open:
            return
        if not self._text:
            self._length = 0
        self._length += len(text)
        if self._length > _LONGEST:
            raise self._refuse(f"a text of more than {_LONGEST} characters; this is no schedule and no list")
        self._text.append(text)
