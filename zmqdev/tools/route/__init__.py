"""The command `route`: try the routes of a file without sockets."""
