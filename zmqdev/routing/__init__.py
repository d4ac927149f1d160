"""Routing, pure: which backends a message goes to. No socket, no clock; time is an argument."""
