"""What `adoptcli validate` found: lines for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from textwrap import wrap
from typing import Any

import orjson

from adoptcli.quality.page import Page, Validated
from adoptcli.quality.rules import BESIDE, RULES
from adoptcli.render import quality
from adoptcli.render.json_ import object_of, source_schema
from adoptcli.render.quality import Line
from adoptcli.render.text import plain, safe
from adoptcli.timeframe import HOUR_MS, to_date

FORMAT = 1  # 1: the first
MOST, LABEL = 30, 14
FORMATS = ("table", "json")
STUCK = "\u00a0"  # a space that does not break


def render(found: Validated, *, width: int | None, unicode: bool) -> str:
    """All sources together, then a page each; None is the width of a pipe, where nothing folds."""
    parts = [part for line in _overall(found) for part in _folded(safe(line), width, LABEL)]
    for page in found.pages:
        parts += ["", safe(f"SOURCE {page.name}")]
        for line in quality.lines(page, found.time_zone):
            parts += _set(line, width)
    parts += ["", "RULES", *_folded(BESIDE, width, 0)]
    for label, rule in RULES.items():
        parts += _folded(f"{label:<{LABEL}}{rule}", width, LABEL)
    text = "".join(f"{line}\n" for line in parts)
    return text if unicode else plain(text)


def _set(line: Line, width: int | None) -> Iterator[str]:
    yield from _folded(f"{line.label:<{LABEL}}{safe(line.text)}", width, LABEL)
    if line.advice:
        yield from _folded(f"{'':<{LABEL}}→ {safe(line.advice)}", width, LABEL + 2)


def _folded(text: str, width: int | None, indent: int) -> list[str]:
    if width is None:
        return [text]
    text = text.replace(" %", f"{STUCK}%")
    made = wrap(text, max(width, 2 * LABEL + 12), subsequent_indent=" " * indent,
                break_on_hyphens=False)  # fmt: skip
    return [line.replace(STUCK, " ") for line in made]


def _overall(found: Validated) -> Iterator[str]:
    source = found.source
    accounts = f"{source.accounts:,} accounts" if source.accounts else "no accounts"
    yield f"rows          {source.rows:,}"
    yield f"events        {source.events:,} of {source.actors:,} users, {accounts}"
    for reason, n in source.set_aside.items():
        yield f"set aside     {n:,} {reason}"
    yield f"no user       {source.anonymous:,}"
    yield f"excluded      {source.excluded:,}"
    repeats = f"{source.duplicates:,} repeated event ids, left out"
    none = "not looked for: no column of event ids (source.columns.id)"
    yield f"duplicates    {repeats if found.keyed else none}"
    if found.shared:
        yield f"shared ids    {found.shared:,} event ids belong to several users and are all kept"
    if source.merged or source.devices:
        yield f"merged        {source.merged:,} ids into {source.merged_into:,}"
        yield f"anonymous     {source.devices:,} users are known by an anonymous id alone"
    yield f"span          {source.first_day} to {source.last_day} ({found.time_zone})"
    yield f"as-of         {found.as_of}: what came before it counts"
    for name, place in found.traits.items():
        yield f"trait         {name}: from the {place}"
    yield f"event names   {len(found.events):,}"
    for name, n in [*found.events.items()][:MOST]:
        yield f"  {n:>12,}  {name!r}"
    if len(found.events) > MOST:
        yield f"  and {len(found.events) - MOST:,} more"
    yield "to know" if found.caveats else "to know       nothing"
    for caveat in found.caveats:
        yield f"  {caveat.message}" + (f": {caveat.count:,}" if caveat.count else "")
    for metric, reason in found.not_computed.items():
        yield f"not computed  {metric}: {reason}"


def as_json(found: Validated) -> str:
    """The same, unrounded; days as dates, hours as instants of UTC."""
    made = {
        "format": FORMAT,
        **{name: getattr(found, name) for name in ("version", "as_of", "time_zone")},
        "source": asdict(found.source),
        "shared_ids": found.shared if found.keyed else None,
        **{name: getattr(found, name) for name in ("traits", "events")},
        "caveats": [asdict(c) for c in found.caveats],
        "not_computed": found.not_computed,
        "sources": [_page(page, found.time_zone) for page in found.pages],
    }
    return orjson.dumps(made, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def _page(page: Page, zone: str) -> dict[str, Any]:
    made = asdict(page)
    shapes, volume, span = (made.pop(name) for name in ("shapes", "volume", "span"))
    made["span"] = span and dict(
        zip(("first", "last"), (str(to_date(d)) for d in span), strict=True)
    )
    made["schemas"] = [
        {**one, "retyped": [dict(zip(("column", "here", "there"), r, strict=True))
                            for r in one["retyped"]]}
        for one in shapes["schemas"]
    ]  # fmt: skip
    made["keys"] = shapes["keys"]
    made["volume"] = volume and {
        "judged": volume["judged"],
        "gaps": [{**_dated(gap), "missed": gap["missed"]} for gap in volume["days"]],
        "hours": [{**_timed(gap), "missed": gap["missed"]} for gap in volume["hours"]],
        "cliffs": [{**cliff, **_dated(cliff)} for cliff in volume["cliffs"]],
    }  # fmt: skip
    made["turns"] = [{**turn, "day": str(to_date(turn["day"]))} for turn in made["turns"]]
    if made["clock"]:
        made["clock"]["offsets"] = [
            {"hours": hours, "users": n} for hours, n in made["clock"]["offsets"]
        ]
    made["findings"] = [
        {"code": line.code, "message": line.text, "advice": line.advice}
        for line in quality.lines(page, zone)
        if line.code
    ]
    return made


def _dated(found: Mapping[str, int]) -> dict[str, str]:
    return {name: str(to_date(found[name])) for name in ("first", "last")}


def _timed(found: Mapping[str, int]) -> dict[str, int]:
    return {"from": found["first"], "until": found["last"] + HOUR_MS}


def schema() -> dict[str, Any]:
    """The JSON Schema of `adoptcli validate -f json`."""
    whole, number, text = ({"type": name} for name in ("integer", "number", "string"))
    day, texts = (
        {"type": "string", "format": "date"},
        {"type": "array", "items": {"type": "string"}},
    )
    counts = {"type": "object", "additionalProperties": whole}
    words = {"type": "object", "additionalProperties": text}
    span = {"first": day, "last": day}
    column = object_of(dict.fromkeys(("column", "here", "there"), text))
    one = object_of(
        {"kind": text, "files": whole, "rows": whole, "example": text, "columns": texts,
         "more": texts, "lacking": texts, "retyped": _list(column)}
    )  # fmt: skip
    duplicates = object_of(
        {"by": {"enum": ["key", "row"]},
         **dict.fromkeys(("repeats", "keys", "most", "keyless", "shared"), whole)}
    )  # fmt: skip
    late = object_of(
        {"rows": whole, **dict.fromkeys(("median", "p90", "p99", "max"), number),
         **dict.fromkeys(("hour", "day", "three_days"), whole), "grace": _maybe("number"),
         "over_grace": whole, "advised": _maybe("integer"), "imported": {"type": "boolean"}}
    )  # fmt: skip
    clock = object_of(
        {"rows": whole, "ahead": whole, "median_ahead": number, "max_ahead": number,
         "offset": _maybe("number"), "shifted": whole, "users": whole,
         "offsets": _list(object_of({"hours": number, "users": whole}))}
    )  # fmt: skip
    volume = object_of(
        {"judged": whole, "gaps": _list(object_of({**span, "missed": number})),
         "hours": _list(object_of({"from": whole, "until": whole, "missed": number})),
         "cliffs": _list(object_of({**span, "kind": {"enum": ["drop", "jump"]}, "rows": whole,
                                    "usual": number}))}
    )  # fmt: skip
    turn = object_of({"event": text, "kind": {"enum": ["stop", "start"]}, "day": day,
                      "silent": whole, "rows": number})  # fmt: skip
    suspect = object_of({"user": text, "rows": whole, "most": whole, "why": texts})
    page = object_of(
        {"name": text, "files": whole, "rows": whole, "span": _or_null(object_of(span)),
         "set_aside": counts, "anonymous": whole,
         "duplicates": duplicates, **dict.fromkeys(("exact", "timed", "received"), _BOOL),
         "late": _or_null(late), "clock": _or_null(clock), "turns": _list(turn),
         "crowd": object_of({"users": whole, "single": whole}),
         "superhuman": object_of({"users": whole, "rows": whole, "limit": whole,
                                  "suspects": _list(suspect)}),
         "schemas": _list(one), "keys": _or_null(counts), "volume": _or_null(volume),
         "findings": _list(object_of(dict.fromkeys(("code", "message", "advice"), text)))}
    )  # fmt: skip
    caveat = object_of({"code": text, "message": text, "count": _maybe("integer")})
    top = object_of(
        {"format": {"const": FORMAT}, "version": text, "as_of": day, "time_zone": text,
         "source": source_schema(), "shared_ids": _maybe("integer"), "traits": words,
         "events": counts, "caveats": _list(caveat), "not_computed": words,
         "sources": _list(page)}
    )  # fmt: skip
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": dialect, "title": "adoptcli validate", **top}


_BOOL = {"type": "boolean"}


def _list(items: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": dict(items)}


def _maybe(kind: str) -> dict[str, Any]:
    return {"type": [kind, "null"]}


def _or_null(some: Mapping[str, Any]) -> dict[str, Any]:
    return {"anyOf": [dict(some), {"type": "null"}]}
