"""A running device: sockets, peers, control, lifecycle, counters."""
