"""All sources as one frame of canonical events: user, event, time, and what is wanted beside."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from adoptcli.definitions import Source
from adoptcli.errors import AdoptError, DataProblem
from adoptcli.source import diagnose, dumps, frames, oddities, parts
from adoptcli.source.addresses import is_remote
from adoptcli.source.convert import readable
from adoptcli.source.expand import Search, expand
from adoptcli.source.files import File, among
from adoptcli.source.folders import Cut
from adoptcli.source.ndjson import WAYS, looser
from adoptcli.source.parts import BESIDE, Needed, Part, text_of
from adoptcli.source.scan import scans
from adoptcli.source.steady import as_begun, steady
from adoptcli.timeframe import DAY_MS, to_date

__all__ = ["Canonical", "Gathered", "Needed", "Part", "gather", "look", "read", "text_of"]

Settle = Callable[[Source, Sequence[File]], tuple[Source, list[str]]]

LOOKED_AT = 5  # shapes of JSON whose first rows are looked through for keys that repeat
MARGIN = 1  # days of more folders, for zones and rows that come late


@dataclass(frozen=True)
class Unread:
    """What was in dated folders that are too old.

    Attributes:
        files: How many files.
        start: The first day that was read whole.
        lookback: How far the source looks back, as the YAML has it.
    """

    files: int
    start: int
    lookback: str

    @property
    def before(self) -> str:
        """Of when the files are, and what comes of it."""
        day = to_date(self.start).isoformat()
        why = f"source.lookback {self.lookback}"
        return f"of before {day} ({why}): who came before counts from then on"


@dataclass(frozen=True)
class Canonical:
    """Canonical events, not yet read.

    Attributes:
        frame: user, event (texts or null), time (Int64 ms or null); as needed account, session,
            anonymous and p.<property> (texts or null), id (UInt64 hash or null), received (Int64 ms
            or null), part.
        found: Which of account, session, id, anonymous, received some source has.
        found_properties: Which of the properties some source has.
        possible_properties: Those, and which rows further down may have.
        columns_found: All columns of all sources.
        notes: What to say aloud.
        naive: Some timestamps have no zone.
        date_only: No timestamp has a time of day.
        weighted: Some rows stand for several events, whose moments are not known.
        preferring: Some repeats are told apart by more than their time.
        sources: The sources as they were read, presets and all.
        unread: What was too old to be read, by source.
        grown: How many files somebody was writing to.
        rejected: Broken CSV lines that were set aside: file, line, reason, text.
    """

    frame: pl.LazyFrame
    parts: tuple[Part, ...]
    needed: Needed
    zone: str
    found: frozenset[str]
    found_properties: frozenset[str]
    possible_properties: frozenset[str]
    columns_found: tuple[str, ...]
    notes: tuple[str, ...] = ()
    naive: bool = False
    date_only: bool = False
    weighted: bool = False
    preferring: bool = False
    rejected: tuple[tuple[str, int, str, str], ...] = field(default=())
    sources: tuple[Source, ...] = ()
    unread: tuple[Unread, ...] = ()
    grown: int = 0

    @property
    def files(self) -> list[File]:
        """Every file that is read."""
        return [file for part in self.parts for file in part.scan.files]

    @property
    def bad_lines(self) -> int:
        """How many broken lines were set aside."""
        return len(self.rejected)

    @property
    def open_ended(self) -> bool:
        """Rows may be of other kinds than the first ones, as in NDJSON."""
        return any(part.open_ended for part in self.parts)

    @property
    def columnar(self) -> bool:
        """Each column can be read without the others, as often as one likes."""
        parquet = all(part.scan.kind == "parquet" and not part.scan.explode for part in self.parts)
        return parquet and not self.weighted and not any(is_remote(f.path) for f in self.files)

    def rows(self) -> int | None:
        """How many rows there are, where the files say so."""
        counts = [part.scan.rows for part in self.parts]
        return None if None in counts else sum(filter(None, counts))

    def thorough(self) -> Canonical:
        """The same events, every text and JSON object read in the general way."""
        return self._again([replace(part, way="text") for part in self.parts])

    def about(self) -> int:
        """About how many rows there are; exactly, where they stand for several or none tells."""
        if any(part.weight or part.scan.explode for part in self.parts):
            return int(self.frame.select(pl.len()).collect().item())
        return sum(part.scan.about() for part in self.parts)

    def trimmed(self) -> Canonical:
        """The same events, no text with space around it."""
        return replace(self, needed=replace(self.needed, trim=True))._again(self.parts)

    def looser(self) -> Canonical | None:
        """The same events for JSON rows that are odd; None where rows may be so already."""
        strictest = min((part.way for part in self.parts), key=WAYS.index)
        further = looser(strictest)
        if further is None:
            return None
        parts = [replace(p, way=further) if p.way == strictest else p for p in self.parts]
        return self._again(parts)

    def _again(self, parts: Sequence[Part]) -> Canonical:
        frame = _frame(parts, self.needed, self.zone)
        return replace(self, parts=tuple(parts), frame=frame)

    def broken(self, error: BaseException) -> AdoptError:
        """The problem behind a read that failed."""
        return diagnose.broken([part.scan for part in self.parts], error)

    def rejects(self) -> pl.DataFrame:
        """The original rows that cannot be used, with `file` and `reason`.

        These two have a `_` behind them where the log has such a column itself.
        """
        file, reason = (_another(name, self.columns_found) for name in ("file", "reason"))
        with steady(self.files):
            found = [frames.rejects(part, self.zone, file, reason) for part in self.parts]
        lines = pl.DataFrame(
            [(name, why, text, number) for name, number, why, text in self.rejected],
            schema={file: pl.String, reason: pl.String, "text": pl.String, "line": pl.Int64},
            orient="row",
        )
        return pl.concat([*found, lines] if self.rejected else found, how="diagonal_relaxed")


@dataclass(frozen=True)
class Gathered:
    """Sources as they hold, presets and all, and the files of each.

    Attributes:
        notes: What to say aloud.
        unread: What was too old to be read, by source.
        grown: How many files are copies, since somebody was writing to them.
    """

    sources: tuple[Source, ...]
    files: tuple[tuple[File, ...], ...]
    notes: tuple[str, ...] = ()
    unread: tuple[Unread, ...] = ()
    grown: int = 0

    @property
    def all(self) -> list[File]:
        """Every file."""
        return [file for files in self.files for file in files]

    def as_begun(self, tmp: Path | None) -> Gathered | None:
        """The same with what has grown as it was at the first look; None where nothing has."""
        made = [as_begun(files, tmp) for files in self.files]
        both = zip(self.all, itertools.chain(*made), strict=True)
        grown = [old.name for old, new in both if old is not new]
        if not grown:
            return None
        note = (
            f"read as far as it went at the first look: {among(grown)}, to which is being written"
        )
        told, more = (*self.notes, note), self.grown + len(grown)
        return replace(self, files=tuple(made), notes=told, grown=more)


def gather(
    sources: Sequence[Source], paths: Sequence[str], base: Path | None, tmp: Path | None = None,
    settle: Settle | None = None, since_day: int | None = None,
) -> Gathered:  # fmt: skip
    """Find the files.

    Args:
        sources: The YAML's sources; the paths belong to the first.
        paths: Files of the command line, relative to the working directory.
        base: Folder of the YAML, for the files that it names.
        tmp: Folder for temporary files.
        settle: What is to hold of a source, asked before and after its files are known, and what
            to say of that.
        since_day: The first day shown: dated folders that are older than a source's lookback are
            not read.

    Raises:
        DataProblem: Files are missing or unreadable.
    """
    notes: list[str] = []
    settled: list[tuple[Source, tuple[File, ...]]] = []
    unread: list[Unread] = []
    for i, source in enumerate(sources):
        given = paths if i == 0 and paths else source.files
        if settle is not None:
            source, said = settle(source, ())
            notes += said
        start = _start(source, since_day)
        cut = None if start is None else Cut(start - MARGIN)
        near = None if i == 0 and paths else base
        files = expand(given, Search(near, source.format, tmp, notes, cut))
        if start is not None and cut and cut.files:
            written = source.model_dump(mode="json", include={"lookback"})["lookback"]
            unread.append(Unread(cut.files, start, written))
            some = "file" if cut.files == 1 else "files"
            notes.append(f"not read: {cut.files:,} {some} {unread[-1].before}")
        if not files:
            raise DataProblem(
                "no-files", "no event file is named",
                "give one on the command line, or in the YAML: source: {files: [events.csv]}",
            )  # fmt: skip
        files = readable(dumps.latest(files, notes, tmp), tmp)
        if settle is not None:
            source, said = settle(source, files)
            notes += said
        settled.append((source, tuple(files)))
    return Gathered(
        tuple(s for s, _ in settled), tuple(f for _, f in settled), tuple(notes), tuple(unread)
    )


def _start(source: Source, since_day: int | None) -> int | None:
    """The first day that is read whole, where the source has a lookback and there is a --since."""
    if since_day is None or source.lookback is None:
        return None
    return since_day - -(-source.lookback // DAY_MS)


def read(
    sources: Sequence[Source], paths: Sequence[str], base: Path | None, needed: Needed,
    zone: str, tmp: Path | None = None, settle: Settle | None = None,
) -> Canonical:  # fmt: skip
    """Find the files, and say how to read them: `gather`, then `look`."""
    return look(gather(sources, paths, base, tmp, settle), needed, zone, tmp)


def look(gathered: Gathered, needed: Needed, zone: str, tmp: Path | None = None) -> Canonical:
    """Look at the files' columns and first rows, and say how to read them.

    Args:
        gathered: The sources and their files.
        needed: What to read beside user, event and time.
        zone: The report's zone, for plain dates.
        tmp: Folder for temporary files.

    Raises:
        DataProblem: Files are unreadable, or without the columns that are needed.
    """
    found_parts: list[Part] = []
    notes = list(gathered.notes)
    rejected: list[tuple[str, int, str, str]] = []
    guesses: dict[str, str] = {}
    for source, files in zip(gathered.sources, gathered.files, strict=True):
        for scan in scans(files, source, notes):
            if scan.kind == "ndjson" and len(found_parts) < LOOKED_AT:
                notes += filter(None, [oddities.repeated_keys(scan.files[0])])
            if source.on_bad_lines == "reject" and scan.kind in ("csv", "tsv"):
                scan, bad = diagnose.without_bad_lines(scan, tmp)
                rejected += bad
            part = parts.make(scan, source, needed.properties, received=needed.received)
            found_parts.append(part)
            guesses.setdefault(_guessed(part), part.scan.files[0].name)
    notes += [f"columns guessed in {name}: {said}" for said, name in guesses.items() if said]
    made = _canonical(found_parts, needed, zone, notes, rejected)
    return replace(made, sources=gathered.sources, unread=gathered.unread, grown=gathered.grown)


def _canonical(
    some: Sequence[Part], needed: Needed, zone: str, notes: Sequence[str],
    rejected: Sequence[tuple[str, int, str, str]],
) -> Canonical:  # fmt: skip
    found = {n for part in some for n in (*BESIDE, "received") if n in part.columns}
    found |= {"id"} if any(part.key for part in some) else set()
    return Canonical(
        frame=_frame(some, needed, zone),
        parts=tuple(some),
        needed=needed,
        zone=zone,
        found=frozenset(found),
        found_properties=frozenset(name for part in some for name in part.seen),
        possible_properties=frozenset(name for part in some for name, _ in part.properties),
        columns_found=tuple(dict.fromkeys(n for part in some for n in part.scan.names)),
        notes=tuple(dict.fromkeys(notes)),
        naive=any(part.naive for part in some),
        date_only=all(part.date_only for part in some),
        weighted=any(part.weight for part in some),
        preferring=needed.id and any(part.prefer and part.key for part in some),
        rejected=tuple(rejected),
    )


def _another(name: str, taken: Collection[str]) -> str:
    """The name, unlike those that are taken."""
    return _another(f"{name}_", taken) if name in taken else name


def _guessed(part: Part) -> str:
    """What was guessed of a part's columns."""
    return ", ".join(f"{ours} = {part.columns[ours][0].text}" for ours in part.guessed)


def _frame(some: Sequence[Part], needed: Needed, zone: str) -> pl.LazyFrame:
    """The events of all parts; with the number of the part, if that is needed."""
    made = [frames.frame(part, needed, zone) for part in some]
    if needed.part:
        made = [f.with_columns(part=_numbered(part, i))
                for i, (f, part) in enumerate(zip(made, some, strict=True))]  # fmt: skip
    return made[0] if len(made) == 1 else pl.concat(made, how="diagonal")


def _numbered(part: Part, number: int) -> pl.Expr:
    """The number of a part; null for rows that are the repeats of a counted one."""
    found = pl.lit(number, dtype=pl.UInt16)
    return pl.when(pl.col("weight") == 0).then(found) if part.weight else found
