"""The first YAML: about ten live lines from the data, and everything else commented out below.

The lower part is made from the models' fields, so that no key can be forgotten or outlive its code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from adoptcli.audiences.conditions import Conditions
from adoptcli.config import guess
from adoptcli.config.keys import Key, flow, item_of, keys_of, quoted
from adoptcli.config.shape import is_model
from adoptcli.definitions import Definitions
from adoptcli.metrics import all_metrics

SCHEMA = "metrics.schema.json"
LISTED = 500
COLUMN = 44

# Without data: the live lines of a made-up product.
_MADE_UP = {
    "time_zone": ["time_zone: UTC"],
    "signup": ["signup: signed_up"],
    "activation": [
        "activation:",
        "  all: [project_created, {event: report_built, at_least: 2}]",
        "  within: 7d",
    ],
    "features": ["features:", "  sharing: [report_shared, link_copied]", "  exports: csv_exported"],
    "engagement_score": [
        "engagement_score:",
        "  weights: {project_created: 10, report_shared: 8, report_built: 5, comment_added: 3}",
    ],
}

# What a key without default may look like; keys that are not here get a placeholder by their type.
_EXAMPLES = {
    "signup": "signed_up",
    "login": "[logged_in]",
    "purchase": "[subscription_started]",
    "active_events": "[report_built, doc_edited]",
    "events": "{report_shared: {event: feature_used, where: {feature: share}}}",
    "funnel.NAME.steps": "[signed_up, trial_started, subscription_started]",
    "funnel.NAME.exclude": "[trial_cancelled]",
    "features.NAME.launched_at": "2026-03-01",
    "features.NAME.eligible": "{plan: [pro]}",
    "feature_adoption.adopted": "{min_days: 3, within: 7d, span: rolling_days}",
    "channels": "{help: [article_read], webinars: [webinar_attended]}",
    "segments": "[plan, role]",
    "audiences.NAME.trait": "{role: [admin]}",
    "source.files": "[events.csv]",
    "source.columns.user": "user_id",
    "source.columns.event": "event_name",
    "source.columns.timestamp": "occurred_at",
    "source.columns.account": "account_id",
    "source.columns.session": "session_id",
    "source.columns.id": "event_id",
    "source.preset": "amplitude",
    "source.folder": "table",
    "source.properties": "[event_properties, user_properties]",
    "source.empty": '{session: ["-1"]}',
    "source.where": "{is_test: [false]}",
    "source.explode": "[data]",
    "source.ignore": '["$identify"]',
    "source.dedupe": "{key: [insert_id, device_id], keep: {newest: received_at}}",
    "source.weight": "num_events",
    "source.grace": "3d",
    "source.lookback": "90d",
    "source.header": "[user_id, event_name, occurred_at]",
    "source.timestamp_format": '"%d.%m.%Y %H:%M"',
    "source.separator": '";"',
    "users.file": "users.csv",
    "users.id": "user_id",
    "users.signed_up_at": "created_at",
    "users.account": "account_id",
    "users.time_zone": "UTC",
    "accounts.file": "accounts.csv",
    "accounts.id": "account_id",
    "accounts.seats": "licences",
    "accounts.mrr": "mrr",
    "accounts.signed_up_at": "started_on",
    "accounts.cancelled_at": "cancelled_at",
    "accounts.time_zone": "UTC",
    "exclude.users": '["*@ourcompany.example"]',
    "exclude.accounts": "[demo]",
    "exclude.events": '["$pageleave"]',
    "burn_in": "30d",
    "qualified.all": "[{event: report_shared, at_least: 2}, {active_days: 3, within: 14d}]",
    "qualified.any": "[report_shared, {active_days: 8, within: 28d}]",
    "journey.stages": "{renewed: [subscription_renewed]}",
    "quadrant.adoption": "{activated: true}",
    "quadrant.engagement": "{active_days: 8, window: 28d}",
    "activation.personas": "{admins: {who: {role: admin}, all: [teammate_invited], within: 14d}}",
    "drivers.outcome": "{kind: retention, after: 28d, until: 56d}",
    "onboarding.steps": "[project_created, report_built]",
    "onboarding.personas": "{admins: {who: {role: admin}, steps: [teammate_invited]}}",
    "impact.channels": "{tour: [tour_finished]}",
    "impact.adoption": "{feature: NAME, min_days: 2}",
    "impact.negative_control": "[password_changed]",
    "impact.variant": "tour_variant",
    "impact.control": "none",
    "impact.split": "{none: 1, tour: 1}",
}

# Keys that stand instead of another one; they stay a comment.
_INSTEAD = ("qualified.any",)


@dataclass(frozen=True, kw_only=True)
class Found:
    """What the data show.

    Attributes:
        columns: The names of the columns of user, event, timestamp, account, session and id, where
            they were found.
        events: Event names with their counts, most frequent first.
        signup: The sign-up event; None leaves the guess to the starter.
        time_zone: The report's zone, where the data say it.
        preset: Whose export they are, where their shape says it; then without columns.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    events: Sequence[tuple[str, int]] = ()
    signup: str | None = None
    time_zone: str | None = None
    preset: str | None = None


def starter(found: Found | None = None, schema: str = SCHEMA) -> str:
    """The text of a first metrics.yaml, from the data or, without them, from a made-up product."""
    live = dict(_live(found)) if found else _MADE_UP
    lines = [*_head(found, schema), *(line for block in live.values() for line in block)]
    lines += ["", "# ---- What things are ----", *_HOW, ""]
    lines += _half(Definitions, "", live)
    lines += ["", "# ---- How to count: one section a metric ----", ""]
    for metric in all_metrics().values():
        lines += _section(metric.id, metric.settings, live, f"{metric.title}.")
    lines += [
        "",
        _with("# audiences:", "Lists of your own, for adoptcli audience NAME."),
        "#   NAME:",
    ]
    lines += [
        line for key in keys_of(Conditions) for line in _lines(key, "#     ", "audiences.NAME")
    ]
    lines += [
        "",
        _with("# targets:", "What figures must be, for adoptcli check."),
        '#   activation: ">= 40%"',
        '#   stickiness: {fail: "< 20%", warn: "< 25%"}',
        '#   "retention.pooled[step=4]": {target: ">= 25%", surely: true}',
        '#   active_users: {change: ">= -5%"}',
    ]
    if found is not None and found.events:
        lines += ["", *_events(found.events)]
    return "\n".join(lines) + "\n"


_HOW = ("# Remove the '# ' before the lines that you need; EVENT and NAME are for you to fill in.",)


def _head(found: Found | None, schema: str) -> Iterator[str]:
    yield f"# yaml-language-server: $schema={schema}"
    yield f"# For completion in editors: adoptcli schema config > {schema}"
    source = "from your data; a guess: read it" if found else "for a made-up product: edit it"
    yield f"# Definitions for adoptcli, {source}, then adoptcli validate."
    yield ""


Live = Iterator[tuple[str, list[str]]]


def _live(found: Found) -> Live:
    """The lines that count, by key."""
    yield "time_zone", [f"time_zone: {quoted(found.time_zone or 'UTC')}"]
    columns = {name: found.columns[name] for name in _COLUMNS if found.columns.get(name)}
    if found.preset:
        yield "source", [f"source: {{preset: {quoted(found.preset)}}}"]
    elif columns:
        yield "source", ["source:", f"  columns: {flow(columns)}"]
    signup = found.signup or guess.signup(found.events)
    if signup:
        yield "signup", [f"signup: {quoted(signup)}"]
    others = [event for event in guess.values(found.events) if event[0] != signup]
    yield from _value(others)


_COLUMNS = ("user", "account", "event", "timestamp", "session", "id")


def _value(events: Sequence[tuple[str, int]]) -> Live:
    """Activation by the two most frequent events, features from the next, weights by rarity."""
    first, rest = events[:2], events[2:7]
    if first:
        names = flow([name for name, _ in first])
        yield "activation", ["activation:", f"  all: {names}", "  within: 7d"]
    features = rest or first
    if features:
        lines = [f"  {quoted(name)}: [{quoted(name)}]" for name, _ in features]
        yield "features", ["features:", *lines]
        weights = guess.weights([*first, *rest])
        lines = [f"    {quoted(name)}: {weight}" for name, weight in weights.items()]
        head = "  weights:" + " " * (COLUMN - 10) + "# 1 to 10: how much each event means"
        yield "engagement_score", ["engagement_score:", head, *lines]


def _half(model: type[BaseModel], path: str, live: Mapping[str, list[str]]) -> Iterator[str]:
    for key in keys_of(model):
        if key.name not in live:
            yield from _lines(key, "# ", path)
        elif key.models:
            yield f"# {key.name} (above) can also hold:"
            yield from _inner(key, "#   ", key.name, live[key.name])


def _section(
    name: str, model: type[BaseModel], live: Mapping[str, list[str]], title: str
) -> Iterator[str]:
    """A metric's section; of one that is live, what it does not say yet."""
    keys = list(keys_of(model))
    if not keys:
        yield _with(f"# {name}: {{}}", f"{title} {(model.__doc__ or '').strip()}")
        return
    if name in live:
        yield f"# {name} (above) can also hold:"
        keys = [key for key in keys if not _stands(key, live[name])]
    else:
        yield _with(f"# {name}:", title)
    for key in keys:
        yield from _lines(key, "#   ", name)


def _stands(key: Key, block: Sequence[str]) -> bool:
    return any(line.startswith(f"  {key.name}:") for line in block)


def _lines(key: Key, indent: str, path: str) -> Iterator[str]:
    """One key with its default or an example, and what it means."""
    here = f"{path}.{key.name}" if path else key.name
    note = f"{key.description} (required)" if key.required else key.description
    if key.models and here not in _EXAMPLES:
        yield _with(f"{indent}{key.name}:", note)
        yield from _inner(key, indent + "  ", here, ())
    else:
        value = _EXAMPLES.get(here) or key.default or flow(_placeholder(key.shapes[0]))
        instead = "# " if here in _INSTEAD else ""
        yield _with(f"{indent}{instead}{key.name}: {value}", note)


def _inner(key: Key, indent: str, path: str, block: Sequence[str]) -> Iterator[str]:
    """The keys of the section within; under a name, where names are the person's own."""
    if key.named:
        yield f"{indent}NAME:"
        indent, path = indent + "  ", f"{path}.NAME"
    for inner in keys_of(key.models[0]):
        if not _stands(inner, block):
            yield from _lines(inner, indent, path)


def _placeholder(shape: Any) -> Any:
    """Something of the right type, to be replaced."""
    args = getattr(shape, "__args__", ())
    if is_model(shape):
        return "EVENT"
    if getattr(shape, "__origin__", None) is list:
        return [_placeholder(item_of(shape))]
    if getattr(shape, "__origin__", None) is dict:
        return {"EVENT": _placeholder(item_of(shape))}
    if shape in (int, float):
        return 5
    if shape is bool:
        return False
    return args[0] if args else "NAME"


def _with(text: str, comment: str) -> str:
    return f"{text:<{COLUMN - 2}}  # {comment}" if comment else text


def _events(events: Sequence[tuple[str, int]]) -> Iterator[str]:
    """The events of the data as comments, by how often they occur."""
    yield "# ---- Events in the data, most frequent first ----"
    ranked = sorted(events, key=lambda event: (-event[1], event[0]))
    width = max(len(f"{count:,}") for _, count in events)
    for name, count in ranked[:LISTED]:
        yield f"#   {count:>{width},}  {quoted(name) if name else '(empty)'}"
    if len(ranked) > LISTED:
        yield f"#   and {len(ranked) - LISTED:,} more"
