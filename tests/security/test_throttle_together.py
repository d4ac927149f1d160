"""Wrong passwords from many addresses: one rate for all, and those that are known are heard."""

from __future__ import annotations

import time

from zmqdev.security.passwords import make_line, parse
from zmqdev.security.policy import Policy, Verdict, decide, settle
from zmqdev.security.throttle import TOGETHER, TOGETHER_WINDOW, Throttle
from zmqdev.wire.zap import TEMPORARY, ZapRequest

SECONDS = 8


def ask(address: str, password: bytes) -> ZapRequest:
    return ZapRequest((b"x",), b"1", "front", address, b"", "PLAIN", (b"alice", password))


def judge(policy: Policy, request: ZapRequest, throttle: Throttle, now: float) -> Verdict:
    """As the handler does, in one step."""
    verdict = decide(policy, request, throttle, now)
    if verdict is not None:
        return verdict
    right = policy.users.verify(request.user, request.credentials[1])
    return settle(request, right, throttle, now)


def test_twenty_wrong_passwords_a_second_cost_no_more_than_the_rate() -> None:
    policy = Policy("PLAIN", users=parse(make_line("alice", b"sesame").encode(), "users"))
    throttle, begun = Throttle(), 1000.0
    assert judge(policy, ask("10.0.0.1", b"sesame"), throttle, begun).let_in
    spent, heard = time.thread_time(), 0
    for number in range(20 * SECONDS):  # each from an address of its own
        now = begun + number / 20
        wrong: Verdict = judge(
            policy, ask(f"10.1.{number // 200}.{number % 200}", b"x"), throttle, now
        )
        assert wrong.reason in ("password", "throttled")
        heard += wrong.reason == "password"
        if wrong.reason == "throttled":
            assert wrong.reply.status == TEMPORARY
        assert judge(policy, ask("10.0.0.1", b"sesame"), throttle, now).let_in, "it is known"
    assert heard <= TOGETHER * (SECONDS / TOGETHER_WINDOW + 1)
    assert time.thread_time() - spent < SECONDS, "less than the time in which they came"


def test_after_the_window_a_new_one_is_heard() -> None:
    throttle = Throttle()
    for number in range(TOGETHER):
        assert not throttle.refuses(f"10.0.0.{number}", 5.0)
        throttle.failed(f"10.0.0.{number}", 5.0)
    assert throttle.refuses("10.9.9.9", 5.0 + TOGETHER_WINDOW / 2)
    assert not throttle.refuses("10.9.9.9", 5.0 + TOGETHER_WINDOW)
