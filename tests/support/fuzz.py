"""`make fuzz`: every parser under atheris, a coverage-guided fuzzer, one after the other.

    python -m support.fuzz SECONDS [PARSER...]
    python -m support.fuzz again PARSER FILE

Each parser runs in a process of its own, so that a crash names it and what it
was fed, and the rest go on. What was fed stays in build/fuzz, and `again` feeds
it once more; so do the inputs that reached something new, for the next run to
begin with. What is found becomes a test beside the parser's own.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

PLACE = Path(__file__).parents[2] / "build" / "fuzz"
INPUT = 2048
# An input that takes longer is a finding too.
SLOW = 10
SHOWN = 4000
_COVERED = re.compile(r"cov: (\d+)")
_TRIED = re.compile(r"Done (\d+) (?:runs|in)|#(\d+)\s")


def fuzz_one(name: str, seconds: float) -> None:
    """Until the time is over, or something that is not expected comes out. Never returns."""
    import atheris

    with atheris.instrument_imports(include=["zmqdev"]):
        from support.parsers import SAMPLES, WORDS, feed
    place = folder(name)
    corpus = place / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, sample in enumerate(SAMPLES):
        (corpus / f"sample-{number}").write_bytes(sample)
    (place / "words").write_text("".join(map(dictionary_line, WORDS)))
    limits = [f"-max_total_time={int(seconds)}", f"-max_len={INPUT}", f"-timeout={SLOW}"]
    files = [f"-artifact_prefix={place}/", f"-dict={place / 'words'}", str(corpus)]
    atheris.Setup([sys.argv[0], *limits, *files], lambda data: feed(name, data))
    atheris.Fuzz()


def dictionary_line(word: bytes) -> str:
    return '"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n'


def folder(name: str) -> Path:
    return PLACE / name.replace(" ", "-")


def run_one(name: str, seconds: str) -> bool:
    """One parser, told in a line; whether nothing was found."""
    before = findings(name)
    done = subprocess.run(
        [sys.executable, "-m", "support.fuzz", seconds, name],
        env={**os.environ, "ZMQDEV_FUZZ_ONE": "1"},
        capture_output=True,
        text=True,
        errors="replace",
    )
    tried = max((int(a or b) for a, b in _TRIED.findall(done.stderr)), default=0)
    covered = max(map(int, _COVERED.findall(done.stderr)), default=0)
    print(f"{tried} inputs, {covered} branches", flush=True)
    if not done.returncode:
        return True
    print(done.stdout[-SHOWN:] + done.stderr[-SHOWN:])
    for file in sorted(findings(name) - before):
        print(f"feed it again: python -m support.fuzz again '{name}' {file}")
    return False


def findings(name: str) -> set[Path]:
    place = folder(name)
    return {path for path in place.glob("*-*") if path.is_file()} if place.is_dir() else set()


def again(name: str, file: str) -> int:
    """What a run found, without the fuzzer: the traceback, or nothing."""
    from support.parsers import feed

    feed(name, Path(file).read_bytes())
    print(f"{name} reads or refuses it")
    return 0


def main() -> int:
    first, *names = sys.argv[1:]
    if first == "again":
        return again(*names)
    if os.environ.get("ZMQDEV_FUZZ_ONE"):
        fuzz_one(names[0], float(first))
    from support.parsers import PARSERS

    unknown = set(names) - set(PARSERS)
    if unknown:
        print(f"no parser {', '.join(unknown)}; there are {', '.join(sorted(PARSERS))}")
        return 2
    names = names or sorted(PARSERS)
    failed = []
    for number, name in enumerate(names, 1):
        print(f"{number}/{len(names)} {name}, {first} s: ", end="", flush=True)
        if not run_one(name, first):
            failed.append(name)
    print(f"found something in: {', '.join(failed)}" if failed else "nothing found")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
