"""Load, percentiles, a frozen report."""
