"""Which column is which: as the YAML says, else by the names that exports usually have."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from adoptcli.definitions import Alternative, Source
from adoptcli.errors import DataProblem
from adoptcli.source.paths import Path, find, parse

USUAL: dict[str, tuple[str, ...]] = {
    "user": (
        "user_id", "userid", "user", "distinct_id", "person_id", "personid", "actor_id", "uid",
        "visitor_id", "customer_id", "member_id", "contact_id", "anonymous_id",
    ),
    "event": (
        "event", "event_name", "eventname", "event_type", "eventtype", "action", "activity", "page",
        "name", "type",
    ),
    "timestamp": (
        "timestamp", "occurred_at", "event_time", "eventtime", "event_timestamp", "time", "ts",
        "created_at", "sent_at", "datetime", "date_time", "event_date", "date",
    ),
    "account": (
        "account_id", "accountid", "account", "company_id", "companyid", "company",
        "organization_id", "organisation_id", "org_id", "workspace_id", "tenant_id", "team_id",
        "group_id", "customer_account",
    ),
    "session": ("session_id", "sessionid", "session", "visit_id"),
    "id": (
        "event_id", "eventid", "insert_id", "message_id", "messageid", "uuid", "event_uuid",
    ),
    "anonymous": (
        "anonymous_id", "anonymousid", "user_pseudo_id", "domain_userid", "device_id", "deviceid",
    ),
    "received": ("received_at", "receivedat", "server_received_at", "arrived_at"),
}  # fmt: skip
NEEDED = ("user", "event", "timestamp")


@dataclass(frozen=True)
class Choice:
    """One place where a value of ours may stand; `values` are what its values stand for."""

    text: str
    path: Path
    values: tuple[tuple[str, str], ...] | None = None


Choices = tuple[Choice, ...]


def plain(name: str) -> str:
    """A column's name as the table of usual names has it."""
    text = name.strip().lstrip("$").replace("-", "_").replace(" ", "_").lower()
    return text.rsplit(".", 1)[-1]


def resolve(
    source: Source, columns: Sequence[str], where: str, *, open_ended: bool = False,
    unwanted: Collection[str] = (),
) -> tuple[dict[str, Choices], list[str]]:  # fmt: skip
    """Where the file has each of ours, and which of these were guessed.

    With a preset nothing is guessed, and what can be absent may be absent.

    Args:
        source: What the YAML says.
        columns: The file's columns.
        where: The file's name, for messages.
        open_ended: Rows further down may have columns that are not among these, as in NDJSON.
        unwanted: Those of ours that nobody asks for, and that are not looked for.

    Raises:
        DataProblem: A column that the YAML names is not there, or one that we need cannot be found.
    """
    found: dict[str, Choices] = {}
    guessed: list[str] = []
    preset = source.preset is not None and source.preset != "none"
    stated = {name: getattr(source.columns, name) for name in USUAL}
    taken = {text for some in stated.values() for text, _ in map(_parts, some or ())}
    absent = {*_absent(source, stated, columns, taken), *unwanted}
    for ours in USUAL:
        if ours in absent:
            continue
        if stated[ours]:
            made = choices(stated[ours], columns, open_ended=open_ended)
            if made:
                found[ours] = made
            elif not preset or ours in NEEDED:
                raise not_there(stated[ours], columns, f"source.columns.{ours}", where)
        elif not preset and (name := _guess(ours, columns, taken)):
            found[ours] = (Choice(name, Path(name)),)
            guessed.append(ours)
    missing = [n for n in NEEDED if n not in found and n not in absent]
    if missing:
        raise _not_found(missing, columns, where)
    return found, guessed


def choices(
    stated: Sequence[Alternative], columns: Sequence[str], *, open_ended: bool = False
) -> Choices:
    """Those of the alternatives that are there; where one is, and rows may have more, all."""
    made = [(text, find(text, columns), values) for text, values in map(_parts, stated)]
    if open_ended and any(path for _, path, _ in made):
        return anywhere(stated, columns)
    return tuple(Choice(text, path, values) for text, path, values in made if path)


def anywhere(stated: Sequence[Alternative], columns: Sequence[str]) -> Choices:
    """All of the alternatives, since rows further down may have them."""
    made = [
        (text, find(text, columns) or _open(text), values) for text, values in map(_parts, stated)
    ]
    return tuple(Choice(text, path, values) for text, path, values in made)


def _parts(stated: Alternative) -> tuple[str, tuple[tuple[str, str], ...] | None]:
    if isinstance(stated, str):
        return stated, None
    ((text, values),) = stated.items()
    return text, tuple(values.items())


def _open(text: str) -> Path:
    steps = parse(text) or (text,)
    return Path(str(steps[0]), steps[1:])


def _absent(
    source: Source, stated: Mapping[str, Sequence[Alternative] | None], columns: Sequence[str],
    taken: set[str],
) -> set[str]:  # fmt: skip
    """What is not looked for: where ids are stitched one file may have what another lacks."""
    found = {"event"} if source.event is not None else set()
    device = _there("anonymous", stated, columns, taken)
    if source.identity.how != "stitch" or not device:
        return found | {"anonymous"}
    return found if _there("user", stated, columns, {*taken, *device}) else found | {"user"}


def _there(
    ours: str, stated: Mapping[str, Sequence[Alternative] | None], columns: Sequence[str],
    taken: set[str],
) -> list[str]:  # fmt: skip
    """The columns that are stated and there, else the one that is guessed."""
    some = stated[ours]
    if some:
        return [text for text, _ in map(_parts, some) if find(text, columns)]
    name = _guess(ours, columns, taken)
    return [name] if name else []


def _guess(ours: str, columns: Sequence[str], taken: set[str]) -> str | None:
    by_name = {plain(name): name for name in reversed(columns) if name not in taken}
    return next((by_name[usual] for usual in USUAL[ours] if usual in by_name), None)


def has(columns: Sequence[str], name: str) -> bool:
    """Whether a column, or the path into one (`properties.plan`), is there."""
    return find(name, columns) is not None


def not_there(
    stated: Sequence[Alternative], columns: Sequence[str], key: str, where: str
) -> DataProblem:
    """None of the columns that a key of the YAML names is there."""
    name = _parts(stated[0])[0]
    near = get_close_matches(name, columns, 1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return DataProblem(
        "no-such-column",
        f"{where}: there is no column {name!r} ({key})",
        f"{hint}the columns are: {', '.join(columns)}",
    )


def _not_found(missing: Sequence[str], columns: Sequence[str], where: str) -> DataProblem:
    wanted = ", ".join(f"{name}: YOUR_COLUMN" for name in missing)
    return DataProblem(
        "columns-not-found",
        f"{where}: no column looks like the {' and the '.join(missing)}; "
        f"the columns are: {', '.join(columns)}",
        f"say which it is in the YAML: source: {{columns: {{{wanted}}}}}",
    )
