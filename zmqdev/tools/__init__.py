"""The commands beside devices and endpoints, one folder each.

`command.py` declares a command with few imports, so that `--help` is fast; the rest
loads when it runs.
"""
