"""The command `keygen`: make CURVE keys and password lines."""
