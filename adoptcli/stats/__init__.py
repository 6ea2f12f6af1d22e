"""Statistical estimators used by the reports.

Everything here is a pure function (or an immutable value) of counts and sums. Only the standard
library and, for long histograms, Polars are needed. All intervals are two-sided and have a nominal
coverage of 95 %; p-values are two-sided. Proportions and shares are fractions between 0 and 1, not
percentages.

``None`` always means "cannot be computed from these data"; impossible input (a negative count, more
successes than trials, ...) raises ``ValueError``.
"""

from adoptcli.stats.distributions import chi_square_p, f_p, normal_p, student_p, student_quantile
from adoptcli.stats.intervals import (
    Z95,
    Difference,
    Estimate3,
    Interval,
    Mean,
    mean_interval,
    newcombe,
    rate_ratio,
    wilson,
)
from adoptcli.stats.logrank import LogRank, log_rank
from adoptcli.stats.multiple import benjamini_hochberg
from adoptcli.stats.quantiles import quantile
from adoptcli.stats.ranks import Auc, auc
from adoptcli.stats.survival import (
    KaplanMeier,
    LastDuration,
    QuantileEstimate,
    ShareEstimate,
    Step,
)
from adoptcli.stats.tables import Adjusted, MantelHaenszel, mantel_haenszel

__all__ = [
    "Z95",
    "Adjusted",
    "Auc",
    "Difference",
    "Estimate3",
    "Interval",
    "KaplanMeier",
    "LastDuration",
    "LogRank",
    "MantelHaenszel",
    "Mean",
    "QuantileEstimate",
    "ShareEstimate",
    "Step",
    "auc",
    "benjamini_hochberg",
    "chi_square_p",
    "f_p",
    "log_rank",
    "mantel_haenszel",
    "mean_interval",
    "newcombe",
    "normal_p",
    "quantile",
    "rate_ratio",
    "student_p",
    "student_quantile",
    "wilson",
]
