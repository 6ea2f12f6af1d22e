"""The annotated YAML that `adoptcli init` writes: a few live lines, the rest commented out.

The commented half comes from the models, so that it cannot drift from them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import yaml

from adoptcli.config.explain import settings
from adoptcli.definitions import Definitions
from adoptcli.metrics import all_metrics

SIGNUP = re.compile(
    r"^(user[ _.-]?)?(sign(ed)?[ _.-]?up|regist\w*|created[ _.-]?account|account[ _.-]?created)"
    r"([ _.-]?completed)?$|^user[ _.-]?created$",
    re.IGNORECASE,
)
LOGIN = re.compile(r"^(user[ _.-]?)?(log(ged)?|sign(ed)?)[ _.-]?in$|^home$", re.IGNORECASE)
DULL = re.compile(r"page|view|log|sign|cancel|delet|error|leave|session|upgrade|home|open|\$", re.I)
MOST = 40
EXAMPLES = {
    "signup": "signed_up",
    "login": "logged_in",
    "purchase": "subscription_started",
    "active_events": "[report_built, doc_edited]",
    "events": "{report_shared: {event: feature_used, where: {feature: share}}}",
    "features": "{sharing: [report_shared], exports: {events: [csv_exported], core: true}}",
    "segments": "[plan, role]",
    "source": "{files: [events.csv], columns: {user: user_id, event: event_name}}",
    "users": "{file: users.csv, id: user_id, signed_up_at: created_at, account: company_id}",
    "accounts": "{file: accounts.csv, id: company_id, seats: licences, mrr: mrr}",
    "exclude": '{users: ["*@ourcompany.example"], events: ["$pageleave"]}',
    "burn_in": "30d",
}


@dataclass(frozen=True)
class Found:
    """What the data show: our column for each of the file's, and event names by how often."""

    files: tuple[str, ...] = ()
    columns: dict[str, str] = field(default_factory=dict)
    events: Sequence[tuple[str, int]] = ()
    users: int = 0


def starter(found: Found | None, schema: str = "adoptcli schema config") -> str:
    """The text of a new metrics.yaml."""
    found = found or Found()
    lines = [
        "# What activation, features and engagement mean for this product.",
        f"# {schema} prints the JSON Schema of this file; adoptcli explain METRIC the definitions.",
        "",
        *_live(found),
        "",
        *_events(found),
        "# --- what things are -------------------------------------------------------------",
        *_keys(Definitions),
        "# --- how to count: one section a metric ------------------------------------------",
        *_sections(),
    ]
    return "\n".join(lines).rstrip() + "\n"


def quoted(text: str) -> str:
    """A name as YAML reads it back, whatever it is made of."""
    dumped = yaml.safe_dump(text, default_flow_style=True, allow_unicode=True, width=10_000)
    plain = dumped.removesuffix("\n").removesuffix("\n...")
    return (
        plain if "\n" not in plain and not re.search(r"[,\[\]{}#:&*!|>%@`]", plain) else _json(text)
    )


def _json(text: str) -> str:
    return json.dumps(text, ensure_ascii=True)


def _live(found: Found) -> Iterator[str]:
    names = [name for name, _ in found.events]
    signup = next((n for n in names if SIGNUP.match(n)), None)
    login = next((n for n in names if LOGIN.match(n)), None)
    value = [n for n in names if n not in (signup, login) and not DULL.search(n)] or [
        n for n in names if n not in (signup, login)
    ]
    yield "version: 1"
    if not names:
        yield "# signup: signed_up"
        yield "# activation: {all: [project_created, {event: report_built, at_least: 2}]}"
        yield "# features: {sharing: [report_shared], exports: [csv_exported]}"
        yield "# engagement_score: {weights: {project_created: 10, report_built: 5}}   # 1 to 10"
        return
    if signup:
        yield f"signup: {quoted(signup)}"
    else:
        yield "# signup: EVENT            # without it the first event seen stands for the sign-up"
    if login:
        yield f"login: {quoted(login)}"
    rare_first = list(reversed(value[:6]))
    chosen = ", ".join(quoted(n) for n in value[:2])
    yield "# edit: what shows that somebody got value?"
    yield f"activation: {{all: [{chosen}], within: 7d}}"
    yield "features:                    # edit: a name of yours for the events that use a feature"
    for i, name in enumerate(value[2:6] or value[:1]):
        yield f"  feature_{i + 1}: [{quoted(name)}]"
    yield "engagement_score:            # edit: 1 to 10, by how much an event means"
    yield "  weights:"
    for i, name in enumerate(rare_first):
        yield f"    {quoted(name)}: {max(1, 10 - 2 * i)}"
    yield from _source(found)


def _source(found: Found) -> Iterator[str]:
    columns = ", ".join(f"{ours}: {quoted(theirs)}" for ours, theirs in found.columns.items())
    yield f"source: {{columns: {{{columns}}}}}"


def _events(found: Found) -> Iterator[str]:
    if not found.events:
        return
    yield f"# Events in the data, by how often ({found.users:,} users):"
    for name, count in found.events[:MOST]:
        yield f"#   {count:>10,}  {_json(name)[1:-1]}"
    if len(found.events) > MOST:
        yield f"#   and {len(found.events) - MOST} more"
    yield ""


def _keys(model: type[Definitions]) -> Iterator[str]:
    for name, default, text in settings(model):
        if name != "version":
            yield _line("# ", name, EXAMPLES.get(name, default), text)
    yield ""


def _sections() -> Iterator[str]:
    for metric in all_metrics().values():
        lines = list(settings(metric.settings))
        if lines:
            yield f"# {metric.id}:"
        for name, default, text in lines:
            yield _line("#   ", name, default.replace('"', ""), text)


def _line(indent: str, name: str, value: str, text: str) -> str:
    written = f"{indent}{name}: {value}".rstrip()
    return f"{written:<48}  # {text}" if text else written
