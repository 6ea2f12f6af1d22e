"""A page a source, and the sheet before them that is about all sources together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from adoptcli.quality.duplicates import Duplicates
from adoptcli.quality.lateness import Clock, Lateness
from adoptcli.quality.schema import Shapes
from adoptcli.quality.superhuman import Crowd, Superhuman
from adoptcli.quality.tracking import Turn
from adoptcli.quality.volume import Volume
from adoptcli.results import Caveat, SourceSummary


@dataclass(frozen=True)
class Page:
    """What is to be said of one source.

    Attributes:
        name: Its preset, or its first file.
        span: Local days of the first and the last row that counts; None where none does.
        set_aside: Rows that cannot count, by reason.
        anonymous: Usable rows without user.
        exact: Rows that are the same in all that is read count once (`dedupe: exact`).
        timed: Its timestamps have a time of day.
        received: Some column tells when rows were received.
        late, clock: None where nothing is known of the receipt.
        volume, turns: Of the rows of persons; None where there are none.
        crowd: Who did something, but for what the YAML excludes.
    """

    name: str
    files: int
    rows: int
    span: tuple[int, int] | None
    shapes: Shapes
    set_aside: Mapping[str, int]
    anonymous: int
    duplicates: Duplicates
    exact: bool
    timed: bool
    received: bool
    late: Lateness | None
    clock: Clock | None
    volume: Volume | None
    turns: tuple[Turn, ...]
    crowd: Crowd
    superhuman: Superhuman


@dataclass(frozen=True)
class Validated:
    """What the YAML and the data hold.

    Attributes:
        source: What was read and what was set aside, of all sources.
        keyed: Some source has event ids.
        shared: Event ids that several users have.
        traits: Where each trait was found.
        events: How often each event occurs, without repeats.
        not_computed: Why, of metrics that are not.
        pages: One a source.
    """

    version: str
    as_of: str
    time_zone: str
    source: SourceSummary
    keyed: bool
    shared: int
    traits: Mapping[str, str]
    events: Mapping[str, int]
    caveats: tuple[Caveat, ...]
    not_computed: Mapping[str, str]
    pages: tuple[Page, ...]
