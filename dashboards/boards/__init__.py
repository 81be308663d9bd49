"""One module a board: what is drawn where. What is asked stands in `dashboards.queries`."""
