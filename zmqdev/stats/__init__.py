"""Statistics: snapshots, rates, columns, units."""
