"""Routing: which backends a message goes to. No I/O and no clock; the time is an argument."""
