"""The differences between two readings of the files, for the parts that run. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from zmqdev.options.part import Part
from zmqdev.topology.links import Plan
from zmqdev.topology.placement import in_threads, joined


@dataclass(frozen=True)
class Changes:
    """Names. `kept` go on untouched; only how they live (restart) may have changed. Those of them
    in `reloaded` read their keys, users and rights again."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    kept: tuple[str, ...]
    reloaded: tuple[str, ...] = ()

    @property
    def left(self) -> tuple[str, ...]:
        """Those that go on as they are."""
        return tuple(name for name in self.kept if name not in self.reloaded)

    def words(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """What became of which parts."""
        pairs = (
            ("started", self.added),
            ("stopped", self.removed),
            ("restarted", self.changed),
            ("reloaded", self.reloaded),
            ("left as they are", self.left),
        )
        return (pair for pair in pairs if pair[1])

    @property
    def none(self) -> bool:
        return not (self.added or self.removed or self.changed or self.reloaded)


def changes(
    before: Plan,
    after: Plan,
    *,
    anew: Collection[str] = frozenset(),
    again: Collection[str] = frozenset(),
) -> Changes:
    """A part has changed when its own settings have, or the process it lives in, or a file that
    it reads at its start (`anew`); and when inproc joins it with one that has, for such a
    connection is not made again. `again`: those with a file that is read while they run."""
    old, new = _by_name(before), _by_name(after)
    old_threads, new_threads = in_threads(before), in_threads(after)
    changed = {
        name
        for name in old.keys() & new.keys()
        if old[name].asked != new[name].asked or (name in old_threads) != (name in new_threads)
    }
    changed |= {name for name in anew if name in old.keys() & new.keys()}
    touched = changed | (old.keys() ^ new.keys())
    for groups in (joined(before), joined(after)):
        for name in list(touched):
            touched |= groups.get(name, frozenset())
    changed = touched & old.keys() & new.keys()
    kept = tuple(name for name in new if name in old and name not in changed)
    return Changes(
        added=tuple(name for name in new if name not in old),
        removed=tuple(name for name in old if name not in new),
        changed=tuple(name for name in new if name in changed),
        kept=kept,
        reloaded=tuple(name for name in kept if name in again),
    )


def _by_name(plan: Plan) -> dict[str, Part]:
    return {part.name: part for part in plan.topology.parts}
