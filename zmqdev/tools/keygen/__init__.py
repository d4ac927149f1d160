"""Make CURVE keys and password lines."""
