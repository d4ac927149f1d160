"""Many devices from one file: run, check, graph."""
