"""The senders and receivers of a benchmark, each in its own process."""
