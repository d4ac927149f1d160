from __future__ import annotations

import pytest

from zmqdev.stats import units


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (7, "7"),
        (2.5, "2.5"),
        (999, "999"),
        (999.7, "1.00 k"),
        (1000, "1.00 k"),
        (12_345, "12.3 k"),
        (999_600, "1.00 M"),
        (12_345_678, "12.3 M"),
        (4.2e21, "4200 E"),
    ],
)
def test_numbers_have_three_digits_that_mean_something(number: float, text: str) -> None:
    assert units.short(number) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (512, "512 B"), (1023, "1023 B"), (1024, "1.00 KiB"), (4_718_592, "4.50 MiB")],
)
def test_sizes_are_in_powers_of_1024(count: int, text: str) -> None:
    assert units.size(count) == text


def test_rates_name_what_they_count() -> None:
    assert units.message_rate(12_300_000) == "12.3 M msg/s"
    assert units.byte_rate(4_718_592) == "4.50 MiB/s"


@pytest.mark.parametrize(
    ("part", "text"),
    [(0, "0 %"), (0.0001, "<1 %"), (0.5, "50 %"), (0.999, "99 %"), (1, "100 %")],
)
def test_a_share_is_only_nothing_or_all_when_it_is(part: float, text: str) -> None:
    assert units.share(part) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (7.9, "0:07"), (83, "1:23"), (3723, "1:02:03"), (183_845, "2d 3:04:05")],
)
def test_a_clock_grows_with_its_time(seconds: float, text: str) -> None:
    assert units.clock(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (2.5e-7, "250 ns"), (0.00025, "250 us"), (0.0123, "12.3 ms"), (83.4, "83.4 s")],
)
def test_a_duration_has_the_unit_it_needs(seconds: float, text: str) -> None:
    assert units.duration(seconds) == text


def test_one_peer_is_no_peers() -> None:
    words = [units.counted(number, "peer") for number in (0, 1, 1234)]
    assert words == ["no peers", "1 peer", "1,234 peers"]
