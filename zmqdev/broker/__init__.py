"""The reliable queue: a pure ledger and state machine, and a thin shell with the sockets."""
