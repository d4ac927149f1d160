"""Command names of other tools, mapped to the ones here.

A name is an alias only where the command does the same; for other names a message
points to the right command. No zmqdev command has one of these names.
"""

from __future__ import annotations

ALIASES = {
    "publish": ["pub"],
    "subscribe": ["sub"],
    "request": ["client"],
    "reply": ["worker"],
    "up": ["run"],
    "ls": ["ctl"],
    "list": ["ctl"],
    "ps": ["ctl"],
    "version": ["--version"],
}
"""Name -> the words that replace it."""

POINTERS = {
    "broker": "`zmqdev queue --reliable` is a broker, `zmqdev queue` passes requests on",
    "device": "name its kind: `zmqdev forwarder`, `zmqdev streamer` or `zmqdev queue`",
    "proxy": "name its kind: `zmqdev forwarder`, `zmqdev streamer` or `zmqdev queue`",
    "down": "write `zmqdev ctl NAME stop`; `zmqdev ctl` lists the names",
    "logs": "a device logs to stderr; under systemd read it with `journalctl -u UNIT`",
    "monitor": "write `zmqdev top` for rates, `zmqdev tap NAME` for messages",
    "pause": "write `zmqdev ctl NAME pause`",
    "ping": "write `zmqdev probe ADDRESS`",
    "reload": "write `zmqdev ctl NAME reload`",
    "restart": "write `zmqdev ctl NAME stop`, then start it again",
    "start": "write `zmqdev run FILE`, or the kind of the device",
    "stats": "write `zmqdev top`, or `zmqdev ctl NAME` for one device",
    "status": "write `zmqdev ctl NAME`, or `zmqdev ctl` for all",
    "stop": "write `zmqdev ctl NAME stop`; `zmqdev ctl` lists the names",
    "validate": "write `zmqdev check FILE`",
}
"""Name -> the hint that the message gives."""
