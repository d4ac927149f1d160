"""`python -m zmqdev`: the search path begins with the working directory, which is not ours."""

import os
import sys

_OWN = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
if os.path.abspath(sys.path[0] or os.curdir) != _OWN:
    del sys.path[0]

from zmqdev.cli import main  # noqa: E402

main()
