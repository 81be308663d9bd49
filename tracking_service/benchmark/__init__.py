"""`plumbline bench tracking`: from an observation to the moved milestone, and a company made anew from its log."""

from tracking_service.benchmark.latency import Latency, latency
from tracking_service.benchmark.rebuilding import Anew, made_anew

__all__ = ["Anew", "Latency", "latency", "made_anew"]
