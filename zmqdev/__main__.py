"""`python -m zmqdev`: run the program without the working directory in the search path."""

import os
import sys

_OWN = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
if os.path.abspath(sys.path[0] or os.curdir) != _OWN:
    del sys.path[0]

from zmqdev.cli import main  # noqa: E402

main()
