"""`zmqdev run`: start, watch, restart and stop the parts of a file."""
