"""The command `probe`: identify what listens at an address."""
