"""The picture of a file, and its four forms."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest
from click.testing import CliRunner
from rich.console import Console

from zmqdev.cli.program import program
from zmqdev.report.graph_svg import svg
from zmqdev.tools.graph.terminal import terminal
from zmqdev.topology.drawing import dot, mermaid
from zmqdev.topology.links import plan
from zmqdev.topology.picture import AT_MOST, OUTSIDE, TOGETHER, Picture, Rates, picture
from zmqdev.topology.read import Topology

TREE = """
parts:
  in: {endpoint: pub, bind: 'tcp://127.0.0.1:1'}
  mid: {device: forwarder, frontend: {connect: 'tcp://127.0.0.1:1'}, backend: {bind: 'tcp://*:2'}}
  out: {endpoint: sub, replicas: 2, connect: 'tcp://localhost:2'}
"""
OPEN = "parts: {'q': {device: queue, reliable: true, backend: {bind: 'tcp://127.0.0.1:2'}}}"


def drawn(read: Callable[[str], Topology], text: str) -> Picture:
    return picture(plan(read(text)), Rates(leaving={("mid", "backend"): 1234.4}))


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
    assert '  n1 -->|"XPUB to SUB, tcp://*:2, at most 1,234 msg/s"| n2' in lines


def test_dot_quotes_what_it_must(read: Callable[[str], Topology]) -> None:
    text = dot(drawn(read, OPEN))
    assert text.startswith('digraph "f" {')
    assert re.search(r'"q" -> "tcp://127\.0\.0\.1:2" \[label="ROUTER", dir=both\];', text)
    assert text.endswith("}\n")


def test_svg_is_well_formed_and_has_every_part(read: Callable[[str], Topology]) -> None:
    root = ET.fromstring(svg(drawn(read, TREE)))
    words = {element.text for element in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"in", "mid", "out-1", "out-2", "forwarder"} <= words


MESH = """
parts:
  prices: {endpoint: pub, bind: 'tcp://127.0.0.1:1'}
  news-of-a-long-name-indeed: {endpoint: pub, bind: 'ipc:///tmp/a-rather-long-path/n.sock', data: x}
  mid:
    device: forwarder
    frontend:
      connect: ['tcp://127.0.0.1:1', 'ipc:///tmp/a-rather-long-path/n.sock', 'tcp://10.1.2.3:7']
    backend: {bind: 'tcp://127.0.0.1:2'}
    capture: tcp://127.0.0.1:3
  both: {endpoint: sub, connect: ['tcp://127.0.0.1:1', 'tcp://127.0.0.1:2']}
  direct: {endpoint: sub, connect: 'tcp://127.0.0.1:1'}
  more: {endpoint: sub, replicas: 9, connect: 'tcp://127.0.0.1:2'}
"""
RING = """
parts:
  a: {device: streamer, frontend: {bind: 'ipc://x'}, backend: {connect: 'ipc://y'}}
  b: {device: streamer, frontend: {bind: 'ipc://y'}, backend: {connect: ['ipc://x', 'ipc://y']}}
"""
SVG = "{http://www.w3.org/2000/svg}"
# Generous for a sans-serif font: its size, its widest usual letters, what is above the line.
SIZES = {None: 13, "k": 11, "a": 10}
CHAR_WIDTH, ASCENT = 0.6, 0.8


def word_boxes(root: ET.Element) -> list[tuple[float, float, float, float, str]]:
    """(left, top, right, bottom, text) of every text."""
    found = []
    for element in root.iter(f"{SVG}text"):
        size, text = SIZES[element.get("class")], str(element.text)
        x, y = float(str(element.get("x"))), float(str(element.get("y")))
        half = len(text) * size * CHAR_WIDTH / 2
        found.append((x - half, y - size * ASCENT, x + half, y, text))
    return found


@pytest.mark.parametrize("text", [TREE, OPEN, MESH, RING])
def test_no_words_of_an_svg_overlap_or_are_cut_off(
    read: Callable[[str], Topology], text: str
) -> None:
    root = ET.fromstring(svg(drawn(read, text)))
    width, height = float(str(root.get("width"))), float(str(root.get("height")))
    words = word_boxes(root)
    for number, (left, top, right, bottom, told) in enumerate(words):
        assert left >= 0, told
        assert right <= width, told
        assert bottom <= height, told
        for other in words[number + 1 :]:
            apart = left >= other[2] or right <= other[0] or top >= other[3] or bottom <= other[1]
            assert apart, (told, other[4])


@pytest.mark.parametrize("text", [TREE, MESH])
def test_words_stand_beside_boxes_and_not_on_them(
    read: Callable[[str], Topology], text: str
) -> None:
    root = ET.fromstring(svg(drawn(read, text)))
    for element in root.iter(f"{SVG}rect"):
        if element.get("class") == "ground":
            continue
        x, y, wide, high = (float(str(element.get(key))) for key in ("x", "y", "width", "height"))
        for left, top, right, bottom, told in word_boxes(root):
            inside = left >= x and right <= x + wide and top >= y and bottom <= y + high
            outside = left >= x + wide or right <= x or top >= y + high or bottom <= y
            assert inside or outside, told


def test_an_arrow_has_the_rate_of_the_device_at_either_end(
    read: Callable[[str], Topology],
) -> None:
    text = """
parts:
  a: {endpoint: pub, bind: 'tcp://127.0.0.1:1', data: x}
  b: {endpoint: pub, bind: 'tcp://127.0.0.1:2', data: x}
  f: {device: forwarder, frontend: {connect: ['tcp://127.0.0.1:1', 'tcp://127.0.0.1:2']},
      backend: {bind: 'tcp://127.0.0.1:3'}}
  g: {device: forwarder, frontend: {connect: 'tcp://127.0.0.1:3'},
      backend: {bind: 'tcp://127.0.0.1:4'}, name: another}
  s: {endpoint: sub, connect: 'tcp://127.0.0.1:3'}
  t: {endpoint: sub, connect: 'tcp://127.0.0.1:4'}
  direct: {endpoint: sub, connect: 'tcp://127.0.0.1:2'}
"""
    rates = Rates(
        leaving={("f", "backend"): 9.0, ("another", "backend"): 3.0},
        coming={("f", "frontend"): 10.0, ("another", "frontend"): 4.0},
    )
    found = picture(plan(read(text)), rates)
    assert {(a.source, a.target): (a.rate, a.note) for a in found.arrows} == {
        ("a", "f"): (10.0, TOGETHER),
        ("b", "f"): (10.0, TOGETHER),
        ("b", "direct"): (None, ""),  # between endpoints nobody counts
        ("f", "g"): (4.0, ""),  # as g counts it, for f counts what it sends to all
        ("f", "s"): (9.0, AT_MOST),
        ("g", "t"): (3.0, ""),
    }
    console = Console(width=120, record=True)
    with console.capture() as captured:
        console.print(terminal(found))
    assert "not measured: 1 connection, which no running device counts" in captured.get()


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


def test_a_queue_with_one_address_stands_between_its_clients_and_workers(
    read: Callable[[str], Topology],
) -> None:
    found = drawn(
        read,
        "parts: {q: {device: queue, reliable: true, frontend: {bind: 'tcp://127.0.0.1:2'}}, "
        "c: {endpoint: client, connect: 'tcp://127.0.0.1:2'}, "
        "w: {endpoint: worker, reliable: true, connect: 'tcp://127.0.0.1:2'}}",
    )
    assert {(arrow.source, arrow.target) for arrow in found.arrows} == {("c", "q"), ("q", "w")}


def test_an_arrow_says_what_the_routes_send_there(read: Callable[[str], Topology]) -> None:
    text = """
parts:
  s:
    device: streamer
    backend: {bind: tcp://127.0.0.1:3}
    backends: {eu: {bind: tcp://127.0.0.1:1}}
    routes: [{match: {topic: ["eu.*", x]}, to: eu}]
  a: {endpoint: pull, connect: tcp://127.0.0.1:1}
"""
    arrows = {arrow.target: arrow.routes for arrow in drawn(read, text).arrows}
    assert (arrows["a"], arrows["tcp://127.0.0.1:3"]) == ("eu.*|x", "the rest")
    assert "PUSH to PULL, tcp://127.0.0.1:1, eu.*|x" in dot(drawn(read, text))
