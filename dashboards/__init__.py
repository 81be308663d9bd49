"""Grafana as code: queries, boards and provisioning."""
