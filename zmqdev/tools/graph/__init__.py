"""Draw what a file describes."""
