"""Round 0: from files and definitions to the plan that every bucket follows."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from adoptcli import progress, temporary
from adoptcli.config.model import hash_of
from adoptcli.context import Context, Unit, Vocabulary
from adoptcli.definitions import (
    Definitions,
    EventRef,
    Model,
    PropertyRef,
    named_numbers,
    references,
)
from adoptcli.errors import DataProblem, UsageProblem
from adoptcli.metrics import get_metric
from adoptcli.runner import beside, encoding, members, people, presets, traits
from adoptcli.runner.beside import Beside
from adoptcli.runner.sizing import Sizing, sized
from adoptcli.runner.vocabulary import named_events, vocabulary, wanted_conditions
from adoptcli.source.events import Canonical, Gathered, Needed, gather, look
from adoptcli.source.steady import steady
from adoptcli.timeframe import Period
from adoptcli.timeline.beside import Tables
from adoptcli.timeline.build import Plan
from adoptcli.timeline.dictionary import Dictionary
from adoptcli.timeline.encode import Encoded, Wanted
from adoptcli.timeline.pack import Layout
from adoptcli.timeline.survey import Survey, survey

if TYPE_CHECKING:
    from adoptcli.runner.spark.reading import Reading

BURN_IN = 30
UNUSABLE = ("unreadable-time", "no-event")
DATE_MIN, DATE_MAX = -719_162, 2_932_896  # 0001-01-01 and 9999-12-31 as day numbers


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the command line and the YAML ask for; days are day numbers, `until_day` exclusive.

    `place_of` says where in the YAML a word stands, as the beginning of a message. `more` are parts
    of the YAML beside the metrics' whose traits are read too. For `quality` rows keep which files'
    they are, and when they were received. With a `master` Spark does the `reading`.
    """

    paths: Sequence[str] = ()
    definitions: Definitions
    settings: Mapping[str, Any]
    metrics: Sequence[str]
    base: Path | None = None
    segments: Sequence[tuple[str, ...]] = ()
    unit: Unit = "user"
    period: Period | None = None
    since_day: int | None = None
    until_day: int | None = None
    as_of_day: int | None = None
    shards: int | None = None
    master: str | None = None
    reading: Reading | None = None
    tmp: Path | None = None
    place_of: Callable[[str], str] = lambda word: ""
    more: Sequence[Model] = ()
    quality: bool = False


@dataclass
class Prepared:
    """A plan, and what reading has to tell. Closing it lets go of the buckets.

    Where actors are accounts, `no_account` counts the rows that are no account's, and `memberships`
    by how much the users' accounts exceed one each; `lacking` are traits that only users have,
    `named` the events that the YAML names, where a metric asked for needs them. `merged` says how
    many ids became how many people, `shared` how many ids of too many people were left alone.
    `definitions` is the hash of what held, presets and all.
    """

    plan: Plan
    canonical: Canonical
    users: pl.DataFrame | None
    accounts: pl.DataFrame | None
    folder: Path | None = None
    no_account: int = 0
    memberships: int = 0
    lacking: frozenset[str] = frozenset()
    named: tuple[EventRef, ...] = ()
    merged: people.Merged = field(default_factory=people.Merged)
    shared: int = 0
    definitions: str = ""

    def close(self) -> None:
        """Remove the bucket files, and let go what a cluster holds."""
        if self.plan.encoded.cluster is not None:
            self.plan.encoded.cluster.close()
        if self.folder is not None:
            temporary.remove(self.folder)


def prepare(request: Request) -> Prepared:
    """Read the source once and find everything that the buckets must share.

    Raises:
        DataProblem: Nothing can be read or counted, or too much of it cannot.
        UsageProblem: The segment asked for is nowhere.
    """
    d, settled = request.definitions, presets.Settled(request.base)

    def find(paths: Sequence[str]) -> Gathered:
        return gather(d.source, paths, request.base, request.tmp, settled.settle, request.since_day)

    with ExitStack() as undo:
        if request.master:
            reading, gathered = _on_spark(request, find, undo)
            request = replace(request, reading=reading)
        else:
            gathered = find(request.paths)
        d = d.model_copy(update={"source": list(gathered.sources)})
        made = _steadily(replace(request, definitions=d), settled, gathered)
        made.definitions = hash_of(d, settled.roles(d))
        undo.pop_all()
        return made


def _steadily(request: Request, settled: presets.Settled, gathered: Gathered) -> Prepared:
    """Read the files; again, as far as they went at first, where somebody has written on."""
    with ExitStack() as undo:
        try:
            with steady(gathered.all):
                made = _prepared(request, settled, gathered, undo)
        except DataProblem:
            begun = gathered.as_begun(request.tmp)
            if begun is None:
                raise
        else:
            undo.pop_all()
            return made
    return _steadily(request, settled, begun)


def _prepared(
    request: Request, settled: presets.Settled, gathered: Gathered, undo: ExitStack
) -> Prepared:
    """The plan; what is to be removed where it fails goes to `undo`."""
    tables = beside.read(request)
    canonical, wanted = _read(request, tables, gathered)
    told = progress.watched() and request.reading is None  # Spark's files are not looked at here
    progress.step(progress.READING, canonical.rows() if told else None)
    canonical = beside.identified(request, tables, canonical)
    d = people.excluding(request.definitions, tables.identities)
    request = replace(request, definitions=d)
    if request.reading is not None:
        from adoptcli.runner.spark import shuffle

        folder, reading = None, request.reading
        encoded, dictionaries = shuffle.encoded(reading, canonical, wanted, tables, request)
        assert encoded.cluster is not None
        undo.callback(encoded.cluster.close)
        sizing = Sizing(encoded.files, None, 0)
    else:
        sizing = sized(
            request.shards, canonical, wanted, tables.size(), by_account=_by_accounts(request)
        )
        folder = temporary.folder(request.tmp) if sizing.files > 1 else None
        if folder is not None:
            undo.callback(temporary.remove, folder)
        encoded, dictionaries = encoding.encoded(canonical, wanted, tables, sizing, folder)
    texts = encoded.dictionaries["event"].texts(encoded.size("event")).to_list()
    d = settled.with_roles(d, texts)
    request = replace(request, definitions=d)
    return _plan(request, canonical, wanted, tables, encoded, dictionaries, folder, d, sizing)


def _on_spark(
    request: Request, find: Callable[[Sequence[str]], Gathered], undo: ExitStack
) -> tuple[Reading, Gathered]:  # fmt: skip
    from adoptcli.runner.spark import reading

    return reading.opened(request, find, undo)


def _read(request: Request, tables: Beside, gathered: Gathered) -> tuple[Canonical, Wanted]:
    """The canonical events with all that is wanted beside user, event and time."""
    d = request.definitions
    refs = _references(request)
    bits = wanted_conditions(refs, named_events(d))
    event_traits = [name for name, place in tables.places.items() if place == "events"]
    signup = d.signup.property if isinstance(d.signup, PropertyRef) else None
    session = getattr(request.settings.get("sessions"), "by", "gap") == "session"
    values = sorted({*named_numbers(_parts(request))})
    properties = {c.property for c in bits} | {*event_traits, *values}
    properties |= {signup} if signup else set()
    needed = Needed(
        properties=tuple(sorted(properties)),
        account=True,
        session=session and "sessions" in request.metrics,
        id=True,
        anonymous=True,
        received=request.quality,
        part=request.quality,
        trim=request.master is not None or d.dedupe == "exact",  # equal is what is equal trimmed
    )
    canonical = look(gathered, needed, d.time_zone, request.tmp)
    for name in event_traits:
        if name not in canonical.found_properties:
            beside.without(name, request, canonical, tables)
    if needed.session and "session" not in canonical.found:
        raise DataProblem(
            "no-session-column",
            "sessions.by is 'session', but no session column was found",
            "name it in source.columns.session, or set sessions.by to 'gap'",
        )
    if signup and signup not in canonical.found_properties:
        raise DataProblem(
            "no-signup-property",
            f"no event has the property {signup!r} (signup.property)",
            f"the columns are: {', '.join(canonical.columns_found)}",
        )
    wanted = Wanted(
        account="account" in canonical.found or request.unit == "account",
        session=needed.session,
        id="id" in canonical.found,
        prefer=canonical.preferring,
        nth=canonical.weighted and "id" in canonical.found,
        exact=d.dedupe == "exact",
        traits=tuple(name for name in event_traits if name in tables.places),
        signup=signup,
        conditions=bits,
        values=tuple(name for name in values if name in canonical.possible_properties),
        unit=request.unit,
        part=request.quality,
        received="received" in canonical.found,
    )
    return canonical, wanted


def _parts(request: Request) -> list[object]:
    """The definitions, and the sections of the metrics and of those that they use."""
    d, names = request.definitions, set(request.metrics)
    asked = [get_metric(name) for name in request.metrics]
    names |= {other for metric in asked for other in (*metric.needs, *metric.uses)}
    parts: list[object] = [getattr(d, name) for name in Definitions.model_fields]
    return parts + [request.settings[name] for name in sorted(names)]


def _references(request: Request) -> list[EventRef]:
    """Every event that the definitions, the metrics' sections and those that they use name."""
    return [*references(_parts(request))]


def _plan(
    request: Request, canonical: Canonical, wanted: Wanted, tables: Beside, encoded: Encoded,
    dictionaries: dict[str, Dictionary], folder: Path | None, d: Definitions, sizing: Sizing,
) -> Prepared:  # fmt: skip
    named = {ref.event for ref in references([*_parts(request), *request.settings.values()])}
    exclude = presets.excluded(d, named, encoded.dictionaries["event"], encoded.size("event"))
    grace = max((source.grace or 0 for source in d.source), default=0)
    start = max((unread.start for unread in canonical.unread), default=None)
    found = survey(
        encoded,
        exclude,
        d.calendar,
        request.as_of_day,
        canonical.date_only,
        grace,
        start,
        nobody=request.quality,
    )
    found = presets.weightless(found, encoded) if canonical.weighted else found
    _enough(found, d)
    words, atoms = vocabulary(encoded, found, wanted.conditions, named_events(d))
    coded = traits.coded(tables.users, tables.accounts, tables.places, dictionaries, d)
    coded = traits.without(coded, d.exclude, dictionaries)
    sizes = {
        name: encoded.size(name, [coded.users, coded.accounts])
        for name in dictionaries
        if name not in ("user", "event")
    }
    order, labels = traits.ranks(dictionaries, sizes)
    tabled = traits.ranked(coded, order)
    context = _context(request, found, words, labels, tabled)
    ids = _size(encoded, coded)
    pieces = found.rows if request.quality else 0
    least = sizing.buckets(
        encoded, ids, found.needed(encoded.columns), pieces, _sums(request, sizes)
    )
    layout = Layout.fit(
        ids, found.start, found.as_of, len(words.atoms),
        itertools.dropwhile(lambda n: n < least, encoded.partings()),
    )  # fmt: skip
    plan = Plan(
        encoded, found, layout, tabled, atoms, len(wanted.conditions), order, context,
    )  # fmt: skip
    made = Prepared(
        plan, canonical, tables.users, tables.accounts, folder,
        lacking=frozenset(tables.lacking), named=tuple(_references(request)),
        merged=people.merged(encoded), shared=tables.shared,
    )  # fmt: skip
    if request.unit == "account":
        made.no_account, made.memberships = members.beyond_one(encoded, found)
    return made


def _by_accounts(request: Request) -> bool:
    """Whether some metric has sums of each account."""
    return any(get_metric(name).by_account for name in request.metrics)


def _sums(request: Request, sizes: Mapping[str, int]) -> int:
    """How many accounts, or values that actors are split by, have sums of their own."""
    split = [sizes.get(f"trait.{name}", 0) for names in request.segments for name in names]
    return max([sizes["account"] if _by_accounts(request) else 0, *split])


def _size(encoded: Encoded, tables: Tables) -> int:
    """One more than the highest code of an actor."""
    if encoded.unit == "user":
        return encoded.size("user", [tables.users])
    return encoded.size("account", [tables.users, tables.accounts])


def _enough(found: Survey, d: Definitions) -> None:
    """Stop where more of the rows than `max_rejected` cannot be used."""
    bad = sum(found.set_aside.get(r, 0) for r in UNUSABLE)
    if not found.rows or bad / found.rows <= d.max_rejected:
        return
    reasons = ", ".join(
        f"{n:,} {reason}" for reason, n in found.set_aside.items()
        if reason in UNUSABLE
    )  # fmt: skip
    raise DataProblem(
        "too-many-rejected",
        f"{bad:,} of {found.rows:,} rows ({bad / found.rows:.1%}) cannot be used: {reasons}",
        "look at them with --rejects FILE; name source.timestamp_format where it is unusual; "
        "or raise it in the YAML, such as max_rejected: 20%",
    )


def _by_account(accounts: pl.DataFrame, name: str) -> dict[int, Any]:
    """What is known of accounts, by their place among the sorted ids."""
    known = accounts.select("account", name).drop_nulls().sort("account")
    return dict(known.iter_rows())


def _context(
    request: Request, found: Survey, words: Vocabulary, labels: Mapping[str, tuple[str, ...]],
    tables: Tables,
) -> Context:  # fmt: skip
    d = request.definitions
    told = [tables.users, *([tables.accounts] if request.unit == "account" else [])]
    in_table = any(table["table_signup"].drop_nulls().len() for table in told)
    stated = d.signup is not None or in_table
    burn_in = d.burn_in if d.burn_in is not None else (0 if stated else BURN_IN)
    since = request.since_day if request.since_day is not None else DATE_MIN
    until = request.until_day if request.until_day is not None else DATE_MAX
    context = Context(
        definitions=d,
        settings=request.settings,
        calendar=d.calendar,
        period=request.period or d.period,
        as_of_day=found.as_of_day,
        as_of=found.as_of,
        first_day=found.first_day,
        since_day=since,
        until_day=until,
        vocabulary=words,
        signup_known=stated,
        burn_in_end=found.first_day + burn_in,
        unit=request.unit,
        tabled=(d.users if request.unit == "user" else d.accounts) is not None,
        accounts=labels["account"],
        seats=_by_account(tables.accounts, "seats"),
        mrr=_by_account(tables.accounts, "mrr"),
        listed=frozenset(tables.accounts["account"].drop_nulls().to_list()),
        account_ends=_by_account(tables.accounts, "cancelled"),
        traits={n.removeprefix("trait."): v for n, v in labels.items() if n != "account"},
        account_traits=frozenset(n for n, place in tables.places.items() if place == "accounts"),
        segments=tuple(request.segments),
    )
    if context.end_day <= context.shown_from:
        label = context.calendar.label
        raise UsageProblem(
            "nothing-shown",
            "no day of the data is left between --since and --until",
            f"the data run from {label(found.first_day, 'day')} to {label(found.last_day, 'day')}",
        )
    return context
