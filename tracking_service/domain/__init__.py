"""What tracking knows and decides, as values and pure functions: no database, no clock, no network."""
