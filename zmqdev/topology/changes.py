"""The differences between two readings of a file, applied to the running parts. No I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from zmqdev.control.reload import flat
from zmqdev.control.settings import LEFT_OUT, SETTINGS, UNUSED, as_text
from zmqdev.options.part import Part
from zmqdev.topology.links import Plan
from zmqdev.topology.placement import in_threads, joined


@dataclass(frozen=True)
class Changes:
    """Names of parts by what happens to them.

    `kept` parts go on; only their restart policy may have changed. Those of them in
    `reloaded` read their keys, users and rights again. `set` has the settings that
    running parts get, by name as `ctl NAME set` takes them.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    kept: tuple[str, ...]
    reloaded: tuple[str, ...] = ()
    set: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def left(self) -> tuple[str, ...]:
        """Return the parts that go on without any change."""
        touched = {*self.reloaded, *self.set}
        return tuple(name for name in self.kept if name not in touched)

    def words(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Return (what happened, the parts) for each kind of change that there is."""
        pairs = (
            ("started", self.added),
            ("stopped", self.removed),
            ("restarted", self.changed),
            ("reloaded", self.reloaded),
            ("set in place", tuple(self.set)),
            ("left as they are", self.left),
        )
        return (pair for pair in pairs if pair[1])

    @property
    def none(self) -> bool:
        """Whether nothing changes."""
        return not (self.added or self.removed or self.changed or self.reloaded or self.set)


def changes(
    before: Plan,
    after: Plan,
    *,
    anew: Collection[str] = frozenset(),
    again: Collection[str] = frozenset(),
) -> Changes:
    """Compare two plans.

    A part has changed when its settings have, or its process, or a file that it reads
    at its start (`anew`). A part joined by inproc to one that has changed counts as
    changed too, because an inproc connection is not restored. Parts in `again` read a
    file while they run, so they are only reloaded. New settings that a running device
    accepts are set in place.
    """
    old, new = _by_name(before), _by_name(after)
    old_threads, new_threads = in_threads(before), in_threads(after)
    changed = {
        name
        for name in old.keys() & new.keys()
        if _used(old[name]) != _used(new[name]) or (name in old_threads) != (name in new_threads)
    }
    fresh = {
        name: values
        for name in sorted(changed - set(anew))
        if name not in old_threads | new_threads and (values := to_be_set(old[name], new[name]))
    }
    changed = (changed - fresh.keys()) | {name for name in anew if name in old.keys() & new.keys()}
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
        set={name: fresh[name] for name in kept if name in fresh},
    )


def to_be_set(before: Part, after: Part) -> dict[str, str]:
    """Return the settings that differ, as `ctl NAME set` takes them.

    Empty when one of them cannot be set or was removed, or the device has no control
    socket.
    """
    devices = (before.device, after.device)
    if any(device is None or device.control == "off" for device in devices):
        return {}
    was, now = flat(before.asked), flat(after.asked)
    keys = sorted((was.keys() | now.keys()) - UNUSED)
    differ = {key: now.get(key, LEFT_OUT.get(key)) for key in keys if was.get(key) != now.get(key)}
    if any(key not in SETTINGS or value is None for key, value in differ.items()):
        return {}
    return {key: as_text(value) for key, value in differ.items()}


def _used(part: Part) -> dict[str, object]:
    """Its own settings, without those that do nothing while it runs."""
    return {key: value for key, value in part.asked.items() if key not in UNUSED}


def _by_name(plan: Plan) -> dict[str, Part]:
    return {part.name: part for part in plan.topology.parts}
