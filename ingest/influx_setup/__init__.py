"""Prepares an InfluxDB for Plumbline: a place for the points, and the least rights for ingest and for Grafana.

`first` speaks to 1.x in InfluxQL, `second` to 2.x through influxdb-client. Both may be run any number of times: what is there
is left alone or brought to what is wanted, and secrets that nobody can read any more are made anew only when asked for.
"""

from ingest.influx_setup.wanted import Done, Wanted, major_version

__all__ = ["Done", "Wanted", "major_version"]
