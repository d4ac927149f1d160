"""`python -m zmqdev.tools.man DIRECTORY` writes all pages there: `make man`."""

from __future__ import annotations

import sys
from pathlib import Path

from zmqdev.tools.man.page import write

write(Path(sys.argv[1]))
