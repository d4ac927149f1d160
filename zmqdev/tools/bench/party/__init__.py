"""The processes of a benchmark: senders and receivers."""
