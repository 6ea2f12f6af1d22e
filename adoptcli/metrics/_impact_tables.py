"""The tables and lines of the impact of channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from adoptcli.metrics._base import Tallies
from adoptcli.metrics._drawn import randomised
from adoptcli.metrics._matched import Difference
from adoptcli.metrics._shared import ratio
from adoptcli.metrics._verdicts import (
    ASSOCIATED,
    LESS,
    Asked,
    Channel,
    Judged,
    Outcome,
    channels,
    estimate,
    moved,
    outcomes,
)
from adoptcli.results import (
    Caveat,
    Cell,
    Column,
    Estimate,
    Headline,
    Result,
    Row,
    Table,
    Textbook,
    Unit,
)

ON_SCREEN = 4


def judged(tallies: Tallies, asked: Asked, caveats: list[Caveat]) -> Result:
    """The channels, the associated first; the randomised comparison before them."""
    found = channels(tallies, asked)
    drawn = randomised(tallies["variants"], asked) if asked.reference else None
    lines = [*(drawn.lines if drawn else []), *_lines(found, asked)]
    tables = [drawn.table] if drawn and drawn.table else []
    if any(channel.exposed for channel in found):
        tables += [
            _channels_table(found),
            *_outcome_tables(found, asked),
            _checks_table(found, asked),
        ]
    caveats += [*(drawn.caveats if drawn else []), *_moved(found, asked)]
    if not lines or not tables:
        reason = "nobody was first exposed on a day whose windows before and after are in the data"
        return Result(None, None, (), tuple(caveats), status="not_evaluable", reason=reason)
    book = _textbook(found, asked) if found and not (drawn and drawn.lines) else None
    return Result(lines[0], book, tuple(tables), tuple(caveats), tuple(lines[1:ON_SCREEN]))


def _ordered(found: Sequence[Channel]) -> list[Channel]:
    """Those that are associated first, the surest of them first; else in the YAML's order."""
    sure = [c for c in found if c.best.verdict in (ASSOCIATED, LESS)]
    return sorted(sure, key=lambda c: c.best.q or 0.0) + [c for c in found if c not in sure]


def _lines(found: Sequence[Channel], asked: Asked) -> list[Headline]:
    """A line a channel; where segments are compared, of the same channel and outcome in each."""
    lines = []
    for channel, one in _shown(found, asked):
        title, unit = f"{channel.name}, {one.outcome.what}", one.outcome.unit
        word = _said(channel, one)
        lines.append(Headline(title, estimate(one.found, unit), unit, verdict=word))
    if lines:
        note = "exposed minus others like them; what people chose to do shows no cause"
        lines[0] = replace(lines[0], note=note)
    return lines


def _shown(found: Sequence[Channel], asked: Asked) -> list[tuple[Channel, Judged]]:
    """The channels in the order of their lines, and the outcome that each line is of."""
    if asked.alike:
        return [(c, c.judged[0]) for c in found]
    return [(c, c.best) for c in _ordered(found)]


def _said(channel: Channel, shown: Judged) -> str:
    """The verdict on the outcome that is shown, and of another one where there is more to say."""
    best = channel.best
    if shown.verdict in (ASSOCIATED, LESS):
        return channel.verdict
    if best.verdict in (ASSOCIATED, LESS):
        return f"{shown.verdict}, but {best.verdict} in {best.outcome.what}"
    return shown.verdict


def _textbook(found: Sequence[Channel], asked: Asked) -> Textbook | None:
    """The crude difference in what the headline is of."""
    _, first = _shown(found, asked)[0]
    if first.crude is None:
        return None
    title = first.outcome.title
    words = f"{title[0].lower()}{title[1:]}, exposed minus others, not adjusted"
    return Textbook(first.crude.value, None, first.crude.exposed, words, first.outcome.unit)


def _moved(found: Sequence[Channel], asked: Asked) -> list[Caveat]:
    """What no channel can have moved and yet differs, whichever way, with its interval."""
    d = asked.length
    what = {
        "placebo": f"the placebo (active days {3 * d} to {2 * d + 1} days before)",
        "control": f"the negative control ({asked.control})",
    }
    return [
        Caveat("control-moved", f"{c.name}: {what[name]} moved as well, by {_with_limits(check)}")
        for c in found for name, check in c.checks.items() if check and moved(check)
    ]  # fmt: skip


def _with_limits(found: Difference) -> str:
    low, high = (f"{limit or 0.0:+.2f}" for limit in (found.low, found.high))
    return f"{found.value:+.2f} (95 %: {low} to {high})".replace("-", "−")


def _channels_table(found: Sequence[Channel]) -> Table:
    lines: list[Row] = [
        {
            "item": c.name, "verdict": c.verdict, "exposed": c.exposed,
            "overlap": ratio(c.matched, c.exposed), "controls": c.controls,
            "later": ratio(c.later, c.controls), "balance_before": c.balance[0],
            "balance_after": c.balance[1], "level": c.level,
        }
        for c in found
    ]  # fmt: skip
    columns = (
        Column("item", "Channel", "text"),
        Column("verdict", "Verdict", "text"),
        Column("exposed", "Exposed", "users"),
        Column("overlap", "Have others like them", "share"),
        Column("controls", "Others' days"),
        Column("later", "Exposed soon after", "share"),
        Column("balance_before", "Imbalance, crude"),
        Column("balance_after", "Imbalance, adjusted"),
        Column("level", "Alike in", "text"),
    )
    return Table("channels", "Channels, and who is compared", columns, tuple(lines))


def _outcome_tables(found: Sequence[Channel], asked: Asked) -> list[Table]:
    return [_outcome_table(found, i, o) for i, o in enumerate(outcomes(asked))]


def _outcome_table(found: Sequence[Channel], place: int, outcome: Outcome) -> Table:
    lines: list[Row] = []
    for channel in found:
        j = channel.judged[place]
        lines.append(
            {
                "item": channel.name,
                "mean": j.found.mean if j.found else None,
                "others": j.found.others if j.found else None,
                "crude": estimate(j.crude, outcome.unit),
                "adjusted": estimate(j.found, outcome.unit),
                **_own_cells(channel, j),
                "q": j.q,
                "verdict": j.verdict,
                "reason": j.reason,
            }
        )
    level: Unit = "share" if outcome.unit == "pp" else outcome.unit
    columns = [
        Column("item", "Channel", "text"),
        Column("verdict", "Verdict", "text"),
        Column("adjusted", "More, adjusted", outcome.unit),
        Column("crude", "More, crude", outcome.unit),
        Column("mean", "Exposed", level),
        Column("others", "Others like them", level),
        *_own_columns(outcome),
        Column("q", "q", "p"),
        Column("reason", "Because", "text"),
    ]
    return Table(outcome.name, outcome.title, tuple(columns), tuple(lines))


def _own_columns(outcome: Outcome) -> list[Column]:
    """What only one outcome has."""
    if outcome.name == "adoption":
        ratio = Column("ratio", "Times, adjusted", "ratio")
        return [ratio, Column("same_day", "On the day itself", "users")]
    if outcome.name == "active_days":
        return [Column("after", "More after, crude", outcome.unit)]
    return []


def _own_cells(channel: Channel, one: Judged) -> dict[str, Cell]:
    found = one.found
    if one.outcome.name == "adoption":
        ratio = Estimate(None, None, 0)
        if found and found.ratio:
            ratio = Estimate(found.ratio[0], None, found.exposed, *found.ratio[1:])
        return {"ratio": ratio, "same_day": channel.same_day}
    return {"after": estimate(channel.after)} if one.outcome.name == "active_days" else {}


def _checks_table(found: Sequence[Channel], asked: Asked) -> Table:
    d = asked.length
    lines: list[Row] = [
        {"item": c.name, **{name: estimate(check) for name, check in c.checks.items()}}
        for c in found
    ]
    columns = [
        Column("item", "Channel", "text"),
        Column("placebo", f"Active days, {3 * d} to {2 * d + 1} days before", "days"),
        *([Column("control", f"Uptick in {asked.control}", "events")] if asked.control else []),
    ]
    title = "What no channel should have moved: differences, adjusted"
    return Table("checks", title, tuple(columns), tuple(lines))
