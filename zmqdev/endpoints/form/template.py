"""Texts with placeholders: `Req-{n}`, `{{literal}}`, `Processed: {body}`.

| placeholder | is replaced by |
|---|---|
| `{n}` | a counter, from 0 |
| `{time}` | Unix time in seconds, six decimals |
| `{random}` | a random whole number below 2^32 |
| `{body}` | the body of the request, in a reply |
| `{topic}` | the first frame of several, in the name of a file |

`{{` and `}}` stand for braces. A template is compiled once, to one `bytes` format, so bodies that
are not UTF-8 pass through unchanged.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from zmqdev.errors import UsageError

# The conversion of each placeholder for the % operator of bytes.
CONVERSIONS = {"n": b"%d", "time": b"%.6f", "random": b"%d", "body": b"%b", "topic": b"%b"}
OUTGOING = ("n", "time", "random")
REPLY = ("n", "time", "random", "body")
FILE = ("n", "time", "topic")

_TOKEN = re.compile(rb"\{\{|\}\}|\{([^{}]*)\}|\{|\}|[^{}]+")


@dataclass(frozen=True)
class Template:
    """A compiled text: `pattern` is a `%` format that takes the values of `names`, in order."""

    pattern: bytes
    names: tuple[str, ...]

    @property
    def constant(self) -> bool:
        """Whether there is no placeholder."""
        return not self.names

    def render(
        self,
        n: int = 0,
        time: float = 0.0,
        random: int = 0,
        body: bytes = b"",
        topic: bytes = b"",
    ) -> bytes:
        """Return the text with these values."""
        values = {"n": n, "time": time, "random": random, "body": body, "topic": topic}
        return self.pattern % tuple(values[name] for name in self.names)

    def render_many(
        self, numbers: Iterable[int], time: float, draw: Callable[[], int]
    ) -> list[bytes]:
        """Return a text for each of `numbers`, with a shortcut for the usual patterns."""
        pattern = self.pattern
        if self.names == ("n",):
            return [pattern % n for n in numbers]
        if self.constant:
            text = pattern % ()
            return [text for _ in numbers]
        return [self.render(n, time, draw()) for n in numbers]


def compile_template(
    text: str | bytes, known: tuple[str, ...] = OUTGOING, place: str | None = None
) -> Template:
    """Compile a text; `known` are the placeholders that it may contain.

    Raises UsageError, with `place` in front, for an unknown placeholder and for a brace that is not
    closed or not opened.
    """
    pattern, names = bytearray(), []
    for token in _TOKEN.finditer(_bytes(text)):
        name = token[1]
        if name is not None:
            names.append(_known(name, known, place))
            pattern += CONVERSIONS[names[-1]]
        elif token[0] in (b"{", b"}"):
            raise UsageError(f"a single {_shown(token[0])}; {_advice(known)}", place)
        else:
            literal = token[0][:1] if token[0] in (b"{{", b"}}") else token[0]
            pattern += literal.replace(b"%", b"%%")
    return Template(bytes(pattern), tuple(names))


def _known(name: bytes, known: tuple[str, ...], place: str | None) -> str:
    word = name.decode(errors="replace")
    if word not in known:
        raise UsageError(f"unknown placeholder {{{word}}}; {_advice(known)}", place)
    return word


def _advice(known: tuple[str, ...]) -> str:
    names = ", ".join(f"{{{name}}}" for name in known)
    return f"known are {names}; write {{{{ and }}}} for braces"


def _shown(brace: bytes) -> str:
    return repr(brace.decode())


def _bytes(text: str | bytes) -> bytes:
    """Return a text as it was typed: Python holds what is not UTF-8 as surrogates."""
    return os.fsencode(text) if isinstance(text, str) else text
