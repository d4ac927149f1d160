"""The command `graph`: draw the topology of a file."""
