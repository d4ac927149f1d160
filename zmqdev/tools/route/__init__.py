"""route: a dry run of routes."""
