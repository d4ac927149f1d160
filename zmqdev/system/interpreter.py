"""The command line that runs a module of this package in a new interpreter.

`python -m` puts the working directory first in the search path, so a file `json.py`
there would be executed. This way nothing of the working directory is imported.
"""

from __future__ import annotations

import sys
from pathlib import Path

import zmqdev

_ROOT = str(Path(zmqdev.__file__).parents[1])
# With -c the first entry of the search path is the working directory. The package's
# place comes last; it is on the path already, unless this program was started from a
# checkout.
_START = (
    "import sys; sys.path[:] = [p for p in sys.path if p] + [{root!r}]; "
    "from {module} import main; main(*{arguments})"
)


def command(module: str, *words: str, arguments: bool = False) -> list[str]:
    """Return a command that calls `main()` of the module, or `main(words)` with `arguments`."""
    given = "[sys.argv[1:]]" if arguments else "[]"
    code = _START.format(root=_ROOT, module=module, arguments=given)
    return [sys.executable, "-c", code, *words]


def program(*words: str) -> list[str]:
    """Return a command that runs the `zmqdev` program with these words."""
    return command("zmqdev.cli", *words)
