from __future__ import annotations

from zmqdev.endpoints.topic_count import LONGEST, TopicCount


def burst(*names: bytes) -> list[list[bytes]]:
    return [[name, b"12345"] for name in names]


def test_topics_are_counted_and_the_busiest_comes_first() -> None:
    topics = TopicCount()
    topics.add(burst(b"b", b"a", b"a", b"c"), 10.0)
    assert [(flow.name, flow.messages, flow.bytes) for flow in topics.top()] == [
        (b"a", 2, 12),
        (b"b", 1, 6),
        (b"c", 1, 6),
    ]
    assert [flow.name for flow in topics.top(1)] == [b"a"]


def test_the_topic_of_one_frame_ends_at_the_first_blank() -> None:
    topics = TopicCount()
    topics.add([[b"ACME 189.20"], [b"ACME"], [b"ACME", b"189.20"]], 0.0)
    assert [(flow.name, flow.messages) for flow in topics.top()] == [(b"ACME", 3)]


def test_a_rate_is_that_of_the_last_second_and_a_mean_of_all() -> None:
    topics = TopicCount()
    topics.add(burst(*[b"a"] * 10), 100.0)
    topics.look(102.0)
    [flow] = topics.top()
    assert flow.rate == 5.0
    topics.look(102.5)
    assert flow.rate == 5.0
    topics.look(104.0)
    assert flow.rate == 0.0
    assert topics.mean(flow) == 2.5


def test_one_moment_has_no_mean() -> None:
    topics = TopicCount()
    topics.add(burst(b"a"), 1.0)
    assert topics.mean(topics.top()[0]) is None
    assert TopicCount().top() == []


def test_topics_without_room_are_counted_together() -> None:
    topics = TopicCount(most=2)
    topics.add(burst(b"a", b"b", b"c", b"d", b"a"), 0.0)
    assert [(flow.name, flow.messages) for flow in topics.top()] == [
        (b"a", 2),
        (b"b", 1),
        (b"(others)", 2),
    ]


def test_a_long_topic_is_kept_in_part() -> None:
    topics = TopicCount()
    topics.add(burst(b"x" * 100_000), 0.0)
    assert topics.top()[0].name == b"x" * LONGEST
