"""The long runs in one go, with a report: `make soak`.

    python -m support.soak DIRECTORY [SECONDS]

Each device kind passes messages for SECONDS while hostile peers come and go: malformed
handshakes, well-framed nonsense, PING floods with resets, messages that never end, storms of
connections, and for the reliable queue workers that are killed. Memory, descriptors and processor
time are read once a second. Then the long tests run. DIRECTORY gets `report.md` and a chart of
each kind's memory; the exit status is 1 when anything failed.
"""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

from hostile.test_ping import PING, SAID
from hostile.test_random_zmtp import talk, unfinished
from support import rawpeer
from support.load import Load
from support.losses import ROUTES, Scene
from support.processes import Program
from support.reliable import Queue, own_worker
from support.vitals import MEBIBYTE, cpu_seconds, descriptors, memory

RATE = 1000.0
# Seconds without a message after which all have come.
SETTLED = 2.0
# Growth of the memory between the second and the last third of a run: pages that come and go.
GROWTH = 8.0
TROUBLE = ("Traceback", "Assertion", "started again", "defect")
# Handshakes that end before the peer has a socket type, so that it takes no message of others.
HANDSHAKES = (rawpeer._http, rawpeer._tls, rawpeer._wrong_mechanism)
# The long tests: name, words for pytest, environment.
LONG_TESTS = (
    ("tests marked soak", ("-m", "soak"), {"SOAK": "300", "ZMQDEV_SOAK": "10"}),
    ("hostile tests, 20 times as long", ("tests/hostile",), {"ZMQDEV_SOAK": "20"}),
    ("replacements, kills of stores", ("tests/e2e/test_replacing.py", "tests/e2e/test_durable.py"),
     {"SOAK": "1", "ZMQDEV_SOAK": "20"}),
    ("property tests, ten times the cases", ("-m", "hypothesis"), {"ZMQDEV_EXAMPLES": "10"}),
)  # fmt: skip
HEARTBEAT = rawpeer.message(b"", b"MDPW01", b"\4")
# The socket type of a sender, by the kind of the device.
SENDERS = {"streamer": "PUSH", "queue": "DEALER", "forwarder": "PUB"}
Fault = Callable[[random.Random], None]


@dataclass
class SoakResult:
    """Of one kind: counts, and samples of (MiB, descriptors), one a second."""

    kind: str
    sent: int = 0
    lost: int = 0
    doubled: int = 0
    faults: int = 0
    cpu: float = 0.0
    samples: list[tuple[float, int]] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)

    @property
    def growth(self) -> float:
        """MiB, from the mean of the second third to that of the last."""
        third = len(self.samples) // 3
        if not third:
            return 0.0
        sizes = [size for size, _ in self.samples]
        return (sum(sizes[-third:]) - sum(sizes[third : 2 * third])) / third

    @property
    def passed(self) -> bool:
        return not (self.lost or self.doubled or self.trouble) and self.growth < GROWTH

    def row(self) -> str:
        sizes, numbers = zip(*self.samples, strict=True)
        cells = (
            *(self.kind, f"{self.sent:,}", str(self.lost), str(self.doubled), f"{self.faults:,}"),
            f"{sizes[len(sizes) // 10]:.1f}, {max(sizes):.1f}, {sizes[-1]:.1f} MiB",
            f"{self.growth:+.1f} MiB",
            f"{numbers[0]}, {max(numbers)}, {numbers[-1]}",
            f"{100 * self.cpu:.0f} %",
            "passed" if self.passed else f"failed: {'; '.join(self.trouble) or 'see the row'}",
        )
        return f"| {' | '.join(cells)} |"


HEAD = (
    "| kind | messages | lost | duplicated | attacks | memory: after a tenth, most, last "
    "| growth | descriptors: first, most, last | CPU | |\n|" + "---|" * 10
)


class Besieged(ABC):
    """A device under load and attack. `run` takes so many seconds."""

    kind: str

    def __init__(self) -> None:
        self.result = SoakResult(self.kind)

    @property
    @abstractmethod
    def device(self) -> Program: ...

    @abstractmethod
    def faults(self) -> tuple[Fault, ...]: ...

    @abstractmethod
    def finish(self) -> None:
        """End the load and count."""

    def run(self, seconds: float) -> SoakResult:
        pid, result = self.device.process.pid, self.result
        used = cpu_seconds(pid)
        attack = threading.Thread(target=self._attack, args=(time.monotonic() + seconds,))
        attack.start()
        for _ in range(int(seconds)):
            if self.device.process.poll() is not None:
                result.trouble.append("the device has ended")
                break
            result.samples.append((memory(pid) / MEBIBYTE, descriptors(pid)))
            time.sleep(1.0)
        attack.join()
        result.cpu = (cpu_seconds(pid) - used) / seconds
        self.finish()
        said = self.device.err
        result.trouble += [word for word in TROUBLE if word in said]
        return result

    def _attack(self, end: float) -> None:
        dice = random.Random(self.kind)
        for fault in cycle(self.faults()):
            if time.monotonic() >= end or self.device.process.poll() is not None:
                return
            with contextlib.suppress(OSError):  # it hung up on us, as it may
                fault(dice)
            self.result.faults += 1
            time.sleep(dice.uniform(0.0, 0.2))


def malformed(address: str) -> Fault:
    return lambda dice: _say(address, dice.choice(rawpeer.BADNESSES)(dice))


def handshake(address: str) -> Fault:
    return lambda dice: _say(address, dice.choice(HANDSHAKES)(dice))


def _say(address: str, payload: bytes) -> None:
    rawpeer.storm([address], iter((payload,)))


def nonsense(address: str, socket_type: str) -> Fault:
    """Well framed, behind a good handshake."""
    return lambda dice: talk(rawpeer.shake_hands(address, socket_type), dice)


def ping_flood(address: str, socket_type: str, said: bytes | None = None) -> Fault:
    """PINGs among more messages than a pipe holds, then a reset."""

    def flood(dice: random.Random) -> None:
        with rawpeer.shake_hands(address, socket_type) as peer:
            peer.settimeout(2.0)
            with contextlib.suppress(OSError):
                peer.sendall(((said or SAID[socket_type]) * 20 + PING) * 100)
            rawpeer.reset(peer)

    return flood


def endless(address: str, socket_type: str) -> Fault:
    """A message of many frames that is never finished."""

    def send(dice: random.Random) -> None:
        with rawpeer.shake_hands(address, socket_type) as peer:
            peer.settimeout(0.5)
            with contextlib.suppress(OSError):
                for _ in range(200):
                    peer.sendall(unfinished(dice))

    return send


def crowd(address: str) -> Fault:
    def come_and_go(dice: random.Random) -> None:
        peers = [rawpeer.connect(address) for _ in range(dice.randrange(50, 200))]
        for peer in peers:
            (rawpeer.reset if dice.random() < 0.5 else type(peer).close)(peer)

    return come_and_go


class Passing(Besieged):
    """A plain device between a sender that stamps and a receiver that checks."""

    def __init__(self, kind: str, place: Path) -> None:
        self.kind = kind
        super().__init__()
        self.scene = _Guarded(ROUTES[kind], place, RATE)
        self.scene.begin()

    @property
    def device(self) -> Program:
        return self.scene.device

    def faults(self) -> tuple[Fault, ...]:
        front, back, sender = self.scene.front, self.scene.back, SENDERS[self.kind]
        behind = (nonsense(back, "SUB"), malformed(back), ping_flood(back, "SUB"))
        if self.kind != "forwarder":  # a peer that is let in would be given the work of others
            behind = (handshake(back),)
        return (
            *(malformed(front), nonsense(front, sender), ping_flood(front, sender)),
            *(endless(front, sender), crowd(front), crowd(back), *behind),
        )

    def finish(self) -> None:
        assert self.scene.sender.interrupt() == 0, self.scene.sender.err
        quiet = time.monotonic()
        while time.monotonic() - quiet < SETTLED:  # strangers' messages count too
            came = self.scene.came()
            time.sleep(SETTLED / 10)
            quiet = quiet if self.scene.came() == came else time.monotonic()
        told = self.scene.finish()
        self.result.sent, self.result.doubled = told.sent, told.doubled
        self.result.lost = told.lost
        self.scene.device.interrupt()


class _Guarded(Scene):
    def hire(self, *more: str) -> Program:
        return super().hire("--backend-allow", "127.0.0.0/8", *more)


class Reliable(Besieged):
    """A reliable queue whose workers are killed as well."""

    kind = "reliable queue"

    def __init__(self, place: Path) -> None:
        super().__init__()
        self._place, self._started = place, [*()]
        self.queue = Queue(self._start)
        self._crew = [own_worker(self._start, self.queue) for _ in range(4)]
        self.queue.settle(4)
        self._load = Load(self.queue.frontend, clients=2, window=5)
        self._load.__enter__()

    def _start(self, *words: str, **options: object) -> Program:
        number = len(self._started)
        ready = ("--ready-file", str(self._place / f"{words[0]}-{number}.ready"))
        words += ready if options.pop("ready", False) else ()
        program = Program(list(words), self._place, number, {"XDG_RUNTIME_DIR": str(self._place)})
        self._started.append(program)
        return program

    @property
    def device(self) -> Program:
        return self.queue.program

    def faults(self) -> tuple[Fault, ...]:
        front, back = self.queue.frontend, self.queue.backend
        return (
            *(malformed(front), nonsense(front, "DEALER"), ping_flood(front, "DEALER")),
            # No nonsense there: by chance it is a worker's READY, and takes the requests of others.
            *(malformed(back), ping_flood(back, "DEALER", HEARTBEAT)),
            *(crowd(front), crowd(back), endless(front, "DEALER"), self._kill),
        )

    def _kill(self, dice: random.Random) -> None:
        self._crew.pop(0).process.kill()
        self._crew.append(own_worker(self._start, self.queue))

    def finish(self) -> None:
        self._load.finish()
        self.result.sent = len(self._load.sent)
        self.result.lost = len(self._load.lost)
        self.result.doubled = len(self._load.duplicated)
        self.queue.program.interrupt()
        for program in self._started:
            program.end()


@contextlib.contextmanager
def besieged() -> Iterator[list[Besieged]]:
    with contextlib.ExitStack() as stack:
        made: list[Besieged] = []
        for kind in ROUTES:
            place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            passing = Passing(kind, place)
            stack.callback(passing.scene.end)
            made.append(passing)
        made.append(Reliable(Path(stack.enter_context(tempfile.TemporaryDirectory()))))
        yield made


def siege(seconds: float) -> list[SoakResult]:
    """All kinds side by side."""
    with besieged() as made:
        threads = [threading.Thread(target=each.run, args=(seconds,)) for each in made]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return [each.result for each in made]


def chart(results: list[SoakResult]) -> str:
    """Memory over time as SVG, a panel for each kind."""
    wide, high, gap = 760, 110, 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide + 80}" '
        f'height="{len(results) * (high + gap)}" font-family="sans-serif" font-size="12">'
        '<rect width="100%" height="100%" fill="#fff"/>'
    ]
    for number, result in enumerate(results):
        top, sizes = number * (high + gap) + 20, [size for size, _ in result.samples]
        most = max(sizes) * 1.1
        points = " ".join(
            f"{60 + wide * at / max(1, len(sizes) - 1):.1f},{top + high - high * size / most:.1f}"
            for at, size in enumerate(sizes)
        )
        parts.append(
            f'<text x="60" y="{top - 6}">{result.kind}: {sizes[-1]:.1f} MiB at the end</text>'
            f'<text x="4" y="{top + 10}">{most:.0f} MiB</text>'
            f'<text x="4" y="{top + high}">0</text>'
            f'<path d="M60,{top} v{high} h{wide}" fill="none" stroke="#999"/>'
            f'<polyline points="{points}" fill="none" stroke="#07a" stroke-width="1.5"/>'
        )
    return "\n".join([*parts, "</svg>\n"])


def long_test(words: tuple[str, ...], more: dict[str, str]) -> tuple[bool, str]:
    """Whether it passed, and its last line."""
    command = [sys.executable, "-m", "pytest", "-o", "timeout=3600", *words]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], env={**os.environ, **more},
        stdout=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    print(done.stdout, flush=True)
    lines = done.stdout.strip().splitlines() or ["no output"]
    return done.returncode == 0, lines[-1].strip("= ")


def main() -> int:
    directory = Path(sys.argv[1])
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 600.0
    directory.mkdir(parents=True, exist_ok=True)
    began = time.strftime("%Y-%m-%d %H:%M")
    results = siege(seconds)
    rows = [result.row() for result in results]
    print("\n".join([HEAD, *rows]), flush=True)
    (directory / "memory.svg").write_text(chart(results))
    passed = all(result.passed for result in results)
    told = ["| long tests | took | result |", "|---|---|---|"]
    for name, words, more in LONG_TESTS if seconds >= 60 else ():
        start = time.monotonic()
        good, last = long_test(words, more)
        passed = passed and good
        told.append(f"| {name} | {(time.monotonic() - start) / 60:.1f} min | {last} |")
    report = [
        f"# Soak of {began}, {seconds:.0f} s a kind, {os.cpu_count()} cores",
        *("", HEAD, *rows, "", "![memory](memory.svg)", "", *told, ""),
    ]
    (directory / "report.md").write_text("\n".join(report))
    print(f"{directory / 'report.md'}: {'passed' if passed else 'FAILED'}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
