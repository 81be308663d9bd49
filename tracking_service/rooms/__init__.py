"""What was seen, each kind in a room of its own.

A room stores observations (`store`, idempotent by id: one that comes again with another time moves) and forgets those that do
not count any more (`remove`); both return the needs that were touched. What is stored depends on the observations and on the
order of the log alone, never on a clock or on how they were gathered into batches: a rebuild uses the same code.
"""
