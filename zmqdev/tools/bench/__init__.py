"""The benchmark: loads, runs, figures and reports."""
