"""Bytes on the wire, pure: envelopes, Majordomo, Paranoid Pirate, control verbs, ZMTP greeting."""
