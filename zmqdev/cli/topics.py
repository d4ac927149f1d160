"""The topics of `zmqdev help`, declared once: name, reader, purpose, and their commands.

The text of a topic is `zmqdev/help/NAME.md`, in Markdown. Comments in it (`<!-- run
-->`, `<!-- begin TABLE -->`) are for the tests and for `make readme`; readers do not
see them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import zmqdev

_COMMENT = re.compile(r"<!--.*?-->\n?", re.DOTALL)
_DEVICES = ("forwarder", "streamer", "queue")
_ENDPOINTS = (
    *("pub", "sub", "push", "pull", "client", "worker"),
    *("req", "rep", "dealer", "router", "pair"),
)


@dataclass(frozen=True)
class Topic:
    """A page of the manual. `commands` are those whose `--help` refers to it."""

    name: str
    reader: str
    help: str
    commands: tuple[str, ...] = ()

    def text(self) -> str:
        """Return the page in Markdown, without the comments."""
        return _COMMENT.sub("", self.path().read_text(encoding="utf-8"))

    def path(self) -> Path:
        """Return the file of the page."""
        return Path(zmqdev.__file__).parent / "help" / f"{self.name}.md"


TOPICS = {
    topic.name: topic
    for topic in (
        Topic(
            "first-steps",
            "Start here",
            "three terminals, a table of commands, completion",
            ("completion",),
        ),
        Topic("devices", "Start here", "forwarder, streamer and queue: sides, types", _DEVICES),
        Topic(
            "endpoints",
            "Start here",
            "pub, sub, push, pull, client, worker, req: forms, proof",
            _ENDPOINTS,
        ),
        Topic("cheat", "Start here", "tasks with their commands; for users of kcat, nats"),
        Topic(
            "files",
            "Running it",
            "one YAML file for many parts: defaults, variables, check",
            (*_DEVICES, "run", "check", "graph", "schema"),
        ),
        Topic(
            "routing",
            "Running it",
            "where messages go, by their content",
            (*_DEVICES, "route", "check", "ctl"),
        ),
        Topic(
            "running",
            "Running it",
            "run, top, tap and probe",
            ("run", "top", "tap", "probe"),
        ),
        Topic(
            "durable",
            "Running it",
            "a store for the reliable queue, a spool for the streamer",
            ("queue", "streamer", "client", "store"),
        ),
        Topic(
            "ctl",
            "Running it",
            "query and control what runs; the control socket",
            (*_DEVICES, "run", "ctl"),
        ),
        Topic(
            "statistics",
            "Running it",
            "live view, lines, JSON, metrics, health, systemd",
            (*_DEVICES, *_ENDPOINTS, "run", "top"),
        ),
        Topic(
            "reliable-queue",
            "Running it",
            "requests that survive their workers",
            ("queue", "client", "worker"),
        ),
        Topic(
            "security",
            "Running it",
            "CURVE, PLAIN, networks, rights by topic",
            (*_DEVICES, *_ENDPOINTS, "keygen"),
        ),
        Topic("limits", "Running it", "every limit, and what happens beyond it", _DEVICES),
        Topic(
            "export",
            "Running it",
            "systemd, compose, Kubernetes, ZDCF and the JSON Schema",
            ("export", "schema", "check"),
        ),
        Topic(
            "operating",
            "Running it",
            "everyday commands, for users of HAProxy, NATS, Vector",
            ("ctl", "top", "run"),
        ),
        Topic(
            "scaling",
            "Running it",
            "more messages, more peers, more machines",
            (*_DEVICES, "run", "bench"),
        ),
        Topic(
            "troubleshooting",
            "Running it",
            "messages and exit statuses: cause and remedy",
            (*_DEVICES, *_ENDPOINTS, "run", "probe", "doctor"),
        ),
        Topic(
            "reference",
            "Looking it up",
            "every option and socket option, with its default",
            (*_DEVICES, *_ENDPOINTS),
        ),
        Topic(
            "protocols",
            "Looking it up",
            "the frames on the wire: Majordomo, Paranoid Pirate, stamps",
            ("queue", "client", "worker"),
        ),
        Topic("libzmq", "Looking it up", "what libzmq does, and what zmqdev does about it"),
        Topic("bench", "Looking it up", "measured rates, and how to repeat them", ("bench",)),
        Topic("design", "Looking it up", "folders, threads, the way of a message"),
        Topic("contributing", "Looking it up", "setup, adding things, rules, tests, documentation"),
    )
}


def see_also(command: str) -> str:
    """Return the last line of a command's `--help`, which names its topics; empty for none."""
    names = [topic.name for topic in TOPICS.values() if command in topic.commands]
    return f"Topics of `zmqdev help`: {', '.join(names)}" if names else ""
