"""A proxy that does to a connection what networks do: for tests, on loopback.

with ChaosProxy("tcp://127.0.0.1:5555", Weather(latency=0.01)) as proxy:
    socket.connect(proxy.address)
    proxy.reset_all()
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType

CHUNK = 65536


@dataclass(frozen=True)
class Weather:
    """What happens to the bytes of one direction. Times are seconds, rates bytes a second.

    corrupt_at: the one byte of a connection that is flipped. corrupt_share: of the pieces
    passed on, how many have one flipped.
    """

    latency: float = 0.0
    jitter: float = 0.0
    bandwidth: float = 0.0
    slice_bytes: int = 0
    corrupt_at: int = -1
    corrupt_share: float = 0.0


FAIR = Weather()


@dataclass
class ChaosProxy:
    """Stands before a tcp address; `address` is its own. The weather may be changed any time."""

    target: str
    weather: Weather = FAIR
    black_hole: bool = False
    passed: int = 0
    connections: int = 0
    resets: int = 0
    corrupted: int = 0
    address: str = ""
    dice: random.Random = field(default_factory=random.Random)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def __enter__(self) -> ChaosProxy:
        listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run, args=(listener,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop)
        self._thread.join(60)

    def reset_all(self) -> None:
        """End every connection with a TCP reset."""
        self._loop.call_soon_threadsafe(self._reset)

    def clear_up(self) -> None:
        """The black hole ends, and with it the connections that have bytes missing."""
        self._loop.call_soon_threadsafe(self._clear_up)

    def _clear_up(self) -> None:
        self._reset()
        self.black_hole, self.weather = False, FAIR

    def _run(self, listener: socket.socket) -> None:
        asyncio.set_event_loop(self._loop)
        self._ended = asyncio.Event()
        self._loop.run_until_complete(self._serve(listener))
        self._loop.close()

    async def _serve(self, listener: socket.socket) -> None:
        server = await asyncio.start_server(self._meet, sock=listener)
        await self._ended.wait()
        server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _stop(self) -> None:
        self._reset()
        self._ended.set()

    def _reset(self) -> None:
        for writer in list(self._writers):
            if writer.is_closing():
                continue
            self.resets += 1
            # Linger of zero seconds: the close sends RST and throws away what waits.
            writer.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
            writer.transport.abort()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, _, port = self.target.removeprefix("tcp://").rpartition(":")
        try:
            there = await asyncio.open_connection(host, int(port))
        except OSError:
            writer.transport.abort()
            return
        self.connections += 1
        for one, other in ((reader, there[1]), (there[0], writer)):
            self._writers.add(other)
            task = self._loop.create_task(self._carry(one, other))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One direction, until its end; then the other end sees the end too."""
        count = 0
        try:
            while data := await reader.read(self.weather.slice_bytes or CHUNK):
                count += len(data)
                await self._delay(len(data))
                if not self.black_hole:
                    writer.write(self._spoilt(data, count))
                    await writer.drain()
                    self.passed += len(data)
        except OSError:
            writer.transport.abort()
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _delay(self, size: int) -> None:
        weather = self.weather
        pause = weather.latency + self.dice.random() * weather.jitter
        if weather.bandwidth:
            pause += size / weather.bandwidth
        if pause:
            await asyncio.sleep(pause)

    def _spoilt(self, data: bytes, count: int) -> bytes:
        """The data, with one byte flipped when the chosen place is in it."""
        at = self.weather.corrupt_at - (count - len(data))
        if self.dice.random() < self.weather.corrupt_share:
            at = self.dice.randrange(len(data))
            self.corrupted += 1
        if not 0 <= at < len(data):
            return data
        return data[:at] + bytes((data[at] ^ 0xFF,)) + data[at + 1 :]


SLOW = Weather(latency=0.005, jitter=0.01)
NARROW = Weather(bandwidth=60_000)
ONE_BYTE = Weather(slice_bytes=1)
CORRUPT = Weather(corrupt_share=0.1)
WEATHERS = {"slow": SLOW, "narrow": NARROW, "one byte": ONE_BYTE, "corrupt": CORRUPT}
# Of these a connection survives all it carries.
HARMLESS = ("slow", "narrow", "one byte")
CUTS = ("reset", "black hole")


class Storm:
    """One fault after the other at all proxies, until the `with` ends; then the sky is clear.

    `seen` counts what really happened.
    """

    def __init__(self, proxies: Sequence[ChaosProxy], faults: Sequence[str], seed: int) -> None:
        self.seen: Counter[str] = Counter()
        self._proxies, self._faults = proxies, faults
        self._dice = random.Random(seed)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._blow, daemon=True)

    def __enter__(self) -> Storm:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(60)

    def _blow(self) -> None:
        queue: list[str] = []
        while not self._over.wait(self._dice.uniform(0.02, 0.1)):
            # Each once in any order, then again: none is left out of a short storm.
            queue = queue or self._dice.sample(self._faults, len(self._faults))
            self._let_loose(queue.pop(), self._dice.choice(self._proxies))
        for proxy in self._proxies:
            cut = {"corrupt", *CUTS} & set(self._faults)
            if cut:
                proxy.clear_up()
            else:
                proxy.weather = FAIR

    def _let_loose(self, fault: str, proxy: ChaosProxy) -> None:
        self.seen[fault] += 1
        if fault == "reset":
            proxy.reset_all()
        elif fault == "black hole":
            proxy.black_hole = True
            self._over.wait(self._dice.uniform(0.05, 0.2))
            proxy.clear_up()
        else:
            proxy.weather = WEATHERS[fault]
