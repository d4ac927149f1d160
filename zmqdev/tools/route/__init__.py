"""route: where messages go, tried without a socket."""
