from __future__ import annotations

import pytest

from poser.report import words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.012, "12 ms"),
        (4.24, "4.2 s"),
        (9.96, "10 s"),
        (59.6, "1 min"),
        (200, "3 min 20 s"),
        (3599.7, "1 h"),
        (3900, "1 h 5 min"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("usd", "text"),
    [(0, "$0.00"), (1.5, "$1.50"), (0.04, "$0.04"), (0.0042, "$0.0042"), (1e-6, "<$0.0001")],
)
def test_money(usd: float, text: str) -> None:
    assert words.money(usd) == text


def test_signed() -> None:
    assert [words.signed(v) for v in (0.123, -0.2, 0.001, -0.0)] == ["+0.12", "−0.20", "0", "0"]


def test_shortened() -> None:
    assert words.shortened("a red bus in the middle", 12) == "a red bus…"
    assert words.shortened("a\nred\x1b bus", 40) == "a red\N{REPLACEMENT CHARACTER} bus"
    assert len(words.shortened("x" * 50, 10)) == 10


def test_timestamp() -> None:
    assert words.timestamp("2026-11-20T14:32:08+00:00") == "2026-11-20 14:32 UTC"
    assert words.timestamp("whenever") == "whenever"
