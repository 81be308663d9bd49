"""What stands for what: the codes of lines, what clerks taught, and what an unlinked scan may be."""
