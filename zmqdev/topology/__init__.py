"""The meaning of a file: parts, links, order, placement, rules."""
