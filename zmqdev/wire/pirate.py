"""The Paranoid Pirate Protocol (RFC 6): two commands of one byte, and everything else.

READY is `[01]`, HEARTBEAT `[02]`. A request or reply is `[address, '', body…]`: it
has no command, its shape is what it is known by.
"""

from __future__ import annotations

READY = b"\x01"
HEARTBEAT = b"\x02"
# As the Guide's C++, PHP, Lua and Tcl say it.
READY_TEXT = b"READY"
HEARTBEAT_TEXT = b"HEARTBEAT"
# Seconds between heartbeats, and the silence that ends a conversation in intervals (the Guide).
INTERVAL = 1.0
RECONNECT_FIRST = 1.0
RECONNECT_LAST = 32.0
