"""The configuration files of the devices with routes that `bench route` compares.

All get the same messages: below JSON_SIZE bytes a topic `000.` to `999.`, from there on
a JSON text whose field `type` comes last. Receivers connect to the backends `a` and
`b`; none connects to `stalled`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

JSON_SIZE = 256
TYPES = ("start", "data", "end", "more")
TOPICS = 1000
READ, STALLED = ("a", "b"), "stalled"
HOOK = """
def route(messages):
    for message in messages:
        yield ("a" if message[0].startswith(b"1") else "backend"), message
"""
_BIND = "{bind: 'tcp://127.0.0.1:*'}"
_HEAD = f"device: streamer\nbackend: {_BIND}\nbackends: {{%s}}\nroutes: %s\n"


def _file(routes: Sequence[str] | str, *backends: str) -> str:
    sides = ", ".join(f"{name}: {_BIND}" for name in backends)
    listed = routes if isinstance(routes, str) else "".join(f"\n  - {{{row}}}" for row in routes)
    return _HEAD % (sides, listed)


def _prefixes(topics: Sequence[str]) -> str:
    rows = (f"match: {{topic: '{topic}*'}}, to: {'ab'[at % 2]}" for at, topic in enumerate(topics))
    return _file(tuple(rows), "a", "b")


def _fields(*types: str) -> str:
    return _file([f"match: {{json: {{type: {one}}}}}, to: a" for one in types], "a")


FILES: Mapping[str, str] = {
    "ten": _prefixes([str(digit) for digit in range(10)]),
    "thousand": _prefixes([f"{topic:03d}." for topic in range(TOPICS)]),
    "field": _fields("start"),
    "four-fields": _fields("none", "other", "end", "start"),
    "function": _file("PLACE/hook.py", "a"),
    "stalled-drop": _file([f"to: {STALLED}, copy: true, on-full: drop"], STALLED),
    "stalled-next": _file([f"to: {STALLED}, on-full: next"], STALLED),
    "blocked": _file([f"to: {STALLED}, on-full: block"], STALLED),
}
"""Target -> file. PLACE stands for the directory of the run."""


def write(name: str, place: Path) -> Path:
    """Write the device's file and its route function into an empty directory; return the path."""
    (place / "hook.py").write_text(HOOK)
    path = place / "routes.yaml"
    path.write_text(FILES[name].replace("PLACE", str(place)))
    return path
