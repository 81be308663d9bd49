"""Clocks that are set late, and the correction of what was sent before."""
