"""The processes of a benchmark: what sends, what receives."""
