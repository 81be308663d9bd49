"""Whether an order has what its template asks for; what the template gives it."""

from collections.abc import Sequence

from tracking_service.document.company import TemplateDocument
from tracking_service.document.order import OrderDocument


def lacking(order: OrderDocument, template: TemplateDocument) -> Sequence[str]:
    """What the template asks for and neither gives nor the order has, each as path and remedy; empty: all is there."""
    given = {"tasks"} if template.tasks else set[str]()
    asked = [name for name in template.requires if name not in given]
    missing = [f"{name}: template '{template.id}' asks for it" for name in asked if not getattr(order, name)]
    missing += [
        f"technical.{name}: template '{template.id}' asks for it" for name in template.technical if name not in order.technical
    ]
    return missing


def completed(order: OrderDocument, template: TemplateDocument) -> OrderDocument:
    """The order with the template's work breakdown, where it has none of its own, and with the inspections it lacks."""
    has = {inspection.check for inspection in order.inspections}
    added = tuple(inspection for inspection in template.inspections if inspection.check not in has)
    tasks = order.tasks or template.tasks
    if not added and tasks == order.tasks:
        return order
    whole = order.model_dump() | {
        "tasks": [task.model_dump() for task in tasks],
        "inspections": [inspection.model_dump() for inspection in (*order.inspections, *added)],
    }
    return OrderDocument.model_validate(whole)
