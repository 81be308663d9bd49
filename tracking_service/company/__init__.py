"""What is the company's and not a site's: people and their roles, suppliers, equipment, articles, templates of orders."""

from tracking_service.company.apply import apply
from tracking_service.company.reading import (
    Person,
    articles,
    articles_of,
    changed,
    names_of,
    people,
    supplier_of,
    suppliers,
    template,
)
from tracking_service.company.roles import called, roles

__all__ = [
    "Person",
    "apply",
    "articles",
    "articles_of",
    "called",
    "changed",
    "names_of",
    "people",
    "roles",
    "supplier_of",
    "suppliers",
    "template",
]
