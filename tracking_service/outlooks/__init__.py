"""Orders against their plans, from the database: what the API shows, the weekly report tells and people are warned of."""

from tracking_service.outlooks.reading import Before, Outlooks
from tracking_service.outlooks.watch import Watch

__all__ = ["Before", "Outlooks", "Watch"]
