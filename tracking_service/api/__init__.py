"""The HTTP API, the wall's stream and the built web pages."""

from tracking_service.api.app import create_app

__all__ = ["create_app"]
