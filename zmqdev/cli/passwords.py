"""A password in a URL on the command line: covered in `ps`, and warned of."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from zmqdev.options.store_url import has_password, is_url, without_password
from zmqdev.system import process_title

WARNING = (
    "a password on the command line: others may have seen it in the list of processes, and the "
    "shell keeps it in its history; write it into ~/.pgpass or the file of PGPASSFILE, or give "
    "the URL as ZMQDEV_QUEUE_STORE or in a file"
)


def cover(arguments: Sequence[str]) -> None:
    """In what the system shows of this process."""
    urls = [url for url in map(_url, arguments) if is_url(url) and has_password(url)]
    if urls:
        process_title.cover((os.fsencode(url), os.fsencode(without_password(url))) for url in urls)
        print("zmqdev:", WARNING, file=sys.stderr)


def _url(word: str) -> str:
    """Of `--store=URL` as well."""
    return word.partition("=")[2] if word.startswith("-") else word
