"""Policies: address, then mechanism, then credentials; every refusal has its reason."""

from __future__ import annotations

import pytest

from zmqdev.options.network import network
from zmqdev.security.networks import Networks, networks, plain
from zmqdev.security.passwords import Users, make_line, parse
from zmqdev.security.policy import REASONS, Policy, Verdict, decide, failed, settle
from zmqdev.security.throttle import ADDRESSES, Throttle
from zmqdev.wire import z85
from zmqdev.wire.zap import OK, ZapReply, ZapRequest

KEY = b"k" * 32
USERS = parse(make_line("alice", b"sesame", ln=1).encode(), "users")


def ask(mechanism: str = "NULL", *credentials: bytes, address: str = "10.0.0.1") -> ZapRequest:
    return ZapRequest((b"r",), b"1", "front", address, b"", mechanism, credentials)


def verdict(policy: Policy, request: ZapRequest, throttle: Throttle | None = None) -> Verdict:
    throttle = throttle or Throttle()
    verdict = decide(policy, request, throttle, 0.0)
    if verdict is not None:
        return verdict
    right = policy.users.verify(request.user, request.credentials[1])
    return settle(request, right, throttle, 0.0)


def test_an_open_side_lets_everybody_in() -> None:
    assert verdict(Policy(), ask()).reply == ZapReply(OK, "OK")


@pytest.mark.parametrize(
    ("allow", "deny", "address", "in_"),
    [
        (["10.0.0.0/8"], [], "10.9.9.9", True),
        (["10.0.0.0/8"], [], "11.0.0.1", False),
        (["10.0.0.0/8"], [], "::ffff:10.9.9.9", True),
        (["10.0.0.0/8"], ["10.9.0.0/16"], "10.9.9.9", False),
        ([], ["10.0.0.1"], "::ffff:10.0.0.1", False),
        ([], ["10.0.0.1"], "10.0.0.2", True),
        (["fe80::/10"], [], "fe80::1%eth0", True),
        (["::1"], [], "[::1]", True),
        (["10.0.0.0/8"], [], "rubbish", False),
        (["10.0.0.0/8"], [], "", True),
        ([], ["0.0.0.0/0", "::/0"], "localhost:0:0:77", True),
    ],
)
def test_networks_decide(allow: list[str], deny: list[str], address: str, in_: bool) -> None:
    told = verdict(Policy(networks=networks(allow, deny)), ask(address=address))
    assert told.let_in == in_
    assert told.reason == ("" if in_ else "address")


def test_a_network_with_host_bits_is_refused_with_the_right_one() -> None:
    with pytest.raises(ValueError, match=r"did you mean 10\.0\.0\.0/8"):
        network("10.1.2.3/8")
    with pytest.raises(ValueError, match="neither an address nor a network"):
        network("ten")


def test_one_peer_has_one_spelling() -> None:
    assert plain("::ffff:10.0.0.1") == plain("10.0.0.1") == "10.0.0.1"
    assert plain("localhost:0:0:5070") == plain("") == "local"
    assert plain("rubbish") == "rubbish"


@pytest.mark.parametrize("mechanism", ["NULL", "PLAIN"])
def test_another_mechanism_than_asked_for_is_refused(mechanism: str) -> None:
    credentials = (b"alice", b"sesame") if mechanism == "PLAIN" else ()
    told = verdict(Policy("CURVE", keys=None), ask(mechanism, *credentials))
    assert (told.reason, told.reply.status) == ("mechanism", 400)


def test_a_mechanism_nobody_speaks_is_refused_even_when_it_is_asked_for() -> None:
    assert verdict(Policy("GSSAPI"), ask("GSSAPI")).reason == "mechanism"


def test_a_key_on_the_list_comes_in_by_its_name() -> None:
    policy = Policy("CURVE", keys={KEY: "alice"})
    assert verdict(policy, ask("CURVE", KEY)).reply.user_id == "alice"
    assert verdict(policy, ask("CURVE", b"x" * 32)).reason == "key"


def test_with_no_list_nobody_comes_in_and_with_any_everybody() -> None:
    assert verdict(Policy("CURVE"), ask("CURVE", KEY)).reason == "key"
    told = verdict(Policy("CURVE", keys=None), ask("CURVE", KEY))
    assert told.reply.user_id == z85.encode(KEY)


def test_a_password_lets_in_by_its_name() -> None:
    policy = Policy("PLAIN", users=USERS)
    assert verdict(policy, ask("PLAIN", b"alice", b"sesame")).reply.user_id == "alice"
    told = verdict(policy, ask("PLAIN", b"alice", b"guess"))
    assert told.reason == "password"
    assert "guess" not in told.reply.text


def test_a_name_that_is_no_text_is_refused() -> None:
    assert verdict(Policy("PLAIN", users=Users()), ask("PLAIN", b"\xff", b"")).reason == "password"


def test_guessing_is_stopped_and_a_known_password_is_still_heard() -> None:
    policy, throttle = Policy("PLAIN", users=USERS), Throttle(failures=3)
    assert verdict(policy, ask("PLAIN", b"alice", b"sesame"), throttle).let_in
    guess = ask("PLAIN", b"alice", b"guess")
    told = [verdict(policy, guess, throttle) for _ in range(4)]
    assert [one.reason for one in told] == ["password"] * 3 + ["throttled"]
    assert told[3].reply.status == 300
    assert verdict(policy, ask("PLAIN", b"alice", b"sesame"), throttle).let_in
    elsewhere = ask("PLAIN", b"alice", b"guess", address="10.0.0.2")
    assert verdict(policy, elsewhere, throttle).reason == "password"


def test_a_throttled_address_is_heard_again_after_the_window() -> None:
    throttle = Throttle(failures=1, window=10)
    throttle.failed("a", 100)
    assert throttle.refuses("a", 109.9)
    assert not throttle.refuses("a", 110)
    throttle.failed("a", 200)
    throttle.failed("a", 211)
    assert throttle.refuses("a", 212)


def test_the_throttle_remembers_a_bounded_number_of_addresses() -> None:
    throttle = Throttle(failures=1)
    for number in range(ADDRESSES + 1):
        throttle.failed(str(number), 0)
    assert not throttle.refuses("0", 3)
    assert throttle.refuses(str(ADDRESSES), 3)


def test_our_own_mistake_lets_nobody_in() -> None:
    assert failed().reply.status == 500
    assert failed().reason in REASONS


def test_no_networks_refuse_nobody() -> None:
    assert Networks().refusal("rubbish") is None
