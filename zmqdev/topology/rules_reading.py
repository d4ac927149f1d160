"""Rules that the reader holds: a file that breaks one has no parts to look at further.

Each is told by the reader's own message; what none of them matches is `invalid`.
"""

from __future__ import annotations

import re

from zmqdev.errors import UsageError
from zmqdev.topology.finding import ERROR, Finding, Rule

_TYPES = r"a (?:SUB|XSUB) frontend cannot stand with a (?:XPUB|PUB) backend"

RULES = (
    Rule(
        "unknown-key",
        ERROR,
        "A key that no option has.",
        "correct the key, or take it out",
        says=r"unknown key|no part has '",
    ),
    Rule(
        "unknown-backend",
        ERROR,
        "A route names a backend that is not there.",
        "correct the name, or add it to `backends`",
        says=r"^routes\..*: no backend '",
    ),
    Rule(
        "unset-variable",
        ERROR,
        "A variable that is not set and has no default, or is written wrongly.",
        "set it, or give it a default: ${NAME:-default}",
        says=r"variable .* is not set|is no variable",
    ),
    Rule(
        "mixed-forwarder",
        ERROR,
        "XSUB stands with PUB, or SUB with XPUB: subscriptions do not get through.",
        "use XSUB with XPUB, or SUB with PUB",
        says=_TYPES,
    ),
    Rule(
        "socket-pair",
        ERROR,
        "The two socket types of a device cannot pass messages to each other.",
        "use one of the pairs that the message names",
        says=r"cannot stand with",
    ),
    Rule(
        "localhost-bind",
        ERROR,
        "`localhost` is bound; which address that is depends on the machine.",
        "write 127.0.0.1, or [::1]",
        says=r"'localhost' cannot be bound",
    ),
    Rule(
        "ipc-path-too-long",
        ERROR,
        "The path of an ipc address has more bytes than a socket's name can have.",
        "use a shorter directory",
        says=r"the path has \d+ bytes",
    ),
    Rule(
        "invalid",
        ERROR,
        "Anything else that the file may not say: not YAML, a wrong type, a contradiction.",
        "write what the message says",
        says=r"",
    ),
)


def finding(error: UsageError, file: str) -> Finding:
    """A problem of the reader under the name of its rule."""
    rule = next(rule for rule in RULES if re.search(rule.says or "", error.message))
    return Finding(rule.name, rule.severity, error.place or file, error.message, rule.fix)
