"""Bytes → document, or what is wrong with them."""

from typing import Final, TypeVar

from pydantic import ValidationError

from tracking_service.document.company import CompanyDocument
from tracking_service.document.fields import Part
from tracking_service.document.order import OrderDocument
from tracking_service.errors import OrderRefusedError

#: Largest order document, in bytes of JSON.
MAX_DOCUMENT_BYTES: Final = 4 * 1024 * 1024

D = TypeVar("D", bound=Part)


def read(data: bytes, where: str) -> OrderDocument:
    """Read an order document; `where` is the file or request it came from. Raises `OrderRefusedError`."""
    return _read(OrderDocument, data, where)


def read_company(data: bytes, where: str) -> CompanyDocument:
    """Read a company document; `where` is the file or request it came from. Raises `OrderRefusedError`."""
    return _read(CompanyDocument, data, where)


def _read(kind: type[D], data: bytes, where: str) -> D:
    if len(data) > MAX_DOCUMENT_BYTES:
        raise OrderRefusedError(f"{where}: {len(data)} bytes, at most {MAX_DOCUMENT_BYTES} are read; split the document")
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        raise OrderRefusedError(f"{where}: {explained(error)}") from None


def explained(error: ValidationError) -> str:
    """The first few mistakes: path, what is wrong."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    told = [
        f"{'.'.join(map(str, mistake['loc'])) or 'the document'}: {mistake['msg'].removeprefix('Value error, ')}"
        for mistake in found[:5]
    ]
    more = f"; and {len(found) - 5} more" if len(found) > 5 else ""
    return "; ".join(told) + more
