"""The order in which parts start and stop, as graphs of names.

At the start, a part that binds comes before those that connect, and `after` is obeyed.
At the end, parts stop in the direction of the messages, so that queued messages still
find a way out. In a ring one edge is left out: any order works there, only less
smoothly.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

Edges = Iterable[tuple[str, str]]


def cycles(names: Iterable[str], edges: Edges) -> list[tuple[str, ...]]:
    """Return each ring of names once, its least name first; rings within rings count as one."""
    edges = list(edges)
    found = [group for group in components(names, edges) if len(group) > 1]
    loops = {one for one, other in edges if one == other}
    return sorted([*(tuple(group) for group in found), *((name,) for name in loops)])


def components(names: Iterable[str], edges: Edges) -> list[list[str]]:
    """Return groups of names that reach each other, by Tarjan's algorithm.

    It uses an explicit stack, so that a long chain of parts does not exceed Python's
    recursion limit.
    """
    return _Tarjan(names, edges).groups


def layers(names: Iterable[str], edges: Edges) -> list[list[str]]:
    """Return groups such that every edge points to a later group.

    The names of a ring share a group. Within a group the order of `names` is kept.
    """
    ordered, edges = list(names), list(edges)
    groups = components(ordered, edges)
    home = {name: number for number, group in enumerate(groups) for name in group}
    known = set(home)
    before: dict[int, set[int]] = defaultdict(set)
    for one, other in edges:
        if one in known and other in known and home[one] != home[other]:
            before[home[other]].add(home[one])
    depth: dict[int, int] = {}
    # Tarjan's algorithm finds a component after all that it reaches, so the reverse
    # order follows the edges.
    for number in reversed(range(len(groups))):
        depth[number] = max((depth[one] + 1 for one in before[number]), default=0)
    made: dict[int, list[str]] = defaultdict(list)
    for name in ordered:
        made[depth[home[name]]].append(name)
    return [made[level] for level in sorted(made)]


def reached(start: Iterable[str], edges: Mapping[str, Iterable[str]]) -> set[str]:
    """Return `start` and everything that can be reached from there."""
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
