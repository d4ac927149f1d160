"""`make fuzz`: every parser under atheris, a coverage-guided fuzzer, one after the other.

    python -m support.fuzz SECONDS [PARSER...]

Each parser runs in a process of its own, so that a crash names it and what it
was fed, and the rest go on. What is found becomes a test beside the parser's own.
"""

from __future__ import annotations

import os
import subprocess
import sys

INPUT = 2048


def fuzz_one(name: str, seconds: float) -> None:
    """Until the time is over, or something that is not expected comes out. Never returns."""
    import atheris

    with atheris.instrument_imports(include=["zmqdev"]):
        from support.parsers import feed
    limits = [f"-max_total_time={int(seconds)}", f"-max_len={INPUT}", "-verbosity=0"]
    atheris.Setup([sys.argv[0], *limits], lambda data: feed(name, data))
    atheris.Fuzz()


def main() -> int:
    seconds, *names = sys.argv[1:]
    if os.environ.get("ZMQDEV_FUZZ_ONE"):
        fuzz_one(names[0], float(seconds))
    from support.parsers import PARSERS

    unknown = set(names) - set(PARSERS)
    if unknown:
        print(f"no parser {', '.join(unknown)}; there are {', '.join(sorted(PARSERS))}")
        return 2
    failed = []
    for name in names or sorted(PARSERS):
        print(f"{name}: {seconds} s", flush=True)
        one = subprocess.run(
            [sys.executable, "-m", "support.fuzz", seconds, name],
            env={**os.environ, "ZMQDEV_FUZZ_ONE": "1"},
        )
        if one.returncode:
            failed.append(name)
    print(f"found something in: {', '.join(failed)}" if failed else "nothing found")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
