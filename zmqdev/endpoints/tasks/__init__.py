"""The tasks of endpoints, a class for each."""
