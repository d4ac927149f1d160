"""Several parts from one file: start, watch, restart and stop them."""
