"""What is made of events for those behind: points for the series store, rows for the inbox."""
