"""The live heatmap: how much was where, by the cells of the site's metre grid, by the minute, by source.

    events → presence (who was where) → SQL, with the ledger → sums by minute, quarter and hour → series store

`plumbline.grid` has the cells, docs/adr/0016 the reasons.
"""
