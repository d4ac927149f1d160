"""See the messages that pass through."""
