"""Tables of routes and messages of every kind, small enough that they often meet."""

from __future__ import annotations

from random import Random

from hypothesis import strategies as st

from zmqdev.routing.condition import Condition, FieldMatch, FrameMatch, Larger, Not
from zmqdev.routing.pattern import Pattern, parse
from zmqdev.routing.table import Rename, Route, Table

BACKENDS = ("backend", "a", "b", "c", "d")
SECOND = 1_000_000_000
ATOMS = ("*", "?", "a", "b", "ab", ".", "eu.", "us.", "1", r"\*", "")
PATHS = ((b"a",), (b"b",), (b"a", b"b"), (b"o", b"p"))
VALUES = (b"1", b"ab", b"true", b'"a"', b'"a\\u0062"', b'"\\ud83d\\ude00"', b"[1]", b'{"b": "a"}')
FRAMES = (b"", b"a", b"ab", b"eu.1", b"eu.", b"us.1.a", b"b.a.b", b"*", b"x" * 40)


class Chance(Random):
    """Draws of everything that routes are made of."""

    def some(self, most: int) -> range:
        return range(self.randint(0, most))

    def pattern(self) -> Pattern:
        return parse("".join(self.choice(ATOMS) for _ in range(self.randint(1, 4))))

    def patterns(self) -> tuple[Pattern, ...]:
        return tuple(self.pattern() for _ in range(self.randint(1, 3)))

    def condition(self, deep: int = 2) -> Condition:
        kind = self.randrange(6 if deep else 5)
        if kind < 2:
            return FrameMatch(0, self.patterns())
        if kind == 2:
            return FrameMatch(self.choice((-2, -1, 0, 1, 2)), self.patterns())
        if kind == 3:
            return FieldMatch(self.choice(PATHS), self.patterns())
        if kind == 4:
            return Larger(self.choice((0, 3, 10, 50)))
        return Not(tuple(self.condition(deep - 1) for _ in self.some(2)))

    def plain(self, name: str) -> Route:
        """One that a prefix alone decides, with one backend: the C half is short with it."""
        start = parse(f"{self.choice(('a', 'ab', 'eu.', 'us.', 'x' * 9))}*")
        target, full = self.randrange(len(BACKENDS)), self.choice(("block", "drop", "next"))
        return Route(name, (FrameMatch(0, (start,)),), (target,), on_full=full)

    def route(self, name: str) -> Route:
        if self.random() < 0.3:
            return self.plain(name)
        targets = tuple(self.sample(range(len(BACKENDS)), self.randint(0, 4)))
        rename = Rename(b"new.", self.random() < 0.5, b"!") if self.random() < 0.2 else None
        return Route(
            name,
            tuple(self.condition() for _ in self.some(2)),
            targets,
            self.choice(("all", "first", "next", "hash")),
            self.random() < 0.3,
            self.choice(("block", "drop", "next")),
            self.choice((10_000, 10_000, 3_333, 100)),
            self.choice((0, 0, 1, 3)),
            self.choice((None, 0, 1, -1)),
            rename,
        )

    def table(self, least: int, most: int) -> Table:
        routes = tuple(self.route(str(at)) for at in range(self.randint(least, most)))
        rest = self.choice((0, 0, 1, None))
        return Table(routes, BACKENDS, rest, self.choice(("block", "drop")))

    def json(self) -> bytes:
        pairs = (
            b'"%s" : %s' % (self.choice((b"a", b"b", b"o", b"\\u0061")), self.value())
            for _ in self.some(4)
        )
        return b"{" + b", ".join(pairs) + b"}"

    def value(self) -> bytes:
        return b'{"p": %s}' % self.choice(VALUES) if self.random() < 0.2 else self.choice(VALUES)

    def message(self) -> list[bytes]:
        frames = [self.choice(FRAMES) for _ in range(self.randint(1, 3))]
        return [*frames[:-1], self.json()] if self.random() < 0.4 else frames

    def room(self) -> bytes:
        """A byte for each backend: whether it takes a message."""
        full = self.choice((0.0, 0.3, 0.9))
        return bytes(self.random() >= full for _ in BACKENDS)


CHANCES = st.integers(0, 2**32).map(Chance)
