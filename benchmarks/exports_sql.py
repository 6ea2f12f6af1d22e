"""The mapping of a preset as one DuckDB statement, as an analyst would write it for the export."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import polars as pl

from adoptcli.source.columns import Choice, Choices
from adoptcli.source.parts import Part
from adoptcli.source.paths import PAIR_VALUES, Key

Types = Mapping[str, pl.DataType]
SHAPE = (
    "(case when abs({0}) < 1e11 then {0} * 1000 when abs({0}) < 1e14 then {0} "
    "when abs({0}) < 1e17 then {0} // 1000 else {0} // 1000000 end)"
)


def table(parts: Sequence[tuple[Part, Types]]) -> str:
    """All parts into the table `log`: user, event, time and what is read beside."""
    made = [_select(part, types) for part, types in parts]
    return "create table log as " + " union all by name ".join(made)


def _select(part: Part, types: Types) -> str:
    texts = {ours: _text(some, types, part, ours) for ours, some in part.columns.items()
             if ours not in ("timestamp", "id", "event")}  # fmt: skip
    texts.setdefault("user", "null::varchar")
    texts["event"] = _event(part, types)
    texts["time"] = _time(part, types)
    if part.key:
        keys = [_text(some, types, part, "") for some in part.key]
        texts["id"] = (
            keys[0]
            if len(keys) == 1
            else f"case when {keys[0]} <> '' then hash({', '.join(keys)}) end::varchar"
        )
    elif "id" in part.columns:
        texts["id"] = _text(part.columns["id"], types, part, "id")
    if part.prefer:
        value, dtype = _value(part.prefer, types)
        texts["prefer"] = _moment(value, dtype)
    rows = _rows(part, types)
    chosen = ", ".join(f"{value} as {_name(ours)}" for ours, value in texts.items())
    if part.weight:
        weight = f"try_cast({_value(part.weight, types)[0]} as bigint)"
        chosen += f", unnest(range(case when {weight} > 0 then {weight} else 1 end)) as n"
    return f"select {chosen} from {rows}"


def _rows(part: Part, types: Types) -> str:
    scan = part.scan
    files = json.dumps([file.path for file in scan.files]).replace('"', "'")
    if scan.kind == "parquet":
        return f"read_parquet({files})"
    if scan.kind != "ndjson":
        names = (
            f", names = {list(scan.columns)!r}, header = false" if scan.bare else ", header = true"
        )
        return (
            f"read_csv({files}, all_varchar = true, delim = {scan.separator!r}, "
            f"quote = {scan.quote!r}, escape = {scan.quote!r}{names})"
        )
    columns = ", ".join(f"{_name(name)}: {_quoted(_type(dtype))}" for name, dtype in types.items())
    rows = f"read_json({files}, format = 'newline_delimited', columns = {{{columns}}})"
    for name in scan.explode:
        item = types[name].inner  # type: ignore[attr-defined]
        inner = [f"coalesce(item.{_name(f.name)}, {_name(f.name)}) as {_name(f.name)}"
                 if f.name in types and f.name != name else f"item.{_name(f.name)}"
                 for f in item.fields]  # fmt: skip
        items = f"(select *, unnest({_name(name)}) as item from {rows})"
        rows = f"(select {', '.join(inner)} from {items})"
        types = {f.name: f.dtype for f in item.fields}
    return rows


def _type(dtype: pl.DataType) -> str:
    if isinstance(dtype, pl.Struct):
        return (
            "struct(" + ", ".join(f"{_name(f.name)} {_type(f.dtype)}" for f in dtype.fields) + ")"
        )
    return f"{_type(dtype.inner)}[]" if isinstance(dtype, pl.List) else "varchar"  # type: ignore[arg-type]


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _value(choice: Choice, types: Types) -> tuple[str, pl.DataType]:
    """The value at a path, and its type."""
    found, dtype = _name(choice.path.column), types[choice.path.column]
    for i, step in enumerate(choice.path.steps):
        if dtype == pl.String:
            way = "$" + "".join(
                f"[{s}]" if isinstance(s, int) else f".{_name(str(s))}"
                for s in choice.path.steps[i:]
            )
            return f"({found} ->> {_quoted(way)})", pl.String()
        if isinstance(step, Key):
            return _pairs(found, dtype, step.name), pl.String()
        if isinstance(step, int):
            found, dtype = f"{found}[{step + 1}]", dtype.inner  # type: ignore[attr-defined]
        else:
            fields = {f.name: f.dtype for f in dtype.fields}  # type: ignore[attr-defined]
            if step not in fields:
                return "null::varchar", pl.String()
            found, dtype = f"{found}.{_name(step)}", fields[step]
    return found, dtype


def _pairs(found: str, dtype: pl.DataType, key: str) -> str:
    if not key:
        return f"hash(list_sort({found}))::varchar"
    item = {f.name: f.dtype for f in dtype.inner.fields}  # type: ignore[attr-defined]
    one = f"list_filter({found}, lambda x: x.key = {_quoted(key)})[1].value"
    held = [f.name for f in item["value"].fields if f.name in PAIR_VALUES]
    return "coalesce(" + ", ".join(f"{one}.{name}::varchar" for name in held) + ")"


def _text(some: Choices, types: Types, part: Part, ours: str) -> str:
    return "coalesce(" + ", ".join(_one(choice, types, part, ours) for choice in some) + ", null)"


def _one(choice: Choice, types: Types, part: Part, ours: str) -> str:
    value = f"trim({_value(choice, types)[0]}::varchar)"
    if choice.values is not None:
        cases = " ".join(
            f"when {_quoted(a)} then {_quoted(b)}" for a, b in choice.values if a != "*"
        )
        rest = next((_quoted(b) for a, b in choice.values if a == "*"), "null")
        found = f"case {value} {cases} else {rest} end" if cases else rest
        return f"case when {value} <> '' then {found} end"
    empty = ["", *(part.source.empty.get(ours) or [])]  # type: ignore[call-overload]
    return f"case when {value} not in ({', '.join(map(_quoted, empty))}) then {value} end"


def _event(part: Part, types: Types) -> str:
    if part.source.event is not None:
        return _quoted(part.source.event)
    event = _text(part.columns["event"], types, part, "event")
    for choice, values in part.where:
        met = f"{_one(choice, types, part, '')} in ({', '.join(map(_quoted, values))})"
        event = f"case when {met} then {event} end"
    return event


def _time(part: Part, types: Types) -> str:
    found = []
    for choice in part.columns["timestamp"]:
        value, dtype = _value(choice, types)
        if nothing := part.source.empty.get("timestamp"):
            few = ", ".join(map(_quoted, nothing))
            value = f"case when {value}::varchar not in ({few}) then {value} end"
        found.append(_moment(value, dtype))
    return f"coalesce({', '.join(found)}, null)"


def _moment(value: str, dtype: pl.DataType) -> str:
    """A time in ms, by the kind of its column."""
    if dtype == pl.String:
        number = SHAPE.format(f"try_cast({value} as bigint)")
        written = f"epoch_ms(try_cast({value} as timestamptz))"
        return f"case when {value}[5:5] = '-' then {written} else {number} end"
    if dtype.is_numeric():
        return SHAPE.format(f"({value})::bigint")
    return f"epoch_ms(({value})::timestamptz)"
