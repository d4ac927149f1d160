"""JeroMQ 0.3.6, as Debian has it (libjeromq-java): it speaks an early ZMTP and is served.

Skipped, with the reason, where there is no Java compiler or no jar.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.processes import PATIENCE, Start, until

JAR = Path("/usr/share/java/jeromq.jar")
FREE = "tcp://127.0.0.1:*"
MISSING = [name for name in ("java", "javac") if shutil.which(name) is None]
MISSING += [] if JAR.exists() else [str(JAR)]

pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"not here: {', '.join(MISSING)} (apt install default-jdk libjeromq-java)"
)

# Peer ROLE ADDRESS COUNT: a push or req sends so many, a rep answers, a pull or sub prints.
PEER = """
import org.zeromq.ZMQ;

public class Peer {
    public static void main(String[] words) {
        ZMQ.Context context = ZMQ.context(1);
        String role = words[0];
        int count = Integer.parseInt(words[2]);
        int type = role.equals("req") ? ZMQ.REQ : role.equals("rep") ? ZMQ.REP
            : role.equals("push") ? ZMQ.PUSH : role.equals("pull") ? ZMQ.PULL : ZMQ.SUB;
        ZMQ.Socket socket = context.socket(type);
        if (role.equals("sub")) socket.subscribe(new byte[0]);
        socket.connect(words[1]);
        for (int number = 0; number < count; number++) {
            if (role.equals("push")) { socket.send("job " + number); continue; }
            if (role.equals("req")) socket.send("question " + number);
            String came = socket.recvStr();
            if (role.equals("rep")) socket.send("answer to " + came);
            else System.out.println(came);
        }
        socket.close();
        context.term();
    }
}
"""


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("jeromq")
    (place / "Peer.java").write_text(PEER)
    subprocess.run(["javac", "-cp", JAR, "-d", place, place / "Peer.java"], check=True)
    return place


@contextmanager
def peer(classes: Path, role: str, address: str, count: int) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        ["java", "-cp", f"{JAR}:{classes}", "Peer", role, address, str(count)],
        stdout=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def said(process: subprocess.Popen[bytes]) -> list[str]:
    return process.communicate(timeout=PATIENCE)[0].decode().splitlines()


def ends(start: Start, kind: str) -> tuple[str, str]:
    device = start(
        *(kind, "--frontend-bind", FREE, "--backend-bind", FREE, "--stats", "off"), ready=True
    )
    found = device.ready()
    return found["frontend"][0], found["backend"][0]


def test_requests_and_replies_through_a_queue(start: Start, classes: Path) -> None:
    front, back = ends(start, "queue")
    with peer(classes, "rep", back, 20), peer(classes, "req", front, 20) as client:
        assert said(client) == [f"answer to question {number}" for number in range(20)]


def test_jobs_through_a_streamer(start: Start, classes: Path) -> None:
    front, back = ends(start, "streamer")
    with peer(classes, "pull", back, 20) as puller, peer(classes, "push", front, 20):
        assert said(puller) == [f"job {number}" for number in range(20)]


def test_a_subscriber_of_pub(start: Start, classes: Path) -> None:
    pub = start("pub", "-b", FREE, "-D", "tick", "-i", "20ms", "-v", ready=True)
    [address] = pub.ready()["socket"]
    with peer(classes, "sub", address, 5) as subscriber:
        assert said(subscriber) == ["tick"] * 5
    until(lambda: "connected" in pub.err, "it was told of")
