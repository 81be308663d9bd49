"""Rollups: which minutes of which measurement changed (`marks`), their computation (`roller`), what is kept how long (`keeping`)."""

from ingest.rollups.keeping import Keep
from ingest.rollups.marks import Marks
from ingest.rollups.roller import Roller

__all__ = ["Keep", "Marks", "Roller"]
