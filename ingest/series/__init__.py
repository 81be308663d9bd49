"""Time-series stores: points in, heat and histories out. The contract is `plumbline.series`."""
