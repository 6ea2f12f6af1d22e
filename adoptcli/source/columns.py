"""Which column is which: as the YAML says, else by the names that exports usually have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from adoptcli.definitions import Source
from adoptcli.errors import DataProblem

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
}  # fmt: skip
NEEDED = ("user", "event", "timestamp")


def plain(name: str) -> str:
    """A column's name as the table of usual names has it."""
    text = name.strip().lstrip("$").replace("-", "_").replace(" ", "_").lower()
    return text.rsplit(".", 1)[-1]


def resolve(source: Source, columns: Sequence[str], where: str) -> tuple[dict[str, str], list[str]]:
    """The file's column for each of ours, and those that were guessed.

    Raises:
        DataProblem: A column that the YAML names is not there, or one that we need cannot be found.
    """
    found: dict[str, str] = {}
    guessed: list[str] = []
    stated = source.columns.model_dump(exclude_none=True)
    absent = _absent(source, stated, columns)
    for ours in USUAL:
        if ours in absent:
            continue
        if ours in stated:
            _must_be_there(stated[ours], columns, ours, where)
            found[ours] = stated[ours]
        elif name := _guess(ours, columns, set(stated.values())):
            found[ours] = name
            guessed.append(ours)
    missing = [n for n in NEEDED if n not in found and n not in absent]
    if missing:
        raise _not_found(missing, columns, where)
    return found, guessed


def _absent(source: Source, stated: Mapping[str, str], columns: Sequence[str]) -> set[str]:
    """What is not looked for: where ids are stitched one file may have what another lacks."""
    found = {"event"} if source.event is not None else set()
    taken = set(stated.values())
    device = stated.get("anonymous") or _guess("anonymous", columns, taken)
    if source.identity.how != "stitch" or device is None or not has(columns, device):
        return found | {"anonymous"}
    user = stated.get("user") or _guess("user", columns, {*taken, device})
    return found if user and has(columns, user) else found | {"user"}


def _guess(ours: str, columns: Sequence[str], taken: set[str]) -> str | None:
    by_name = {plain(name): name for name in reversed(columns) if name not in taken}
    return next((by_name[usual] for usual in USUAL[ours] if usual in by_name), None)


def has(columns: Sequence[str], name: str) -> bool:
    """Whether a column, or the path into one (`properties.plan`), is there."""
    return name in columns or name.split(".", 1)[0] in columns


def _must_be_there(name: str, columns: Sequence[str], ours: str, where: str) -> None:
    if has(columns, name):
        return
    near = get_close_matches(name, columns, 1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise DataProblem(
        "no-such-column",
        f"{where}: there is no column {name!r} (source.columns.{ours})",
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
