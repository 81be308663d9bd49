"""The documents that people and their systems hand in: what `POST /api/orders` and `plumbline tracking import` take."""

from tracking_service.document.company import CompanyDocument
from tracking_service.document.fields import named, nanoseconds
from tracking_service.document.order import OrderDocument
from tracking_service.document.policy import MaterialArrivedDocument, PolicyDocument
from tracking_service.document.reading import MAX_DOCUMENT_BYTES, explained, read, read_company

__all__ = [
    "MAX_DOCUMENT_BYTES",
    "CompanyDocument",
    "MaterialArrivedDocument",
    "OrderDocument",
    "PolicyDocument",
    "explained",
    "named",
    "nanoseconds",
    "read",
    "read_company",
]
