"""Rules that reading a file enforces: a part that breaks one is not checked further.

A rule is recognised by the message of the reader; one that matches no other is
`invalid`.
"""

from __future__ import annotations

import re

from zmqdev.errors import UsageError
from zmqdev.topology.finding import ERROR, Finding, Rule

_TYPES = r"a (?:SUB|XSUB) frontend does not work with a (?:XPUB|PUB) backend"

# How the fix at the end of a reader's message begins.
_FIX = re.compile(r"(?:write|use|add|give|name|make|move|take|leave|correct|let) ")

RULES = (
    Rule(
        "unknown-key",
        ERROR,
        "An option with this key does not exist.",
        "correct the key, or take it out",
        says=r"unknown key|no part has '",
    ),
    Rule(
        "unknown-backend",
        ERROR,
        "A route names a backend that does not exist.",
        "correct the name, or add it to `backends`",
        says=r"^routes\..*: no backend '",
    ),
    Rule(
        "unset-variable",
        ERROR,
        "A variable is not set and has no default, or is malformed.",
        "set it, or give it a default: ${NAME:-default}",
        says=r"variable .* is not set|is no variable",
    ),
    Rule(
        "mixed-forwarder",
        ERROR,
        "XSUB is combined with PUB, or SUB with XPUB, so subscriptions do not pass.",
        "use XSUB with XPUB, or SUB with PUB",
        says=_TYPES,
    ),
    Rule(
        "socket-pair",
        ERROR,
        "The two socket types of a device cannot pass messages to each other.",
        "use one of the pairs that the message names",
        says=r"does not work with",
    ),
    Rule(
        "localhost-bind",
        ERROR,
        "A part binds `localhost`, which is not the same address on every machine.",
        "write 127.0.0.1, or [::1]",
        says=r"'localhost' cannot be bound",
    ),
    Rule(
        "ipc-path-too-long",
        ERROR,
        "The path of an ipc address is longer than the system allows.",
        "use a shorter directory",
        says=r"the path has \d+ bytes",
    ),
    Rule(
        "invalid",
        ERROR,
        "Any other mistake: not YAML, a wrong type, a contradiction.",
        "correct the value at this place; `zmqdev help files` has the form",
        says=r"",
    ),
)


def finding(error: UsageError, file: str) -> Finding:
    """Return a problem of the reader as a finding of its rule."""
    rule = next(rule for rule in RULES if re.search(rule.says or "", error.message))
    fix = _said(error.message) or rule.fix if rule.name == "invalid" else rule.fix
    return Finding(rule.name, rule.severity, error.place or file, error.message, fix)


def _said(message: str) -> str:
    """Return the fix at the end of a message; empty for none."""
    _, _, end = message.rpartition("; ")
    return end if _FIX.match(end) and end != message else ""
