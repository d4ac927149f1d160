"""Words on the command line without a flag: a file, addresses, texts or topics.

`zmqdev queue queue.yaml`, `zmqdev forwarder 5555 5556`, `zmqdev sub ACME`, `zmqdev push hello`.
A word becomes the flag that says the same, so it meets the same check.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from zmqdev.errors import UsageError
from zmqdev.options.address import in_full
from zmqdev.options.option import Path

if TYPE_CHECKING:  # a device reads no settings of endpoints
    from zmqdev.options.endpoint import EndpointKind
    from zmqdev.options.kind import DeviceKind

FILES = (".yaml", ".yml", ".json")


@dataclass
class Understood:
    """The words of a command as flags: path -> texts. `config`: the file they name."""

    config: str | None = None
    flags: dict[Path, list[str]] = field(default_factory=dict)

    def add(self, path: Path, word: str) -> None:
        self.flags.setdefault(path, []).append(word)

    def over(self, given: Mapping[Path, Any]) -> dict[Path, Any]:
        """With what the flags say; of an option that is repeatable both hold."""
        merged: dict[Path, Any] = dict(self.flags)
        for path, value in given.items():
            both = isinstance(value, list) and path in merged
            merged[path] = [*merged[path], *value] if both else value
        return merged


def of_device(kind: DeviceKind, words: Sequence[str]) -> Understood:
    """A file, or up to two addresses: the frontend's and the backend's."""
    found, sides = Understood(), [("frontend", kind.frontend), ("backend", kind.backend)]
    for word in words:
        if word.endswith(FILES):
            _take_file(found, kind.name, word)
        elif is_address(word) and sides:
            side, default = sides.pop(0)
            found.add((side, default.verb), word)
        else:
            fix = "write a file, or the addresses of frontend and backend"
            raise UsageError(f"{kind.name}: cannot make sense of {word!r}; {fix}")
    return found


def of_endpoint(kind: EndpointKind, words: Sequence[str]) -> Understood:
    """A file, addresses, and what the kind takes without a flag."""
    found = Understood()
    for word in words:
        if word.endswith(FILES):
            _take_file(found, kind.name, word)
        elif is_address(word) and not (kind.digits_are_text and word.isdigit()):
            found.add((kind.verb,), word)
        elif kind.word:
            found.add((kind.word,), word)
        else:
            raise UsageError(f"{kind.name}: cannot make sense of {word!r}; write an address")
    return found


def is_address(word: str) -> bool:
    """Whether it can be meant as one, whole or short."""
    return "://" in word or word.startswith("@") or in_full(word) != word


def _take_file(found: Understood, kind: str, word: str) -> None:
    if found.config is not None:
        raise UsageError(f"{kind}: two files, {found.config} and {word}; name one")
    found.config = word
