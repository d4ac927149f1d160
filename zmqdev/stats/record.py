"""What has been seen so far of several subjects: tracks by name and direction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from zmqdev.stats.rates import Track
from zmqdev.stats.subject import Reading, Subject


@dataclass(frozen=True)
class Seen:
    """A subject now, and the track of each of its directions."""

    subject: Subject
    flows: tuple[tuple[Reading, Track], ...]


class Record:
    """`take` what there is at each look; a subject that is gone is forgotten."""

    def __init__(self) -> None:
        self._tracks: dict[tuple[str, str], Track] = {}
        self.seen: tuple[Seen, ...] = ()

    def take(self, subjects: Iterable[Subject]) -> tuple[Seen, ...]:
        self.seen = tuple(self._see(subject) for subject in subjects)
        here = {(seen.subject.name, flow.name) for seen in self.seen for flow, _ in seen.flows}
        self._tracks = {key: track for key, track in self._tracks.items() if key in here}
        return self.seen

    def _see(self, subject: Subject) -> Seen:
        return Seen(subject, tuple((flow, self._track(subject, flow)) for flow in subject.flows))

    def _track(self, subject: Subject, flow: Reading) -> Track:
        key = (subject.name, flow.name)
        track = self._tracks.get(key)
        if track is None:
            track = self._tracks[key] = Track(subject.at, flow)
        else:
            track.add(subject.at, flow)
        return track
