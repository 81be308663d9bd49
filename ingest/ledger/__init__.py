"""Which numbers of each stream are settled, what is missing of them, and how that is proved."""
