"""What things are: the vocabulary of the YAML that several metrics share.

Every reference to an event is an `EventRef`, wherever it stands, so that the loader can gather them
all: they decide which properties are read and what an event's code is.
"""

from __future__ import annotations

from adoptcli.definitions.base import (
    Days,
    Duration,
    LocalDate,
    Model,
    Name,
    Scalar,
    Zone,
    as_list,
)
from adoptcli.definitions.events import (
    Answer,
    Criterion,
    EventRef,
    EventRefs,
    Feature,
    PropertyRef,
    Signup,
)
from adoptcli.definitions.source import (
    Alternative,
    Alternatives,
    Columns,
    Dedupe,
    Identity,
    Keep,
    Members,
    Ours,
    Pair,
    Source,
    Told,
)
from adoptcli.definitions.tables import (
    Accounts,
    Exclude,
    Segment,
    Users,
)
from adoptcli.definitions.whole import (
    Definitions,
    named_numbers,
    named_traits,
    parts,
    references,
)

__all__ = [
    "Accounts",
    "Alternative",
    "Alternatives",
    "Answer",
    "Columns",
    "Criterion",
    "Days",
    "Dedupe",
    "Definitions",
    "Duration",
    "EventRef",
    "EventRefs",
    "Exclude",
    "Feature",
    "Identity",
    "Keep",
    "LocalDate",
    "Members",
    "Model",
    "Name",
    "Ours",
    "Pair",
    "PropertyRef",
    "Scalar",
    "Segment",
    "Signup",
    "Source",
    "Told",
    "Users",
    "Zone",
    "as_list",
    "named_numbers",
    "named_traits",
    "parts",
    "references",
]
