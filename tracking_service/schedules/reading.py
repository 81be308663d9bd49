"""Any planning file → the schedules in it, told by what the file begins with, never by its name."""

from collections.abc import Sequence
from typing import Final

from tracking_service.archive import opened
from tracking_service.errors import FileRefusedError
from tracking_service.schedules import mpx, mspdi, pmxml, xer
from tracking_service.schedules.elements import root_of
from tracking_service.schedules.schedule import Schedule

#: The largest file that is read.
MAX_BYTES: Final = 64 * 1024 * 1024
#: The compound file of Microsoft's older programs ([MS-CFB], 2.2).
OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MPP: Final = (
    "Microsoft Project's own format (.mpp), which only Project reads; in Project: File, Save As, type 'XML Format (*.xml)'"
)
_MARKS: Final = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


def is_schedule(data: bytes) -> bool:
    """Whether a file is a planning program's, readable or not: any but lists (CSV, XLSX) and order documents."""
    begin = _begin(data)
    return begin.startswith((b"<", b"ERMHDR", b"MPX", OLE))


def read(data: bytes, name: str, encoding: str | None = None) -> Sequence[Schedule]:
    """Read the projects of a planning file: Microsoft Project XML, Primavera XER and PMXML, MPX.

    `name` is the file or request it came from; `encoding` what its owner says where the file does not, or is wrong.
    Raises `FileRefusedError`: where in the file, why, and what to do.
    """
    if len(data) > MAX_BYTES:
        raise FileRefusedError(
            f"{name}: more than {MAX_BYTES // 1_048_576} MB; export fewer projects, or without resource assignments"
        )
    begin = _begin(data)
    if not begin:
        raise FileRefusedError(f"{name}: the file is empty; export it again")
    if data.startswith(OLE):
        raise FileRefusedError(f"{name}: {_compound(data)}")
    if data.startswith(b"PK\x03\x04"):
        raise FileRefusedError(f"{name}: {_archive(data, name)}")
    if begin.startswith(b"ERMHDR"):
        return xer.read(data, name, encoding)
    if begin.startswith(b"MPX"):
        return mpx.read(data, name, encoding)
    if begin.startswith(b"<"):
        root = root_of(data)
        if root == "Project":
            return mspdi.read(data, name, encoding)
        if root in pmxml.ROOTS:
            return pmxml.read(data, name, encoding)
        raise FileRefusedError(
            f"{name}: an XML file whose first element is <{root[:40]}>; Microsoft Project's is <Project>, Primavera's <APIBusinessObjects>"
        )
    raise FileRefusedError(
        f"{name}: not a planning file; Microsoft Project XML, Primavera XER or PMXML, MPX, or a list as CSV or XLSX are read"
    )


def chosen(schedules: Sequence[Schedule], name: str, project: str | None) -> Schedule:
    """The project that is meant, of a file with several. Raises `FileRefusedError`, naming those there are."""
    titles = [f"'{each.project}' ({each.title})" for each in schedules[:20]]
    listed = ", ".join(titles) + (", …" if len(schedules) > 20 else "")
    if project is not None:
        found = [each for each in schedules if project in {each.project, each.title}]
        if len(found) == 1:
            return found[0]
        raise FileRefusedError(f"{name}: {len(found) or 'no'} project '{project[:64]}'; the file has {listed or 'none'}")
    if not schedules:
        raise FileRefusedError(f"{name}: there is no project with tasks in it; export one with its tasks")
    if len(schedules) > 1:
        raise FileRefusedError(f"{name}: {len(schedules)} projects; say which one: {listed}")
    return schedules[0]


def _begin(data: bytes) -> bytes:
    begin = data[:4_096].replace(b"\0", b"")
    for mark in _MARKS:
        begin = begin.removeprefix(mark)
    return begin.lstrip()


def _compound(data: bytes) -> str:
    """What a compound file is, told by the names of its streams (UTF-16)."""
    if "TBknd".encode("utf-16-le") in data:  # Project keeps its tables in streams of that name
        return _MPP
    if "EncryptedPackage".encode("utf-16-le") in data:
        return "a file that is protected by a password; save it without"
    if "Workbook".encode("utf-16-le") in data:
        return "an old Excel workbook (.xls); save it as .xlsx or CSV"
    if "WordDocument".encode("utf-16-le") in data:
        return "a Word document; save its table as CSV"
    return _MPP


def _archive(data: bytes, name: str) -> str:
    with opened(data, name) as archive:
        names = archive.namelist()
    if any(each.startswith("xl/") for each in names):
        return "an Excel workbook: import it as a list, with a mapping that says which column means what"
    return f"an archive ({', '.join(each[:40] for each in names[:3])} …); unpack it and name the planning file in it"
