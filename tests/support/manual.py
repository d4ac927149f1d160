"""The pages of the manual (README and help topics), and how a test runs what they show.

Markers in a page, each alone on the line before a block:

- `<!-- run -->`: run the commands of the console block; what comes is what is shown
- `<!-- run: COMMAND -->`: the same, after this command, which the reader does not see
- `<!-- run, figures vary -->`, `<!-- run, figures vary: COMMAND -->`: numbers are not compared
- `<!-- file NAME -->`: the block is this file, and is there for every run block of the page

A page uses the documented ports; a test has free ones in their place, so that pages can be
tested beside each other and beside anything else on the machine.
"""

from __future__ import annotations

import contextlib
import doctest
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from support import forked
from support.ports import Ports

from zmqdev.cli.topics import TOPICS
from zmqdev.options.endpoint import ENDPOINTS
from zmqdev.options.kind import KINDS

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = {"README": README, **{name: topic.path() for name, topic in TOPICS.items()}}

_BLOCK = re.compile(
    r"(?:<!-- run(?P<run>(?:, figures vary)?)(?:: (?P<setup>.*?))? -->\n)?"
    r"```console\n(?P<text>.*?)```",
    re.DOTALL,
)
_FILE = re.compile(r"<!-- file (\S+) -->\n```\w*\n(.*?)```", re.DOTALL)


_DATED = re.compile(r"^\d{4}-\d\d-\d\dT(\d\d:\d\d:\d\d\.\d{3})Z(?= \w+: )", re.MULTILINE)
_FIGURE = re.compile(
    r"0x[0-9a-f]+|\b\d[\d.:,]*(?: ?(?:[kM]|[KMG]iB|B|[nµm]?s)(?:/s)?\b)?|[▁▂▃▄▅▆▇█]+|[ ─]{2,}"
)
# How long a device waited, for peers that took their time to start; and a line that a command
# says while it waits itself.
_WAITED = re.compile(
    r", blocked for [^,\n]*|^\S+: draining, .*\n|^waiting for the end\n", re.MULTILINE
)
# What came too late: on a machine that is slow for a moment, any command may have to say it.
_LATE = re.compile(
    r"^zmqdev: \S+: \d+ requests? arrived after the stop.*\n"
    r"|^.*warning: came beyond --count.*\n",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Block:
    """A console block. `run` when its output is compared; `setup` is done before."""

    page: str
    line: int
    text: str
    run: bool
    setup: str = ""
    figures_vary: bool = False

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    def agrees(self, expected: str, came: str) -> bool:
        """`...` in the expected output stands for anything. A page shows a terminal, where a log
        line has the time of day alone."""
        came = _LATE.sub("", _DATED.sub(r"\1", came))
        if self.figures_vary:
            expected, came = (_FIGURE.sub("#", _WAITED.sub("", text)) for text in (expected, came))
        return doctest.OutputChecker().check_output(expected, came, doctest.ELLIPSIS)

    def commands(self) -> list[tuple[str, str]]:
        """(command, expected output) in order."""
        pairs = []
        for part in re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            while command.endswith("\\"):
                more, _, output = output.partition("\n")
                command = command[:-1] + more.strip()
            pairs.append((command, output))
        return pairs


def blocks(page: str) -> list[Block]:
    text = PAGES[page].read_text()
    return [
        Block(
            page,
            text[: found.start("text")].count("\n"),
            found["text"],
            found["run"] is not None,
            found["setup"] or "",
            bool(found["run"]),
        )
        for found in _BLOCK.finditer(text)
    ]


def files(page: str) -> dict[str, str]:
    return dict(_FILE.findall(PAGES[page].read_text()))


@dataclass
class Moved:
    """Documented port -> a port of this test, that no other test takes."""

    own: Ports
    given: dict[str, str] = field(default_factory=dict)

    def there(self, text: str) -> str:
        return re.sub(r"(?<=127\.0\.0\.1:)\d{4}\b", lambda found: self._own(found[0]), text)

    def back(self, text: str) -> str:
        documented = {own: port for port, own in self.given.items()}
        return re.sub(r"(?<=127\.0\.0\.1:)\d{5}\b", lambda m: documented.get(m[0], m[0]), text)

    def _own(self, port: str) -> str:
        if port not in self.given:
            self.given[port] = str(self.own.take(1)[0])
        return self.given[port]


@dataclass
class Shell:
    """A directory with what a page takes for granted: its files, `configs`, `zmqdev`. That one
    is a copy of a process that has loaded it, or `cold`, as it is installed."""

    place: Path
    moved: Moved
    cold: bool
    groups: list[int] = field(default_factory=list)

    def lay_out(self, page: str) -> None:
        for name, text in files(page).items():
            (self.place / name).write_text(self.moved.there(text))
        shutil.copytree(ROOT / "configs", self.place / "configs")
        for config in (self.place / "configs").glob("*.yaml"):
            config.write_text(self.moved.there(config.read_text()))
        for name in ("bin", "run", "tmp"):
            (self.place / name).mkdir(mode=0o700)
        program = self.place / "bin" / "zmqdev"
        program.write_text(self._program())
        program.chmod(0o755)

    def _program(self) -> str:
        """`zmqdev`, with the test's ports where it would take its default addresses."""
        sides = {"-b -c --bind --connect": self._defaults("")}
        for side in ("frontend", "backend"):
            sides[f"--{side}-bind --{side}-connect"] = self._defaults(side)
        lines = ["#!/bin/sh"]
        for flags, variables in sides.items():
            given = "|".join(f'*" {flag} "*' for flag in flags.split())
            lines.append(f'case " $* " in {given}|*" --config "*) ;; *) export {variables};; esac')
        # The machine may be busy.
        lines.append('if [ "$1" = ctl ]; then set -- "$@" --timeout 30s; fi')
        start = f'"{sys.executable}" -m zmqdev'
        if not self.cold:
            client = f'"{forked.CLIENT}" {forked.default_server().fileno()} "{forked.PROGRAM}"'
            start = f'"{sys.executable}" -I -S {client}'
        return "\n".join([*lines, f'exec {start} "$@"', ""])

    def _defaults(self, side: str) -> str:
        if not side:
            found = {f"{kind.name}_{kind.verb}": kind.address for kind in ENDPOINTS.values()}
        else:
            defaults = {kind.name: getattr(kind, side) for kind in KINDS.values()}
            found = {f"{name}_{side}_{one.verb}": one.address for name, one in defaults.items()}
        return " ".join(f"ZMQDEV_{k.upper()}={self.moved.there(v)}" for k, v in found.items())

    def run(self, command: str) -> str:
        """What it prints, stderr included, until it has ended."""
        path = os.pathsep.join(
            (str(self.place / "bin"), str(Path(sys.executable).parent), os.environ["PATH"])
        )
        with subprocess.Popen(
            ["bash", "-c", self.moved.there(command)],
            cwd=self.place,
            env={
                **os.environ,
                "PATH": path,
                "XDG_RUNTIME_DIR": str(self.place / "run"),
                "TMPDIR": str(self.place / "tmp"),
                "COLUMNS": "100",
                "TERM": "dumb",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            pass_fds=[] if self.cold else [forked.default_server().fileno()],
        ) as process:
            self.groups.append(process.pid)
            try:
                said, _ = process.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                self.end()  # or it would be waited for
                raise
        return self.moved.back(said)

    def end(self) -> None:
        """What was left running in the background, at most."""
        for group in self.groups:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)


@contextlib.contextmanager
def shell(page: str, place: Path) -> Iterator[Shell]:
    with contextlib.closing(Ports()) as own:
        made = Shell(place, Moved(own), cold=page == "README")
        try:
            made.lay_out(page)
            yield made
        finally:
            made.end()
