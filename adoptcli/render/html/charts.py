"""Which drawings there are: each a line that says what of which table is drawn, and how."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Chart:
    """One drawing.

    Attributes:
        metric: Whose.
        table: Which of its tables.
        kind: How it is drawn: one of `kinds.KINDS`.
        title: Its heading.
        x: The key column along the axis, or that names the bars.
        y: The columns drawn; several become series.
        by: The key column whose values are the series.
        each: The key column whose values get a drawing each.
        label: The column that names the bars, where that is not `x`.
        band: Two columns that bound the shaded band, where it is no 95 % interval.
        down: The columns of `y` that are drawn below zero.
        latest: Draw only the rows of the last period.
        wide: Worth two columns of the page.
    """

    metric: str
    table: str
    kind: str
    title: str
    x: str
    y: tuple[str, ...]
    by: str = ""
    each: str = ""
    label: str = ""
    band: tuple[str, str] | None = None
    down: tuple[str, ...] = ()
    latest: bool = False
    wide: bool = False


_QUADRANT = ("champions", "adopted_not_engaged", "busy_not_adopted", "neither")

CHARTS = (
    Chart("activation", "cohorts", "line", "Activation by sign-up month", "cohort", ("activated",)),
    Chart("activation", "lacking", "bars", "What the others lack", "item", ("lacking",)),
    Chart("time_to_value", "curve", "survival", "Activated by (times not to scale)", "step",
          ("activated",), wide=True),
    Chart("time_to_value", "histogram", "stack", "Time until activated", "step",
          ("arrived", "waiting")),
    Chart("time_to_value", "cohorts", "line", "Median time, by sign-up month", "cohort",
          ("median",)),
    Chart("feature_adoption", "features", "bars", "Feature adoption", "item", ("share_of_active",)),
    Chart("feature_adoption", "trend", "line", "Feature adoption over time", "period", ("tried",),
          by="item"),
    Chart("feature_adoption", "curve", "line", "Tried since launch", "step", ("tried",), by="item"),
    Chart("feature_adoption", "breadth", "columns", "How many features are used", "step",
          ("actors",)),
    Chart("onboarding", "steps", "bars", "Onboarding, step by step", "item", ("done",)),
    Chart("onboarding", "cohorts", "line", "Onboarding by sign-up month", "cohort",
          ("started", "finished")),
    Chart("funnel", "steps", "bars", "Funnel", "step", ("reached",), each="item", label="event"),
    Chart("funnel", "periods", "line", "Funnel conversion over time", "period", ("converted",),
          by="item"),
    Chart("feature_success", "trend", "line", "Used it again", "period", ("retention",), by="item"),
    Chart("feature_success", "satisfaction", "dots", "NPS by feature", "item",
          ("nps",)),
    Chart("adoption_rate", "windows", "line", "Adoption rate over time", "period", ("rate",)),
    Chart("adoption_rate", "roles", "bars", "Adoption rate by role", "item", ("rate",)),
    Chart("seat_utilization", "trend", "line", "Seats in use over time", "period", ("used",)),
    Chart("seat_utilization", "accounts", "ranked", "Seats in use, account by account", "item",
          ("used",)),
    Chart("usage", "periods", "line", "Events per active user", "period", ("per_active",)),
    Chart("usage", "features", "line", "Uses of each feature", "period", ("uses",), by="item"),
    Chart("qualified", "levels", "line", "Qualified over time", "period", ("qualified",)),
    Chart("qualified", "clauses", "bars", "Who meets which condition", "item", ("passed",)),
    Chart("active_users", "daily", "line", "Daily, weekly, monthly", "period",
          ("mau", "wau", "dau"), wide=True),
    Chart("active_users", "periods", "columns", "By period", "period", ("actors",)),
    Chart("active_users", "weeks", "line", "By week", "period", ("actors",)),
    Chart("stickiness", "windows", "line", "Stickiness over time", "period",
          ("stickiness", "working")),
    Chart("stickiness", "tenured", "line", "Stickiness of those who were there before", "period",
          ("stickiness", "working")),
    Chart("engagement_score", "levels", "stack", "Levels of the score", "period", ("actors",),
          by="step"),
    Chart("engagement_score", "distribution", "spread", "Distribution of the score", "item",
          ("p25", "median", "p75", "p90")),
    Chart("engagement_score", "contribution", "bars", "Where the points come from", "item",
          ("share",)),
    Chart("engagement_score", "deciles", "columns", "Who stays active, by tenth of the score",
          "step", ("stayed",)),
    Chart("sessions", "lengths", "line", "Session length", "period", ("median",),
          band=("p25", "p75")),
    Chart("sessions", "periods", "line", "Sessions per actor", "period", ("sessions_per_actor",)),
    Chart("retention", "pooled", "line", "Retention curves", "step", ("retained",), by="item",
          wide=True),
    Chart("retention", "triangle", "heat", "Retention by cohort", "step", ("retained",),
          each="item", label="cohort", wide=True),
    Chart("lifecycle", "periods", "stack", "Who came, came back and went", "period",
          ("returning", "resurrected", "new", "dormant"), down=("dormant",), wide=True),
    Chart("lifecycle", "periods", "line", "Quick ratio", "period", ("quick_ratio",)),
    Chart("lifecycle", "periods", "line", "Growth", "period", ("growth",)),
    Chart("churn", "inferred", "line", "Lost by going quiet", "period", ("lost",)),
    Chart("churn", "cancelled", "line", "Lost by cancelling", "period", ("lost",)),
    Chart("frequency", "histogram", "columns", "Active days", "step", ("actors",), each="item",
          latest=True),
    Chart("frequency", "trend", "line", "Active days over time", "period", ("days",), by="item"),
    Chart("frequency", "trend", "line", "Power users over time", "period", ("power",), by="item"),
    Chart("feedback", "nps", "line", "NPS over time", "period", ("nps",)),
    Chart("feedback", "scores", "columns", "Answers", "step", ("respondents",), each="item"),
    Chart("feedback", "groups", "dots", "Score by group", "item", ("nps",), each="step"),
    Chart("quadrant", "quadrants", "quadrant", "Adoption against engagement", "item", ("actors",)),
    Chart("quadrant", "windows", "stack", "The quadrants over time", "period", _QUADRANT),
    Chart("quadrant", "retention", "bars", "Still active later", "item", ("retained",)),
    Chart("journey", "stages", "bars", "Stages reached", "step", ("reached",)),
    Chart("journey", "cohorts", "line", "Reached the last stage, by sign-up month", "cohort",
          ("arrived",)),
    Chart("channel_engagement", "channels", "bars", "Channels in use", "item", ("active",)),
    Chart("channel_engagement", "trend", "line", "Channels over time", "period", ("active",),
          by="item"),
    Chart("account_health", "accounts", "ranked", "Seats in use, account by account", "item",
          ("seats",)),
    Chart("account_health", "accounts", "ranked", "Change in activity, account by account", "item",
          ("change",)),
)  # fmt: skip
