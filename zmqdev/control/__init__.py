"""Asking and steering what runs: protocol, verbs, socket, client."""
