"""Check this installation."""
