"""The files that settings name, found by the type of the option."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from zmqdev.options.option import Path, named_of, options_of, sections_of, value_of
from zmqdev.options.places import FileName
from zmqdev.options.types import Many


@dataclass(frozen=True)
class NamedFile:
    """A file that an option names.

    `option` is the path of the option, `change` what a change of the file requires,
    `mark` the sign before the path. `sure` is False if the value may not be a file.
    """

    option: Path
    path: str
    change: str
    mark: str
    sure: bool

    @property
    def key(self) -> str:
        """Return the path of the option as a key."""
        return ".".join(self.option)


def _named(option: Path, type_: FileName, value: str) -> Iterator[NamedFile]:
    path = type_.path(value)
    if path is not None:
        sure = not (type_.or_value or type_.mark)
        yield NamedFile(option, path, type_.change, type_.mark, sure)


def files_of(spec: object, above: Path = ()) -> Iterator[NamedFile]:
    """Yield every file that the options of a spec name."""
    kind: type = type(spec)
    for key, (name, declared, _) in options_of(kind).items():
        value, type_ = value_of(spec, name), declared.type
        if isinstance(type_, Many) and isinstance(type_.item, FileName):
            for one in value:
                yield from _named((*above, key), type_.item, one)
        elif isinstance(type_, FileName) and value:
            yield from _named((*above, key), type_, value)
    for key, (name, _) in sections_of(kind).items():
        yield from files_of(value_of(spec, name), (*above, key))
    for key, (name, _) in named_of(kind).items():
        for word, nested in value_of(spec, name).items():
            yield from files_of(nested, (*above, key, word))
