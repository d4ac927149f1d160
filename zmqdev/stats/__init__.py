"""What is counted and how it is written: snapshots, rates, columns, units."""
