"""The picture of a file, and its four forms."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable

from click.testing import CliRunner
from rich.console import Console

from zmqdev.cli.program import program
from zmqdev.fleet.drawing import dot, mermaid
from zmqdev.fleet.picture import OUTSIDE, Picture, picture
from zmqdev.fleet.ports import plan
from zmqdev.fleet.reading import Topology
from zmqdev.report.graph import svg, terminal

TREE = """
parts:
  in: {endpoint: pub, bind: 'tcp://127.0.0.1:1'}
  mid: {device: forwarder, frontend: {connect: 'tcp://127.0.0.1:1'}, backend: {bind: 'tcp://*:2'}}
  out: {endpoint: sub, replicas: 2, connect: 'tcp://localhost:2'}
"""
OPEN = "parts: {'q': {device: queue, reliable: true, backend: {bind: 'tcp://127.0.0.1:2'}}}"


def drawn(read: Callable[[str], Topology], text: str) -> Picture:
    return picture(plan(read(text)), {("mid", "backend"): 1234.4})


def test_arrows_go_the_way_of_the_messages(read: Callable[[str], Topology]) -> None:
    found = drawn(read, TREE)
    assert [(a.source, a.target) for a in found.arrows] == [
        ("in", "mid"),
        ("mid", "out-1"),
        ("mid", "out-2"),
    ]
    assert [[box.name for box in layer] for layer in found.layers()] == [
        ["in"],
        ["mid"],
        ["out-1", "out-2"],
    ]


def test_what_is_outside_the_file_has_a_box(read: Callable[[str], Topology]) -> None:
    found = drawn(read, OPEN)
    assert [box.kind for box in found.boxes] == ["reliable queue", OUTSIDE, OUTSIDE]
    assert {arrow.reply for arrow in found.arrows} == {True}


def test_mermaid_has_a_line_for_each(read: Callable[[str], Topology]) -> None:
    lines = mermaid(drawn(read, TREE)).splitlines()
    assert lines[0] == "flowchart LR"
    assert '  n0(["in<br/>pub"])' in lines
    assert '  n0 -->|"XPUB to XSUB, tcp://127.0.0.1:1"| n1' in lines
    assert '  n1 -->|"XPUB to SUB, tcp://*:2, 1,234 msg/s"| n2' in lines


def test_dot_quotes_what_it_must(read: Callable[[str], Topology]) -> None:
    text = dot(drawn(read, OPEN))
    assert text.startswith('digraph "f" {')
    assert re.search(r'"q" -> "tcp://127\.0\.0\.1:2" \[label="ROUTER", dir=both\];', text)
    assert text.endswith("}\n")


def test_svg_is_well_formed_and_has_every_part(read: Callable[[str], Topology]) -> None:
    root = ET.fromstring(svg(drawn(read, TREE)))
    words = {element.text for element in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"in", "mid", "out-1", "out-2", "forwarder"} <= words


def test_the_terminal_shows_a_tree(read: Callable[[str], Topology]) -> None:
    console = Console(width=120, record=True)
    with console.capture() as captured:
        console.print(terminal(drawn(read, TREE)))
    text = captured.get()
    assert text.splitlines()[0].strip() == "in pub"
    assert "mid forwarder" in text
    assert text.count("1.23 k msg/s") == 2


def test_a_ring_is_drawn_once(read: Callable[[str], Topology]) -> None:
    ring = """
parts:
  a: {device: streamer, frontend: {bind: 'ipc://x'}, backend: {connect: 'ipc://y'}}
  b: {device: streamer, frontend: {bind: 'ipc://y'}, backend: {connect: 'ipc://x'}}
"""
    console = Console(width=120, record=True)
    with console.capture() as captured:
        console.print(terminal(drawn(read, ring)))
    assert "(above)" in captured.get()


def test_live_says_when_nothing_runs(write: Callable[..., object]) -> None:
    path = write("parts: {nobody-runs-this: {device: queue}}")
    result = CliRunner().invoke(program, ["graph", str(path), "--live"], standalone_mode=False)
    assert "none of the file's devices runs" in str(result.exception)
