"""What a file means: parts, links, order, placement, rules."""
