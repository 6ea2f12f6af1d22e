"""What a rule is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from adoptcli.findings.figures import At, Count


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One thing to find.

    Attributes:
        code: Its name, for machines.
        metric: The metric it looks at.
        at: Which of its figures.
        below, above: The threshold and on which side of it the interval must lie; a name is a key
            of the metric's settings.
        says: What is the matter; names in braces are replaced.
        more: (table, measure, text) added for the table's item with the largest share, `{most}`.
        advice: What to do about it.
        audience: The list of people to act on, for `adoptcli audience`: those whom the sentence
            counts, or, where it is about a rate, those whom `lists` names.
        listed: How many are on the list; else those whom the figure touches. Where that is nobody,
            there is no list, and `lists` is not said.
        lists: Who is on the list, `{people}`, added to the sentence.
        topic: The kind of list, where the list's name does not say it.
        of_members: The figure counts members of accounts, who have no list where actors are these.
        when: What the words of the figure must be like.
        period: The length of period that the threshold is meant for; empty: any.
        flow: It compares times, so that a day on which the volume collapsed spoils it.
        of_accounts: It counts accounts, not users.
        unless: Code of a finding that says the same and more.
        least: The smallest change or difference worth telling, relative to the value before or
            the rest's: among very many people the interval of a trifle excludes 0.
        leans: Other metrics that the figure rests on, whose caveats count as well.
    """

    code: str
    metric: str
    at: At
    below: float | str | None = None
    above: float | str | None = None
    says: str
    more: tuple[str, str, str] | None = None
    advice: str
    audience: str
    listed: Count | None = None
    lists: str = ""
    topic: str = ""
    of_members: bool = False
    when: Callable[[Mapping[str, object]], bool] | None = None
    period: str = ""
    flow: bool = False
    of_accounts: bool = False
    unless: str = ""
    least: float = 0.0
    leans: tuple[str, ...] = ()
