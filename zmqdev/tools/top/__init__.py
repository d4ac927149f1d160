"""Watch all running devices in one table."""
