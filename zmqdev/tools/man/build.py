"""The build step for setuptools that makes the manual pages; pyproject.toml names it."""

from __future__ import annotations

import sys
from pathlib import Path

from setuptools.command.build_py import build_py

DIRECTORY = Path("build") / "man"


class BuildWithManual(build_py):  # type: ignore[misc]  # untyped
    """Builds the modules, then the pages, which are installed as `share/man/man1`."""

    def run(self) -> None:
        """Build, and add the pages to the distribution."""
        super().run()
        sys.path.insert(0, str(Path.cwd()))  # import the package of this tree, not an installed one
        from zmqdev.tools.man.page import write

        pages = [str(path) for path in write(DIRECTORY)]
        files = self.distribution.data_files or []
        self.distribution.data_files = [*files, ("share/man/man1", pages)]
