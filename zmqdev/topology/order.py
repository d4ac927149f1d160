"""The order in which parts start and stop, as graphs of names.

Started: who binds before who connects, and what `after` says. Stopped: the way
the messages flow, so that what is inside still finds a way out. Where there is
a ring, an edge of it is left out: any order works, only less smoothly.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

Edges = Iterable[tuple[str, str]]


def cycles(names: Iterable[str], edges: Edges) -> list[tuple[str, ...]]:
    """Each ring of names once, its least name first. Rings within rings count as one."""
    edges = list(edges)
    found = [group for group in components(names, edges) if len(group) > 1]
    loops = {one for one, other in edges if one == other}
    return sorted([*(tuple(group) for group in found), *((name,) for name in loops)])


def components(names: Iterable[str], edges: Edges) -> list[list[str]]:
    """Names that reach each other, by Tarjan's algorithm with a stack of its own: a long chain
    of parts must not end in a RecursionError."""
    return _Tarjan(names, edges).groups


def layers(names: Iterable[str], edges: Edges) -> list[list[str]]:
    """Groups so that every edge points from an earlier group to a later one, but for rings,
    whose names stand together. The order of `names` is kept within a group."""
    ordered, edges = list(names), list(edges)
    groups = components(ordered, edges)
    home = {name: number for number, group in enumerate(groups) for name in group}
    known = set(home)
    before: dict[int, set[int]] = defaultdict(set)
    for one, other in edges:
        if one in known and other in known and home[one] != home[other]:
            before[home[other]].add(home[one])
    depth: dict[int, int] = {}
    # Tarjan finds a component after all that it reaches, so reversed is an order of the edges.
    for number in reversed(range(len(groups))):
        depth[number] = max((depth[one] + 1 for one in before[number]), default=0)
    made: dict[int, list[str]] = defaultdict(list)
    for name in ordered:
        made[depth[home[name]]].append(name)
    return [made[level] for level in sorted(made)]


def reached(start: Iterable[str], edges: Mapping[str, Iterable[str]]) -> set[str]:
    """`start` and everything that can be reached from there."""
    seen: set[str] = set()
    waiting = list(start)
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting.extend(edges.get(name, ()))
    return seen


class _Tarjan:
    def __init__(self, names: Iterable[str], edges: Edges) -> None:
        self.next: dict[str, list[str]] = {name: [] for name in names}
        for one, other in edges:
            if one in self.next and other in self.next:
                self.next[one].append(other)
        self.groups: list[list[str]] = []
        self.number: dict[str, int] = {}
        self.low: dict[str, int] = {}
        self.stack: list[str] = []
        self.on_stack: set[str] = set()
        for name in self.next:
            if name not in self.number:
                self._walk(name)

    def _walk(self, root: str) -> None:
        path = [(root, iter(self.next[root]))]
        self._enter(root)
        while path:
            name, rest = path[-1]
            for other in rest:
                if other not in self.number:
                    self._enter(other)
                    path.append((other, iter(self.next[other])))
                    break
                if other in self.on_stack:
                    self.low[name] = min(self.low[name], self.number[other])
            else:
                path.pop()
                if path:
                    above = path[-1][0]
                    self.low[above] = min(self.low[above], self.low[name])
                self._leave(name)

    def _enter(self, name: str) -> None:
        self.number[name] = self.low[name] = len(self.number)
        self.stack.append(name)
        self.on_stack.add(name)

    def _leave(self, name: str) -> None:
        if self.low[name] != self.number[name]:
            return
        group: list[str] = []
        while not group or group[-1] != name:
            group.append(self.stack.pop())
            self.on_stack.discard(group[-1])
        self.groups.append(sorted(group))
