"""CURVE keys and ZAP."""
