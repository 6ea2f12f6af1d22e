"""The presets in words: a part each, from their own files, and how to write another."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence

from adoptcli.config import presets
from adoptcli.config.explain import settings_lines
from adoptcli.config.lakes import LAKES
from adoptcli.definitions import Alternative, Dedupe, Identity, Pair, Source
from adoptcli.quality.rules import BESIDE, RULES
from adoptcli.source.preset import Detect, Preset

SHOWN = {
    "user": "User", "anonymous": "User before login", "event": "Event", "timestamp": "Time",
    "received": "Received", "account": "Account", "session": "Session", "id": "Event id",
}  # fmt: skip
MODES = {
    "resolved": "ids are final as they stand",
    "map": "ids that are one person are mapped",
    "stitch": "rows without user get the known user of their anonymous id",
    "none": "each id is a person",
}

INTRODUCTION = """
A *preset* is what adoptcli knows of the exports of one product: where they have user, event and
time, which rows are repeated deliveries, which events are no usage. `adoptcli report export/` knows
an export by its shape and says so on the first line; `--preset NAME`, or `source: {preset: NAME}`
in the YAML, names it; `--preset none` turns this off. Whatever the YAML says itself under `source`
wins, key by key. Zip, gz and zst are read as they are, and so are folders of files.
"""

QUALITY = """
`adoptcli validate` has a page for each source: rows by schema, repeats, late rows, wrong clocks,
days and hours without rows, days far off the usual, events that stop or start, users that no person
is behind, rows without user. Each finding says what it means and what to do; none is an error, and
`-f json` has the same with all figures. Late rows and wrong clocks need the time at which the
vendor received a row, `source.columns.received`, which nothing else reads. What is told, and from
when on:
"""

OWN = """
A preset of your own is a YAML file, named by `source: {preset: ./ours.yaml}` or `--preset
./ours.yaml`; a path in the YAML is relative to the YAML.

```yaml
about: Our event log, nightly dump
get: ask the data team for the bucket
source:
  format: ndjson
  columns:
    user: [person.id, person.device]        # the first that is not empty
    event: [name, {type: {view: page_view}}]  # or what a value stands for
    timestamp: at
    account: 'person["Company (billing)"][0]'
  properties: details                        # --by plan finds details.plan
  where: {test: false}
  ignore: ["debug *"]
  dedupe: {key: [uid], keep: {newest: received}}
  identity:
    pairs: {event: merged, from: details.old, to: person.id}  # rows that tell who is one person
  members: {event: joined, account: details.team}             # and of which account
```

A *path* is a column, or the way into one that holds objects or JSON texts; a column whose whole
name it is wins.

- `a.b`: the value of `b` in `a`.
- `a["any key [x]"]`: the same for keys with dots, spaces or brackets; quote it in YAML.
- `a[0]`: the first value of a list.
- `a{key}`: the value of `key` in a list of `{key, value}` pairs, as in GA4 and OpenTelemetry.

Whose a row is: an id that a file of `identity` names is the person's whom the file says; else
whom rows of `identity.pairs` told last; else, with `mode: stitch`, the user known on the device.
The account of a row is its own, else that of the last of the person's `members` rows at or before
it, and before the first that one; else that of the users table.

A file may lack the columns for account, session, event id, anonymous id and receipt that its preset
names, and those of `dedupe`, `where`, `weight`, `pairs` and `members`; user, event and time it must
have. With a preset no column is guessed by its name. Calls that only tell who someone is need a
name too, which `ignore` then leaves out: rows without an event are set aside as broken.
"""


def about_sources() -> str:
    """Every preset of the package, and how to write one, as Markdown."""
    known = {name: presets.load(name) for name in presets.names()}
    contents = "\n".join(
        f"- [{name}](#{name}): {found.about}{'' if found.verified else ' (unverified)'}"
        for name, found in known.items()
    )
    parts = ["# Sources", inspect.cleandoc(INTRODUCTION), contents]
    parts += ["\n\n".join(_preset(name, found)) for name, found in known.items()]
    parts += ["## Clouds, lakes and lookback", inspect.cleandoc(LAKES)]
    parts += ["## The quality of a source", inspect.cleandoc(QUALITY)]
    parts += ["\n".join(f"- **{label}**: {rule}." for label, rule in RULES.items()), BESIDE]
    keys = "\n".join(settings_lines(Preset))
    parts += ["## A preset of your own", inspect.cleandoc(OWN), f"### Keys of a preset\n\n{keys}"]
    return "\n\n".join(parts) + "\n"


def _preset(name: str, preset: Preset) -> Iterator[str]:
    yield f"## {name}"
    yield f"{preset.about}. {_checked(preset)}"
    yield f"**To get it**: {preset.get}."
    yield "\n".join(f"- **{label}**: {text}." for label, text in _facts(preset))
    if preset.notes:
        yield "\n".join(f"- {note}" for note in preset.notes)


def _checked(preset: Preset) -> str:
    if preset.verified:
        return "Verified against the vendor's documentation or real exports."
    return "**Unverified**: written from documentation, without a real export to check."


def _facts(preset: Preset) -> Iterator[tuple[str, str]]:
    source = preset.source
    yield "Known by", _known_by(preset.detect) if preset.detect else "its name alone (`--preset`)"
    for ours, label in SHOWN.items():
        stated = getattr(source.columns, ours)
        if stated:
            yield label, f"{_alternatives(stated)}{_empty(source, ours)}"
    if source.folder:
        yield "Folders", f"the name of the folder in which a file lies is `{source.folder}`"
    if source.event:
        yield "Event", f"always `{source.event}`"
    yield from _rules(source)
    for role, label in (("signup", "Sign-up"), ("login", "Login"), ("purchase", "Purchase")):
        if names := getattr(preset, role):
            yield label, f"{_names(names)}, where they occur and the YAML names none"


def _rules(source: Source) -> Iterator[tuple[str, str]]:
    yield "Identity", _identity(source.identity)
    if source.members:
        events, place = _names(source.members.event), _alternatives(source.members.account)
        yield "Account of rows without", f"as {events} told of the user last, in {place}"
    yield "Duplicates", _dedupe(source.dedupe, bool(source.columns.id))
    if source.weight:
        yield "Counts", f"a row stands for as many events as `{source.weight}` says"
    if source.where:
        pairs = (f"`{name}` is {_values(value)}" for name, value in source.where.items())
        yield "Only rows where", " and ".join(pairs)
    if source.properties:
        yield "Properties", f"by bare name in {_names(source.properties)}"
    yield "Ignored events", _names(source.ignore) if source.ignore else "none"
    if source.grace:
        written = source.model_dump(mode="json")["grace"]
        yield "Grace", f"{written}, by which the default as-of is earlier"


def _known_by(detect: Detect) -> str:
    said = []
    if detect.fields:
        said.append(f"{detect.fields} fields a line, without header line")
    if detect.columns:
        said.append(_names(detect.columns) + (", and no other column" if detect.only else ""))
    kinds = f" ({' or '.join(detect.format)})" if detect.format else ""
    return " and ".join(said) + kinds


def _alternatives(stated: Sequence[Alternative]) -> str:
    return ", else ".join(map(_alternative, stated))


def _alternative(one: Alternative) -> str:
    if isinstance(one, str):
        return f"`{one}`"
    ((path, values),) = one.items()
    pairs = ", ".join(f"{old} → {new}" for old, new in values.items())
    return f"`{path}` ({pairs})"


def _empty(source: Source, ours: str) -> str:
    nothing = source.empty.get(ours)  # type: ignore[call-overload]
    return f"; {_names(nothing)} is none" if nothing else ""


def _identity(identity: Identity) -> str:
    device = f"; a device of more than {identity.shared} users is nobody's"
    which = f", the {identity.stitch} one" if identity.stitch != "forward" else ", from then on"
    more = which + device if identity.how == "stitch" else ""
    told = "".join(f"; {_pair(pair)}" for pair in identity.told)
    return f"{identity.how}: {MODES[identity.how]}{more}{told}"


def _pair(pair: Pair) -> str:
    was, is_ = _alternatives(getattr(pair, "from")), _alternatives(pair.to)
    return f"{_names(pair.event)} {'joins' if pair.mutual else 'maps'} {was} to {is_}"


def _dedupe(dedupe: Dedupe | None, by_id: bool) -> str:
    if dedupe is None:
        return "the same event id" if by_id else "are not told: the export has no key"
    key = " + ".join(_alternatives(part) for part in dedupe.key)
    keep = dedupe.keep
    kept = f"highest `{keep.newest}`" if keep and keep.newest else "earliest event"
    if keep and keep.earliest:
        kept = f"lowest `{keep.earliest}`"
    return f"the same {key}; the {kept} counts"


def _names(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _values(value: object) -> str:
    some = value if isinstance(value, list) else [value]
    shown = (str(one).lower() if isinstance(one, bool) else str(one) for one in some)
    return " or ".join(f"`{one}`" for one in shown)
