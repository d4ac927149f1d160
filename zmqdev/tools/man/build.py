"""The build step that makes the manual pages, for setuptools; pyproject.toml names it."""

from __future__ import annotations

import sys
from pathlib import Path

from setuptools.command.build_py import build_py

DIRECTORY = Path("build") / "man"


class BuildWithManual(build_py):  # type: ignore[misc]  # untyped
    """Build the modules, then the pages, which are installed as `share/man/man1`."""

    def run(self) -> None:
        super().run()
        sys.path.insert(0, str(Path.cwd()))  # the package as it lies here, not one installed
        from zmqdev.tools.man.page import write

        pages = [str(path) for path in write(DIRECTORY)]
        files = self.distribution.data_files or []
        self.distribution.data_files = [*files, ("share/man/man1", pages)]
