"""Say what listens at an address."""
