"""The only place that rounds: numbers as people read them."""

from __future__ import annotations

from collections.abc import Sequence

from adoptcli.results import Estimate, Unit

NOTHING = "–"
MOST_DIGITS = 12  # after the point; sums are not exact beyond
BLOCKS, PLAIN_BLOCKS = "▁▂▃▄▅▆▇█", "_.-=+*%#"
_SPANS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"))


def count(value: float) -> str:
    """48210 -> 48,210; fractions keep one or two digits."""
    if float(value).is_integer():
        return _minus(f"{int(value):,}")
    return _minus(f"{value:,.2f}" if abs(value) < 10 else f"{value:,.1f}")


def _minus(text: str) -> str:
    """With a minus sign instead of a hyphen."""
    return text.replace("-", "−")


def percent(value: float) -> str:
    """0 % and 100 % stand only where they are exact."""
    if 0 < value < 0.0005:
        return "<0.1 %"
    if -0.0005 < value < 0:
        return ">−0.1 %"
    if 0.9995 <= value < 1:
        return ">99.9 %"
    sign = "−" if value < 0 else ""
    size = abs(value) * 100
    return f"{sign}{size:.1f} %" if size not in (0, 100) else f"{sign}{size:.0f} %"


def percentage_points(value: float) -> str:
    """A difference of shares, with its sign."""
    size = f"{abs(value) * 100:.1f}"
    return f"{'±' if size == '0.0' else _sign(value)}{size} pp"


def _sign(value: float) -> str:
    return "+" if value > 0 else "−" if value < 0 else "±"


def seconds(value: float) -> str:
    """In the largest unit that gives at least one."""
    for size, unit in _SPANS:
        if abs(value) >= size:
            return _minus(f"{value / size:.1f} {unit}")
    return _minus(f"{value:.0f} s" if value == int(value) else f"{value:.1f} s")


def chance(value: float) -> str:
    """A p- or q-value: three digits, and never 0."""
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def number(value: float | None, unit: Unit) -> str:
    """A value in its unit; a dash for none."""
    if value is None:
        return NOTHING
    if unit == "share":
        return percent(value)
    if unit == "pp":
        return percentage_points(value)
    if unit == "seconds":
        return seconds(value)
    if unit == "ratio":
        return _minus(f"{value:.2f}")
    if unit == "p":
        return chance(value)
    return count(value)


def mark(value: float, unit: Unit) -> str:
    """A threshold: a round share without a digit after the point."""
    return number(value, unit).replace(".0 %", " %")


def told_apart(value: float, limit: float, unit: Unit) -> str:
    """A value with as many digits as tell it from a limit that it is not equal to."""
    usual = number(value, unit)
    if usual != number(limit, unit):
        return usual
    for digits in range(1, MOST_DIGITS):
        text = _digits(value, unit, digits)
        if text != _digits(limit, unit, digits):
            return text
    return usual


def _digits(value: float, unit: Unit, digits: int) -> str:
    """A value with so many digits after the point."""
    if unit in ("share", "pp"):
        return _minus(f"{value * 100:.{digits}f} {'%' if unit == 'share' else 'pp'}")
    if unit == "seconds":
        size, name = next((s for s in _SPANS if abs(value) >= s[0]), (1.0, "s"))
        return _minus(f"{value / size:.{digits}f} {name}")
    return _minus(f"{value:,.{digits}f}")


def gap(distance: float, unit: Unit) -> str:
    """How far a value is from a limit, without a sign: never 0 where it is not."""
    size = abs(distance)
    kind: Unit = "pp" if unit == "share" else unit
    usual = number(size, kind) if kind not in ("pp", "p") else _digits(size, kind, 1)
    texts = [usual, *(_digits(size, kind, digits) for digits in range(2, MOST_DIGITS))]
    return next((text for text in texts if set(text) & set("123456789")), usual)


def change(found: Estimate | None, unit: Unit) -> str:
    """With its sign; shares in percentage points."""
    if found is None or found.value is None:
        return ""
    value, sign = found.value, _sign(found.value)
    size = abs(value)
    if unit == "share":
        return percentage_points(value)
    if unit == "seconds":
        return f"{sign}{seconds(size)}"
    text = f"{size:.2f}" if unit == "ratio" else count(size)
    return f"{sign}{text}" if float(text.replace(",", "")) else f"±{text}"


def interval(found: Estimate, unit: Unit) -> str:
    """36.0–50.4, in the unit of the value beside it; −9.0 to 36.1 where a limit is negative."""
    limits = [v for v in (found.low, found.high) if v is not None]
    if not limits:
        return ""
    long = any(abs(v) >= 10 for v in limits)  # then one digit is enough for both
    low, high = (_bound(v, unit, long=long) for v in (found.low, found.high))
    return f"{low} to {high}" if min(limits) < 0 else f"{low}–{high}"


def _bound(value: float | None, unit: Unit, *, long: bool) -> str:
    if value is None:
        return "…"
    if unit in ("share", "pp"):
        return _minus(f"{value * 100:.1f}")
    if long and unit not in ("seconds", "ratio") and not float(value).is_integer():
        return _minus(f"{value:,.1f}")
    return number(value, unit)


def behind(found: Estimate) -> str:
    """The counts behind a number: 78/181, or the denominator alone."""
    if found.denominator is None:
        return ""
    if found.numerator is None:
        return count(found.denominator)
    return f"{count(found.numerator)}/{count(found.denominator)}"


def sparkline(values: Sequence[float | None], *, plain: bool) -> str:
    """A bar for each value from zero to the largest; a space for none."""
    blocks = PLAIN_BLOCKS if plain else BLOCKS
    top = max((v for v in values if v is not None), default=0)
    if top <= 0:
        return ""
    step = len(blocks) - 1
    return "".join(" " if v is None else blocks[max(0, round(v / top * step))] for v in values)
