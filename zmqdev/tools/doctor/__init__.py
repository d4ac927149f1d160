"""The command `doctor`: check this installation."""
