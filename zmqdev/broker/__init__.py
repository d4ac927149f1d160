"""The reliable queue: a ledger and a state machine, both pure, and the sockets around them."""
