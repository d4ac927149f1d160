"""The tools, one folder each; `command.py` is the light declaration."""
