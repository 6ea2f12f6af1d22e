"""Numbers as people read them."""

from __future__ import annotations

import pytest

from adoptcli.render.numbers import change, interval, number
from adoptcli.render.text import plain
from adoptcli.results import Estimate, Unit


@pytest.mark.parametrize(
    ("low", "high", "unit", "text"),
    [
        (0.36, 0.504, "share", "36.0–50.4"),
        (-0.348, -0.011, "pp", "−34.8 to −1.1"),
        (-0.091, 0.36, "share", "−9.1 to 36.0"),
        (-0.5, -0.25, "share", "−50.0 to −25.0"),
        (-0.091, 0.004, "pp", "−9.1 to 0.4"),
        (-9.0404, 36.067, "points", "−9.0 to 36.1"),
        (-58.93, 100.0, "points", "−58.9 to 100"),
        (1.234, 5.678, "points", "1.23–5.68"),
        (9.87, 1234.56, "points", "9.9–1,234.6"),
        (3.0, 12.0, "number", "3–12"),
        (86_400.0, None, "seconds", "1.0 d–…"),
        (-7200.0, 90_000.0, "seconds", "−2.0 h to 1.0 d"),
        (-0.5, 12.25, "ratio", "−0.50 to 12.25"),
        (None, None, "share", ""),
    ],
)
def test_intervals(low: float | None, high: float | None, unit: Unit, text: str) -> None:
    assert interval(Estimate(0.0, None, None, low, high), unit) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (-3.448, "points", "−3.45"), (-50.0, "points", "−50"), (-1234.56, "number", "−1,234.6"),
        (-0.25, "ratio", "−0.25"), (-30.0, "seconds", "−30 s"), (-90.0, "seconds", "−1.5 min"),
        (0.0001, "p", "<0.001"), (0.0, "p", "<0.001"), (0.0444, "p", "0.044"), (1.0, "p", "1.000"),
        (None, "p", "–"), (-0.0126, "pp", "−1.3 pp"), (0.25, "pp", "+25.0 pp"),
        (0.0, "pp", "±0.0 pp"), (None, "pp", "–"),
        (0.0, "share", "0 %"), (0.0004, "share", "<0.1 %"), (-0.0004, "share", ">−0.1 %"),
        (-0.002, "share", "−0.2 %"), (0.9996, "share", ">99.9 %"), (1.0, "share", "100 %"),
    ],
)  # fmt: skip
def test_values(value: float | None, unit: Unit, text: str) -> None:
    assert number(value, unit) == text


def test_where_there_is_only_ascii() -> None:
    found = Estimate(0.0, None, None, -9.0404, 36.067)
    assert plain(interval(found, "points")) == "-9.0 to 36.1"


@pytest.mark.parametrize("unit", ["share", "ratio", "points", "seconds"])
def test_differences_of_shares_are_in_percentage_points(unit: Unit) -> None:
    """In a change beside a share, and in a column of its own."""
    found = Estimate(-0.25)
    assert (change(found, unit) == number(-0.25, "pp") == "−25.0 pp") is (unit == "share")
