"""A client and its worker for each queue that `make bench-queues` measures, in one thread.

Each speaks its server's protocol by itself, so that no library's cost is measured: jobs that are
due go out together, and a job is two words of the server. `kept`: it is on disk. `done`: a
worker had it, and the server took the worker's word for its end.
"""

from __future__ import annotations

import os
import re
import select
import socket
import time
from collections.abc import Iterator
from typing import Any, ClassVar

import zmq

from zmqdev.relay import recv_burst, send_burst
from zmqdev.wire import call
from zmqdev.wire.majordomo import WORKER_01, request_01

BODY = b"x" * 64
CHUNK = 1 << 18


class Client:
    """`open`: the most jobs that are ever open at a time."""

    def __init__(self) -> None:
        self.kept = self.done = 0
        self._poll = select.poll()

    def post(self, count: int) -> None:
        """So many jobs more."""
        raise NotImplementedError

    def turn(self, seconds: float) -> None:
        """Take up what the server said, answer it; wait at most so long for it."""
        raise NotImplementedError

    def close(self) -> None: ...


class Stream:
    """A connection of a protocol of lines. What is said goes out with `flush`."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setblocking(False)
        self._out = bytearray()
        self._rest = b""

    def fileno(self) -> int:
        return self._socket.fileno()

    def say(self, text: bytes) -> None:
        self._out += text

    def flush(self) -> bool:
        """Whether all has gone."""
        if self._out:
            try:
                del self._out[: self._socket.send(self._out)]
            except BlockingIOError:
                return False
        return not self._out

    def lines(self) -> list[bytes]:
        """The lines that are whole by now."""
        try:
            while part := self._socket.recv(CHUNK):
                self._rest += part
                if len(part) < CHUNK:
                    break
        except BlockingIOError:
            pass
        *whole, self._rest = self._rest.split(b"\r\n")
        return whole

    def unread(self, lines: list[bytes]) -> None:
        """These come again, with what comes behind them."""
        self._rest = b"\r\n".join([*lines, self._rest])

    def ask(self, text: bytes) -> bytes:
        """Say it, and wait for the first line of the answer."""
        self.say(text)
        while not self.flush():
            time.sleep(0.001)
        while not (found := self.lines()):
            select.select([self], [], [])
        return found[0]

    def close(self) -> None:
        self._socket.close()


class LineClient(Client):
    """Over streams; `hear` is called with each that has lines."""

    def __init__(self, *streams: Stream) -> None:
        super().__init__()
        self._streams = {one.fileno(): one for one in streams}
        for one in streams:
            self._poll.register(one, select.POLLIN)

    def hear(self, stream: Stream, lines: list[bytes]) -> None:
        raise NotImplementedError

    def turn(self, seconds: float) -> None:
        for one in self._streams.values():
            self._poll.modify(one, select.POLLIN | (0 if one.flush() else select.POLLOUT))
        for number, _ in self._poll.poll(seconds * 1000):
            stream = self._streams[number]
            lines = stream.lines()
            if lines:
                self.hear(stream, lines)

    def close(self) -> None:
        for one in self._streams.values():
            one.close()


class Redis(LineClient):
    """A stream and a consumer group; what is done is acknowledged and deleted."""

    ID = re.compile(rb"\d+-\d+")
    # Lines before the first job of an answer, and of each job.
    HEAD, JOB = 5, 8

    def __init__(self, port: int, open: int) -> None:
        self._poster, self._worker = Stream(port), Stream(port)
        super().__init__(self._poster, self._worker)
        self._poster.ask(_resp(b"FLUSHALL"))
        assert (
            self._poster.ask(_resp(b"XGROUP", b"CREATE", b"jobs", b"g", b"$", b"MKSTREAM"))
            == b"+OK"
        )
        self._read = _resp(
            *(b"XREADGROUP", b"GROUP", b"g", b"w", b"COUNT", b"%d" % open, b"BLOCK", b"0"),
            *(b"STREAMS", b"jobs", b">"),
        )
        self._worker.say(self._read)
        self._add = _resp(b"XADD", b"jobs", b"*", b"b", BODY)
        self._numbers = 0  # whole numbers that were heard of the pair for a burst

    def post(self, count: int) -> None:
        self._poster.say(self._add * count)

    def hear(self, stream: Stream, lines: list[bytes]) -> None:
        assert not any(line.startswith(b"-") for line in lines), lines
        if stream is self._poster:
            if len(lines) % 2:
                stream.unread([lines.pop()])
            self.kept += len(lines) // 2
            return
        while lines and lines[0].startswith(b":"):  # of XACK, then of XDEL
            self._numbers += 1
            number = int(lines.pop(0)[1:])
            self.done += number if self._numbers % 2 else 0
        if len(lines) < self.HEAD or len(lines) < self.HEAD + self.JOB * int(lines[4][1:]):
            if lines:
                stream.unread(lines)
            return
        ids = lines[self.HEAD + 2 :: self.JOB]
        assert all(map(self.ID.fullmatch, ids[:1])), lines[:20]
        stream.say(_resp(b"XACK", b"jobs", b"g", *ids) + _resp(b"XDEL", b"jobs", *ids))
        stream.say(self._read)


def _resp(*words: bytes) -> bytes:
    parts = [b"$%d\r\n%b\r\n" % (len(word), word) for word in words]
    return b"*%d\r\n%b" % (len(words), b"".join(parts))


class Beanstalkd(LineClient):
    """`put`, `reserve`, `delete`; a worker has one job."""

    WORKERS = 16

    def __init__(self, port: int, open: int) -> None:
        self._poster = Stream(port)
        workers = [Stream(port) for _ in range(min(open, self.WORKERS))]
        super().__init__(self._poster, *workers)
        for one in workers:
            one.say(b"reserve\r\n")

    def post(self, count: int) -> None:
        self._poster.say(b"put 0 0 600 %d\r\n%b\r\n" % (len(BODY), BODY) * count)

    def hear(self, stream: Stream, lines: list[bytes]) -> None:
        if stream is self._poster:
            assert all(line.startswith(b"INSERTED") for line in lines), lines
            self.kept += len(lines)
            return
        while lines:
            if lines[0] == b"DELETED":
                self.done += 1
                del lines[0]
                continue
            if len(lines) < 2:
                stream.unread(lines)
                return
            word, id, _ = lines[0].split()
            assert word == b"RESERVED"
            stream.say(b"delete %b\r\nreserve\r\n" % id)
            del lines[:2]


class JetStream(LineClient):
    """A stream of work, a consumer that is sent what comes; each end is confirmed."""

    def __init__(self, port: int, open: int) -> None:
        self._poster, self._worker = Stream(port), Stream(port)
        super().__init__(self._poster, self._worker)
        for one in (self._poster, self._worker):
            assert one.ask(b'CONNECT {"verbose":false}\r\n').startswith(b"INFO")
        self._poster.say(b"SUB told 1\r\n")
        self._worker.say(b"SUB work 2\r\nSUB ended 3\r\n")
        stream = b'{"name":"JOBS","subjects":["jobs"],"retention":"workqueue","storage":"file"}'
        consumer = (
            b'{"stream_name":"JOBS","config":{"durable_name":"w","deliver_subject":"work",'
            b'"ack_policy":"explicit","max_ack_pending":5000}}'
        )
        self._request(b"$JS.API.STREAM.DELETE.JOBS", b"", fails=True)
        self._request(b"$JS.API.STREAM.CREATE.JOBS", stream)
        self._request(b"$JS.API.CONSUMER.DURABLE.CREATE.JOBS.w", consumer)
        self._job = b"PUB jobs told %d\r\n%b\r\n" % (len(BODY), BODY)

    def _request(self, subject: bytes, text: bytes, fails: bool = False) -> None:
        self._poster.ask(b"PUB %b told %d\r\n%b\r\n" % (subject, len(text), text))

    def post(self, count: int) -> None:
        self._poster.say(self._job * count)

    def hear(self, stream: Stream, lines: list[bytes]) -> None:
        for head, body in self._messages(stream, lines):
            words = head.split()
            if stream is self._poster:
                assert b'"error"' not in body, body
                self.kept += b'"seq"' in body
            elif words[1] == b"ended":
                self.done += 1
            else:
                stream.say(b"PUB %b ended 4\r\n+ACK\r\n" % words[3])

    def _messages(self, stream: Stream, lines: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
        at = 0
        while at < len(lines):
            line = lines[at]
            if line.startswith(b"MSG"):
                if at + 1 == len(lines):
                    break
                yield line, lines[at + 1]
                at += 2
            else:
                assert line in (b"PING", b"PONG") or line.startswith(b"INFO"), line
                if line == b"PING":
                    stream.say(b"PONG\r\n")
                at += 1
        if at < len(lines):
            stream.unread(lines[at:])


class PostgresTable(Client):
    """A table of jobs: a transaction for each post; a worker takes those that no other has, up
    to a hundred in a transaction."""

    POSTERS, WORKERS, BATCH = 32, 4, 100
    POST = b"insert into job (body) values ($1)"
    TAKE = (
        b"delete from job where id in (select id from job order by id"
        b" for update skip locked limit %d) returning id" % BATCH
    )

    def __init__(self, url: str, open: int) -> None:
        super().__init__()
        from psycopg import pq

        self._ok = (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK)
        self._posters = [self._connect(pq, url) for _ in range(min(open, self.POSTERS))]
        self._workers = [self._connect(pq, url) for _ in range(self.WORKERS)]
        self._by_number = {one.socket: one for one in (*self._posters, *self._workers)}
        for number in self._by_number:
            self._poll.register(number, select.POLLIN)
        self._idle = list(self._posters)
        self._free = list(self._workers)
        self._wanted = self._taking = 0
        for text in (
            b"drop table if exists job",
            b"create table job (id bigserial primary key, body bytea not null)",
        ):
            assert self._posters[0].exec_(text).status in self._ok
        for one in self._posters:
            one.prepare(b"post", self.POST)
        for one in self._workers:
            one.prepare(b"take", self.TAKE)

    def _connect(self, pq: Any, url: str) -> Any:
        made = pq.PGconn.connect(url.encode())
        assert made.status == pq.ConnStatus.OK, made.error_message
        made.nonblocking = 1
        made.exec_(b"set client_min_messages = error")
        return made

    def post(self, count: int) -> None:
        self._wanted += count

    def turn(self, seconds: float) -> None:
        while self._wanted and self._idle:
            self._wanted -= 1
            self._idle.pop().send_query_prepared(b"post", [BODY])
        while self._free and self.kept - self.done > self._taking * self.BATCH:
            self._taking += 1
            self._free.pop().send_query_prepared(b"take", [])
        for number, _ in self._poll.poll(seconds * 1000):
            self._hear(self._by_number[number])

    def _hear(self, one: Any) -> None:
        one.consume_input()
        if one.is_busy():
            return
        while (result := one.get_result()) is not None:
            assert result.status in self._ok, result.error_message
            if one in self._workers:
                self.done += result.ntuples
            else:
                self.kept += 1
        if one in self._workers:
            self._taking -= 1
            self._free.append(one)
        else:
            self._idle.append(one)

    def close(self) -> None:
        for one in self._by_number.values():
            one.finish()


class Zmqdev(Client):
    """Posts with an id; workers of Majordomo, each with one request. Done: the reply is here,
    which is kept as well."""

    WORKERS, BEAT = 32, 1.0
    REQUEST = request_01(b"jobs", [BODY])
    READY: ClassVar = [b"", WORKER_01, b"\x01", b"jobs"]
    HEARTBEAT: ClassVar = [b"", WORKER_01, b"\x04"]

    def __init__(self, frontend: str, backend: str, open: int) -> None:
        super().__init__()
        self._context: zmq.Context[Any] = zmq.Context()
        self._poster = self._socket(frontend)
        self._workers = {}
        for _ in range(min(open, self.WORKERS)):
            one = self._socket(backend)
            one.send_multipart(self.READY)
            self._workers[one.get(zmq.FD)] = one
        for number in (self._poster.get(zmq.FD), *self._workers):
            self._poll.register(number, select.POLLIN)
        self._random, self._number = os.urandom(8), 0
        self._beat = time.monotonic() + self.BEAT
        self._fresh = True  # descriptors tell of what changes: all are looked at first

    def _socket(self, address: str) -> zmq.Socket[bytes]:
        made = self._context.socket(zmq.DEALER)
        made.set_hwm(0)
        made.linger = 0
        made.connect(address)
        return made

    def post(self, count: int) -> None:
        first, self._number = self._number, self._number + count
        messages = [
            call.wrap(self._random + number.to_bytes(8, "big"), self.REQUEST, call.POST)
            for number in range(first, self._number)
        ]
        assert send_burst(self._poster, messages)[0] == count
        self._hear()

    def turn(self, seconds: float) -> None:
        ready = {number for number, _ in self._poll.poll(0 if self._fresh else seconds * 1000)}
        for number, one in self._workers.items():
            if number in ready or self._fresh:
                self._work(one)
        self._fresh = False
        self._hear()
        if time.monotonic() > self._beat:
            self._beat = time.monotonic() + self.BEAT
            self._fresh = True
            for one in self._workers.values():
                one.send_multipart(self.HEARTBEAT)

    def _hear(self) -> None:
        while burst := recv_burst(self._poster, 1000):
            for frames in burst:
                assert frames[0] != call.FAILED, frames
                if frames[0] == call.KEPT:
                    self.kept += 1
                else:
                    self.done += 1

    def _work(self, one: zmq.Socket[bytes]) -> None:
        while burst := recv_burst(one, 100):
            replies = [
                [b"", WORKER_01, b"\x03", frames[3], b"", b""]
                for frames in burst
                if frames[2] == b"\x02"
            ]
            if replies:
                send_burst(one, replies)

    def close(self) -> None:
        self._context.destroy(linger=0)
