"""How an order stands against its plan: what is critical, how late it will be, what will be missing, and how sure that is.

Everything here is arithmetic on what it is given: no clock, no database. `network` computes the dates, `colour` the colours,
`forecast` when it will be finished, `shortage` what will be missing, `score` how healthy the order is.
"""
