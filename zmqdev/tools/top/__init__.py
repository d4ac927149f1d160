"""The command `top`: watch all running devices in one table."""
