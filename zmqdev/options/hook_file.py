"""`--routes hook.py[:name]`: the file of a Python function that routes."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zmqdev.errors import UsageError

SUFFIX, NAME = ".py", "route"
Function = Callable[[Iterator[list[bytes]]], Iterable[Any]]


@dataclass(frozen=True)
class HookFile:
    """A Python file and the name of its function. Its directory is not added to sys.path."""

    path: str
    name: str = NAME

    def compiled(self, place: str | None) -> Any:
        """Compile the file without running it.

        UsageError names the line that is not Python; `place` is where the file was
        named.
        """
        try:
            return compile(Path(self.path).read_bytes(), self.path, "exec", dont_inherit=True)
        except OSError as error:
            why = (error.strerror or "it cannot be read").lower()
            raise UsageError(f"cannot read {self.path}: {why}", place) from None
        except SyntaxError as error:
            raise UsageError(f"not Python: {error.msg}", f"{self.path}:{error.lineno}") from None
        except ValueError as error:
            raise UsageError(f"not Python: {error}", self.path) from None

    def load(self, place: str | None = None) -> Function:
        """Run the file and return its function; no cached bytecode is used.

        UsageError names the line that failed.
        """
        code = self.compiled(place)
        name = f"zmqdev_hook:{Path(self.path).absolute()}"
        spec = importlib.util.spec_from_file_location(name, self.path)
        assert spec is not None
        module = importlib.util.module_from_spec(spec)
        before = sys.modules.get(name)
        sys.modules[name] = module  # dataclasses in the file look up their module there
        try:
            exec(code, module.__dict__)
            return self._function(module)
        except BaseException as error:
            sys.modules.pop(name)
            if before is not None:
                sys.modules[name] = before
            if isinstance(error, (UsageError, KeyboardInterrupt)):
                raise
            raise UsageError(f"cannot be imported: {in_short(error)}", self._line(error)) from None

    def _function(self, module: Any) -> Function:
        found = getattr(module, self.name, None)
        if found is None:
            raise UsageError(f"no function {self.name!r}; write one, or FILE:NAME", self.path)
        if not callable(found):
            raise UsageError(f"{self.name} is not a function", self.path)
        return found  # type: ignore[no-any-return]  # its results are checked

    def _line(self, error: BaseException) -> str:
        return line_of(error, self.path) or self.path


def hook_file(text: str) -> HookFile | None:
    """Parse `hook.py` or `hook.py:name`; return None for another kind of file."""
    path, colon, name = text.rpartition(":")
    if colon and path.endswith(SUFFIX):
        return HookFile(path, name or NAME)
    return HookFile(text) if text.endswith(SUFFIX) else None


def in_short(error: BaseException) -> str:
    """Return an error as one line, like `ValueError: no number`."""
    return " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")


def in_full(error: BaseException, path: str) -> str:
    """Return a traceback from its first line in the file on, without what called the function."""
    at = error.__traceback__
    while at is not None and at.tb_frame.f_code.co_filename != path:
        at = at.tb_next
    return "".join(traceback.format_exception(type(error), error, at)).rstrip()


def line_of(error: BaseException, path: str) -> str:
    """Return the innermost line of the file in a traceback, like `hook.py:7`; empty if none."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == path]
    return f"{path}:{lines[-1]}" if lines else ""
