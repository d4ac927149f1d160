from __future__ import annotations

import zmq

from zmqdev.relay.last_value import LastValues, Newcomers, supported


def values(*messages: list[bytes], most: int = 100, most_bytes: int = 1000) -> LastValues:
    made = LastValues(most, most_bytes)
    for message in messages:
        made.keep(message)
    return made


def test_the_last_message_of_a_topic_is_kept() -> None:
    made = values([b"A", b"1"], [b"B", b"1"], [b"A", b"22"])
    assert made.fits(b"A") == [[b"A", b"22"]]
    assert (len(made), made.bytes) == (2, 5)


def test_the_topic_of_one_frame_ends_at_the_first_blank() -> None:
    made = values([b"ACME 1"], [b"ACME 2"], [b"ACMEX 3"])
    assert made.fits(b"ACME ") == [[b"ACME 2"]]
    assert made.fits(b"ACME 2") == [[b"ACME 2"]]
    assert made.fits(b"ACME 1") == []
    assert made.fits(b"ACME") == [[b"ACME 2"], [b"ACMEX 3"]]


def test_a_prefix_asks_for_all_its_topics_in_their_order() -> None:
    made = values([b"b1", b""], [b"a2", b""], [b"a1", b""], [b"c", b""])
    assert [message[0] for message in made.fits(b"a")] == [b"a1", b"a2"]
    assert [message[0] for message in made.fits(b"")] == [b"a1", b"a2", b"b1", b"c"]
    assert [message[0] for message in made.fits(b"", most=2)] == [b"a1", b"a2"]
    assert made.fits(b"b2") == []


def test_those_that_are_longest_unchanged_are_forgotten() -> None:
    made = values([b"A", b""], [b"B", b""], [b"A", b""], [b"C", b""], most=2)
    assert [message[0] for message in made.fits(b"")] == [b"A", b"C"]
    made = values([b"A", b"x" * 600], [b"B", b"x" * 600])
    assert [message[0] for message in made.fits(b"")] == [b"B"]
    assert made.bytes == 601


def test_a_value_too_large_for_all_is_not_kept() -> None:
    made = values([b"A", b"x" * 2000])
    assert (len(made), made.bytes, made.fits(b"")) == (0, 0, [])


def test_this_libzmq_takes_the_option() -> None:
    assert supported()


def test_the_newcomer_alone_is_greeted_and_the_mode_stays_manual() -> None:
    with zmq.Context() as context:
        xpub = context.socket(zmq.XPUB)
        xpub.set(zmq.XPUB_MANUAL, 1)
        xpub.rcvtimeo = 60_000
        port = xpub.bind_to_random_port("tcp://127.0.0.1")
        newcomers = Newcomers(xpub, values([b"A", b"last"]))
        subs = []
        for number in range(3):
            sub = context.socket(zmq.SUB)
            sub.rcvtimeo = 60_000
            sub.subscribe(b"A")
            sub.connect(f"tcp://127.0.0.1:{port}")
            topic = xpub.recv()[1:]
            xpub.set(zmq.SUBSCRIBE, topic)
            newcomers.greet(topic)
            subs.append(sub)
            assert sub.recv_multipart() == [b"A", b"last"]
            assert newcomers.sent == number + 1
        xpub.send_multipart([b"A", b"new"])
        assert [sub.recv_multipart() for sub in subs] == [[b"A", b"new"]] * 3
        assert newcomers.repeated == 0
        for socket in (*subs, xpub):
            socket.close(0)
