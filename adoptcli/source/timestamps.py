"""Times in any of the usual forms to Int64 milliseconds since 1970-01-01 UTC; null if unreadable.

Texts: ISO 8601 with or without zone, a plain date (with hours, minutes, seconds, fraction), or
seconds, milliseconds, microseconds or nanoseconds since 1970 by their magnitude. What has no zone
is read in `zone`; a plain date is a local date and begins at midnight in `date_zone`.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import polars as pl

from adoptcli.source import seldom

ISO = re.compile(
    r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?\s?(Z|z|UTC|[+-]\d{2}(:?\d{2})?)?)?$"
)
_CORE = re.compile(
    r"^(\d{4}-\d{2}-\d{2})([T ])(\d{2}:\d{2}:\d{2})([.]\d{1,9})?(Z|z|[+-]\d{2}:?\d{2})?$"
)
MOST_FORMS = 4
DIGITS = 3  # of a fraction, or 6, or 9: what Polars reads at once
NUMBER = r"^[+-]?\d+(\.\d*)?([eE][+-]?\d+)?$"


@dataclass(frozen=True)
class Zones:
    """How texts without a zone are read, and numbers that tell a zone's clock as if it were UTC."""

    naive: str = "UTC"
    dates: str = "UTC"
    epoch: str = "UTC"


def number_to_ms(value: pl.Expr, *, whole: bool, zone: str = "UTC") -> pl.Expr:
    """Time since 1970 in s, ms, µs or ns, told apart by the size, to ms."""
    size = value.abs()
    seconds = (value * 1000).round() if not whole else value * 1000
    found = (
        pl.when(size < 100_000_000_000).then(seconds)
        .when(size < 100_000_000_000_000).then(value if whole else value.round())
        .when(size < 100_000_000_000_000_000).then(value // 1000)
        .otherwise(value // 1_000_000)
        .cast(pl.Int64, strict=False)
    )  # fmt: skip
    return found if zone == "UTC" else naive_to_ms(found.cast(pl.Datetime("ms")), zone)


def naive_to_ms(moment: pl.Expr, zone: str) -> pl.Expr:
    """A local date and time to ms: null where the clock skipped it, of two the earlier."""
    if zone != "UTC":
        moment = moment.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    return moment.dt.epoch("ms")


def date_to_ms(day: pl.Expr, zone: str) -> pl.Expr:
    """The first instant of a local date."""
    moment = day.cast(pl.Datetime("ms"))
    if zone == "UTC":
        return moment.dt.epoch("ms")
    local = naive_to_ms(moment, zone)
    return pl.coalesce(local, naive_to_ms(moment.dt.offset_by("1h"), zone))


def text_to_ms(text: pl.Expr, zones: Zones) -> pl.Expr:
    """Any of the forms, row by row."""
    value = text.str.strip_chars()
    number = pl.when(value.str.contains(NUMBER)).then(value)
    whole = number_to_ms(number.cast(pl.Int64, strict=False), whole=True, zone=zones.epoch)
    fraction = number_to_ms(number.cast(pl.Float64, strict=False), whole=False, zone=zones.epoch)
    iso = value.str.replace(r"^(\d{4}-\d{2}-\d{2}) ", "${1}T").str.replace(r"\s+", "")
    minutes = r"^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2})((?:Z|z|UTC|[+-].*)?)$"
    iso = iso.str.replace(minutes, "${1}:00${2}")
    moment = iso.str.slice(0, 19).str.to_datetime("%Y-%m-%dT%H:%M:%S", time_unit="ms", strict=False)
    rest = iso.str.slice(19)
    digits = rest.str.extract(r"^[.,](\d+)").fill_null("0").str.slice(0, 3).str.pad_end(3, "0")
    zone = rest.str.extract(r"^(?:[.,]\d+)?(.*)$")
    offset = _offset(zone)
    stated = moment.dt.epoch("ms") - offset
    naive = pl.when(zone == "").then(naive_to_ms(moment, zones.naive))
    date = iso.str.to_date("%Y-%m-%d", strict=False)
    only_date = pl.when(iso.str.len_bytes() == 10).then(date_to_ms(date, zones.dates))
    return pl.coalesce(
        whole, fraction, pl.coalesce(naive, stated) + digits.cast(pl.Int64, strict=False), only_date
    )


def _offset(zone: pl.Expr) -> pl.Expr:
    """The ms that a suffix such as Z or +02:00 stands for; null where it is none."""
    parts = zone.str.extract_groups(r"^([+-])(\d{2}):?(\d{2})?$")
    sign = pl.when(parts.struct.field("1") == "-").then(-1).when(
        parts.struct.field("1") == "+"
    ).then(1)  # fmt: skip
    hours = parts.struct.field("2").cast(pl.Int64, strict=False)
    minutes = parts.struct.field("3").cast(pl.Int64, strict=False).fill_null(0)
    shift = sign * (hours * 60 + minutes) * 60_000
    return pl.when(zone.is_in(["Z", "z", "UTC"])).then(0).otherwise(shift)


@dataclass(frozen=True)
class Form:
    """One way to write a date and time: with one length and one suffix.

    Attributes:
        between: `T` or a space; nothing for a plain date.
        fraction: Digits of the fraction with its dot; 0 for none.
        suffix: The zone's text, empty for naive.
    """

    between: str = ""
    fraction: int = 0
    suffix: str = ""

    @property
    def size(self) -> int:
        """The length of such texts, in bytes."""
        return 19 + self.fraction + len(self.suffix) if self.between else 10


@dataclass(frozen=True)
class Shape:
    """What the rows looked at have in common: the fast way to read them.

    Attributes:
        kind: `text`, `whole` (texts that are integers), `native` or `general` (read no fast way).
        forms: Those that texts have, the most frequent first.
        naive: Some rows have a date and time without zone.
        dates: All rows are plain dates.
    """

    kind: str
    forms: tuple[Form, ...] = ()
    naive: bool = False
    dates: bool = False


def shape_of(sample: pl.Series) -> Shape:
    """The shape of some texts of a column."""
    texts = [t.strip() for t in sample.drop_nulls().to_list() if t.strip()]
    if not texts:
        return Shape("general")
    if all(re.fullmatch(r"-?\d+", t) for t in texts):
        return Shape("whole")
    forms = Counter(form for text in texts if (form := _form(text)))
    iso = [t for t in texts if ISO.match(t)]
    dates = bool(iso) and all(len(t) == 10 for t in iso)
    naive = any(
        len(t) == 10 or not re.search(r"(Z|z|UTC|[+-]\d{2}(:?\d{2})?)$", t[10:]) for t in iso
    )
    common = tuple(form for form, _ in forms.most_common(MOST_FORMS))
    return Shape("text" if common else "general", common, naive, dates)


def _form(text: str) -> Form | None:
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return Form()
    match = _CORE.match(text)
    return Form(match[2], len(match[4] or ""), match[5] or "") if match else None


def shaped_to_ms(text: pl.Expr, shape: Shape, zones: Zones) -> pl.Expr:
    """Any of the forms, where most texts are of the shape."""
    if shape.kind == "general":
        return text_to_ms(text, zones)
    return completed(fast_to_ms(text, shape, zones), text, zones)


def completed(found: pl.Expr, text: pl.Expr, zones: Zones) -> pl.Expr:
    """What is found, else the text in any of the forms; of those alone, since that is slow."""
    return seldom.completed(found, [text], text_to_ms(pl.col("0"), zones), pl.Int64)


def fast_to_ms(text: pl.Expr, shape: Shape, zones: Zones) -> pl.Expr:
    """Rows of the shape; null for all others, which the general way may still read."""
    if shape.kind == "whole":
        return number_to_ms(text.cast(pl.Int64, strict=False), whole=True, zone=zones.epoch)
    sizes = [form.size for form in shape.forms]
    return pl.coalesce(
        [_formed(text, f, zones, alone=sizes.count(f.size) == 1) for f in shape.forms]
    )


def _formed(text: pl.Expr, form: Form, zones: Zones, *, alone: bool) -> pl.Expr:
    """Rows of one form; null for all others.

    Those that can be told are not parsed, since to fail takes longest: by their size, where no
    other form has it (`alone`), else by what stands between date and time and after them.
    """
    conforms = text.str.len_bytes() == form.size
    if not form.between:
        return date_to_ms(
            pl.when(conforms).then(text).str.to_date("%Y-%m-%d", strict=False), zones.dates
        )
    padding = "0" * (-(form.fraction - 1) % DIGITS) if form.fraction else ""
    if padding or not alone or form.between == " ":  # which stands for any space, and for none
        conforms &= text.str.slice(10, 1) == form.between
        conforms &= text.str.ends_with(form.suffix)
    if padding:
        core = text.str.slice(0, 19 + form.fraction)
        text = pl.concat_str(core, pl.lit(padding + form.suffix))
    fraction = f".%{form.fraction - 1 + len(padding)}f" if form.fraction else ""
    pattern = f"%Y-%m-%d{form.between}%H:%M:%S{fraction}{form.suffix}"
    moment = (
        pl.when(conforms)
        .then(text)
        .str.to_datetime(pattern, time_unit="ms", strict=False, cache=False)  # few are alike
    )
    if form.suffix:
        return moment.dt.epoch("ms") - _shift(form.suffix)
    return naive_to_ms(moment, zones.naive)


def _shift(suffix: str) -> int:
    if suffix in ("Z", "z"):
        return 0
    digits = suffix[1:].replace(":", "")
    size = (int(digits[:2]) * 60 + int(digits[2:] or 0)) * 60_000
    return -size if suffix[0] == "-" else size


def native_to_ms(column: pl.Expr, dtype: pl.DataType, zones: Zones) -> pl.Expr | None:
    """Columns that are no texts; None for a type that holds no time."""
    if isinstance(dtype, pl.Datetime):
        if dtype.time_zone is not None or zones.naive == "UTC":
            return column.dt.epoch("ms")
        return naive_to_ms(column, zones.naive)
    if dtype == pl.Date:
        return date_to_ms(column, zones.dates)
    if dtype.is_integer():
        return number_to_ms(column.cast(pl.Int64), whole=True, zone=zones.epoch)
    if dtype.is_float():
        return number_to_ms(column.cast(pl.Float64), whole=False, zone=zones.epoch)
    return None


def to_instant(text: pl.Expr, zone: str = "UTC") -> pl.Expr:
    """Times that stand in a property or a table, as texts."""
    return text_to_ms(text, Zones(zone, zone))
