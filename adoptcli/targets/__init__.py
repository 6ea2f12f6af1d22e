"""Targets say what a figure must be, and `adoptcli check` whether it is.

A target is a line in the section `targets` of the YAML: the figure, and a condition.

    targets:
      activation: ">= 40%"
      stickiness: {fail: "< 20%", warn: "< 25%"}
      retention.pooled[step=4,item=signup]: {target: ">= 25%", surely: true}
      active_users: {change: ">= -5%"}

**Figures.** `activation` is the headline, `activation.textbook` the textbook figure, and
`METRIC.TABLE[KEY=VALUE].COLUMN` any cell of the tables that `-f json` shows. The column may be left
out where only one can be meant. A period or cohort that is left out, or `latest`, is the newest
that can be judged. Any other key that is left out, or `*`, means each row, such as each account:
`seat_utilization.accounts[item=*].used`. `activation[plan=pro]` is the headline of a segment,
`activation[plan=pro,role=admin]` of a crossed one, `activation[plan=*]` of each; the report is
split as they need it. Names with `{`, `}`, `: ` or `#` need quotes in YAML.

**Conditions.** `>=`, `>`, `<=`, `<` and ranges (`20%..40%`, ends included), in quotes. A share is
written in `%`, a difference of shares in `pp`, a time as `7d`, `12h` or `30min`, all else as a
plain number. They hold for the number itself, not for what rounding leaves of it. `change` is the
change against the period before: in `%` of the value there, of shares in `pp`, or in the figure's
own unit; its interval in `%` takes the value before as given.

**Outcomes.** *Pass*; *fail*: it is not as it must be; *warn*: it is not as it should be; *not
judged*: missing, empty or immature data, or a metric that is not configured, never pass. With
`surely: true` it fails only where the whole 95 % interval is beyond. Where the number misses and
the interval does not, it warns; a number that misses and has no interval is not judged.

**Exit codes.** 0: nothing failed; 1: a target is missed, or with `--strict` there is a warning; 2:
a target makes no sense; 3: none is missed, but one cannot be judged.
"""
