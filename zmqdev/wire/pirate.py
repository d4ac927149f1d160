"""The Paranoid Pirate Protocol (RFC 6): two commands of one byte.

READY is `[01]`, HEARTBEAT `[02]`. A request or reply is `[address, '', body…]`: it has
no command and is recognised by its shape.
"""

from __future__ import annotations

READY = b"\x01"
HEARTBEAT = b"\x02"
# The words in the Guide's C++, PHP, Lua and Tcl.
READY_TEXT = b"READY"
HEARTBEAT_TEXT = b"HEARTBEAT"
# Seconds between heartbeats, and between attempts to connect again (the Guide).
INTERVAL = 1.0
RECONNECT_FIRST = 1.0
RECONNECT_LAST = 32.0
