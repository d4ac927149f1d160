"""What a configuration file means: its parts, links, order, placement, and rules."""
