"""Files that are not on a disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from zmqdev.errors import UsageError
from zmqdev.options.document import Node, read
from zmqdev.options.parts import Sheet, draft

Files = Mapping[str, str]


@pytest.fixture
def sheet() -> Callable[..., Sheet]:
    """`sheet({"main.yaml": "...", "other.yaml": "..."}, NAME="value")`: the first one's sheet."""

    def make(files: Files | str, **values: str) -> Sheet:
        texts = {"f.yaml": files} if isinstance(files, str) else dict(files)

        def load(path: str, beside: str) -> tuple[str, Node]:
            if path not in texts:
                raise UsageError("cannot read it: no such file", path)
            return path, read(texts[path].encode(), path)

        name = next(iter(texts))
        return draft(load(name, "")[1], name, load, values)

    return make
