"""Words on the command line without a flag: a file, addresses, texts or topics.

Examples: `zmqdev queue queue.yaml`, `zmqdev forwarder 5555 5556`, `zmqdev sub ACME`,
`zmqdev push hello`. Each word becomes the value of a flag, so it gets the same checks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from zmqdev.errors import UsageError
from zmqdev.options.address import in_full
from zmqdev.options.option import Path

if TYPE_CHECKING:  # a device does not import the settings of endpoints
    from zmqdev.options.endpoint import EndpointKind
    from zmqdev.options.kind import DeviceKind

FILES = (".yaml", ".yml", ".json")


@dataclass
class Understood:
    """The words of a command as flags: {path: texts}; `config` is the file they name."""

    config: str | None = None
    flags: dict[Path, list[str]] = field(default_factory=dict)

    def add(self, path: Path, word: str) -> None:
        """Add a word to the values of an option."""
        self.flags.setdefault(path, []).append(word)

    def over(self, given: Mapping[Path, Any]) -> dict[Path, Any]:
        """Merge with the flags that were given; a repeatable option keeps both."""
        merged: dict[Path, Any] = dict(self.flags)
        for path, value in given.items():
            both = isinstance(value, list) and path in merged
            merged[path] = [*merged[path], *value] if both else value
        return merged


def of_device(kind: DeviceKind, words: Sequence[str]) -> Understood:
    """Read a file, or up to two addresses: the frontend's and the backend's."""
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
    """Read a file, addresses, and texts or topics where the kind takes them."""
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
    """Whether a word looks like an address, in full or short."""
    return "://" in word or word.startswith("@") or in_full(word) != word


def _take_file(found: Understood, kind: str, word: str) -> None:
    if found.config is not None:
        raise UsageError(f"{kind}: two files, {found.config} and {word}; name one")
    found.config = word
