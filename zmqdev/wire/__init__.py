"""Messages on the wire, without I/O: envelopes, Majordomo, Paranoid Pirate, stamps, ZAP, Z85."""
