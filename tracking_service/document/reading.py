"""Bytes → document, or what is wrong with them."""

from typing import Final

from pydantic import ValidationError

from tracking_service.document.order import OrderDocument
from tracking_service.errors import OrderRefusedError

#: Largest order document, in bytes of JSON.
MAX_DOCUMENT_BYTES: Final = 4 * 1024 * 1024


def read(data: bytes, where: str) -> OrderDocument:
    """Read an order document; `where` is the file or request it came from. Raises `OrderRefusedError`."""
    if len(data) > MAX_DOCUMENT_BYTES:
        raise OrderRefusedError(f"{where}: {len(data)} bytes, at most {MAX_DOCUMENT_BYTES} are read; split the order")
    try:
        return OrderDocument.model_validate_json(data)
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
