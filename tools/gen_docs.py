"""Write the documents that are made from the code, or check that they are as the code says.

python tools/gen_docs.py            # write them
python tools/gen_docs.py --check    # exit 1 and say which differ
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from difflib import unified_diff
from itertools import groupby
from pathlib import Path

import typer

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from adoptcli.cli.app import build, metric_names  # noqa: E402
from adoptcli.config.explain import about_audiences, about_targets, one, settings_lines  # noqa: E402
from adoptcli.config.model import summary  # noqa: E402
from adoptcli.config.schema import config_schema  # noqa: E402
from adoptcli.config.sources import about_sources  # noqa: E402
from adoptcli.definitions import Criterion, Definitions  # noqa: E402
from adoptcli.findings.explain import explained  # noqa: E402
from adoptcli.metrics import all_metrics  # noqa: E402
from adoptcli.render.json_ import schema as report_schema  # noqa: E402
from adoptcli.render.ndjson import schema as line_schema  # noqa: E402
from adoptcli.render.validation import schema as validate_schema  # noqa: E402
from adoptcli.render.verdicts import schema as check_schema  # noqa: E402

SECTIONS = {
    "adoption": "Adoption",
    "engagement": "Engagement",
    "together": "Adoption and engagement together",
}
INTRODUCTION = """\
# Metrics and their definitions

Made from the code by `python tools/gen_docs.py`; `adoptcli explain METRIC` prints the same.

An *actor* is a user or, with `--unit account`, an account. A *day* is a calendar day in the
report's time zone. *As-of* is the midnight up to which events count. Shares come with a 95 %
interval.

`--since` and `--until` say which days are *shown*, not which are known:

- Of cohorts, entries and first times those are shown that begin on these days. Whether they have
  had their time goes by as-of, and what they do after `--until` counts.
- Calendar periods are shown where they lie wholly among these days; a cohort that is cut off is
  shown in part, and a caveat says so.
- Trailing windows go back from the last day shown. The newest is whole even where it begins before
  `--since`; the one before it is always there where the data hold it, as changes, moves and who
  came back are about both; those before that lie wholly among the days shown.
- What a figure looks back on (growth on the period before, first ever, had adopted by then) is read
  from all of the data, so that it is the same whatever days are shown. The change of a headline is
  between the last two values that are shown.
- Traits and accounts are as they are at as-of. Those of unknown start are counted over all the
  data.
"""

EVENTS = """\
### Events

Wherever an event is asked for, its name will do, or a mapping; `at_least` and `days` go with the
criteria of `activation` alone.
"""


def metrics() -> str:
    """docs/metrics.md: every metric in full, then what the YAML can define."""
    parts = [INTRODUCTION, _contents()]
    for section, found in groupby(all_metrics().values(), key=lambda metric: metric.section):
        parts.append(f"## {SECTIONS[section]}\n")
        parts += [one(metric, level=3) for metric in found]
    keys = "\n".join(settings_lines(Definitions))
    parts.append("## What things are\n\nThe keys of the YAML beside the metrics' sections.\n")
    parts.append(f"{keys}\n\n{EVENTS}\n" + "\n".join(settings_lines(Criterion)) + "\n")
    return "\n".join(parts)


def _contents() -> str:
    return "".join(
        f"- [{metric.title}](#{metric.title.lower().replace(' ', '-')}): {summary(metric)}\n"
        for metric in all_metrics().values()
    )


def explained_page(topic: str, text: str) -> str:
    """What `adoptcli explain TOPIC` prints, as a page that says where it comes from."""
    title, rest = text.split("\n", 1)
    made = f"Made from the code by `python tools/gen_docs.py`; `adoptcli explain {topic}` prints"
    return f"{title}\n\n{made} the same.\n{rest}"


def next_steps() -> str:
    """docs/next-steps.md: the findings and their thresholds."""
    return explained_page("next-steps", explained())


def schema() -> str:
    """docs/metrics.schema.json: what editors need."""
    return json.dumps(config_schema(), indent=2, ensure_ascii=False) + "\n"


def report() -> str:
    """docs/report.schema.json: what readers of the JSON report need."""
    return json.dumps(report_schema(), indent=2, ensure_ascii=False) + "\n"


def targets() -> str:
    """docs/targets.md: what figures must be, and what `check` says."""
    return explained_page("targets", about_targets())


def audiences() -> str:
    """docs/audiences.md: every list, and the conditions of the YAML."""
    return explained_page("audiences", about_audiences())


def sources() -> str:
    """docs/sources.md: every preset, and how to write one."""
    return explained_page("sources", about_sources())


def check() -> str:
    """docs/check.schema.json: what readers of the JSON of `check` need."""
    return json.dumps(check_schema(), indent=2, ensure_ascii=False) + "\n"


def validate() -> str:
    """docs/validate.schema.json: what readers of the JSON of `validate` need."""
    return json.dumps(validate_schema(), indent=2, ensure_ascii=False) + "\n"


def ndjson() -> str:
    """docs/ndjson.schema.json: what readers of the NDJSON need."""
    return json.dumps(line_schema(), indent=2, ensure_ascii=False) + "\n"


def help_of(*command: str) -> str:
    """What --help prints, at 80 columns."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("ADOPTCLI_")}
    environment = {
        **kept, "COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb", "PYTHONIOENCODING": "utf-8"
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "adoptcli", *command, "--help"],
        capture_output=True, encoding="utf-8", check=True, env=environment, cwd=ROOT,
    )  # fmt: skip
    return "\n".join(line.rstrip() for line in done.stdout.strip("\n").splitlines())


def commands() -> str:
    """docs/cli.md: every command's help."""
    parts = ["# Command line", "", "Made from the code by `python tools/gen_docs.py`.", ""]
    parts += ["```text", help_of(), "```", ""]
    of_metrics = {name.replace("_", "-") for name in metric_names()}
    rest = [name for name in typer.main.get_command(build()).commands if name not in of_metrics]
    for name in (*rest, "activation"):
        title = "A metric's command (all take the same options)" if name == "activation" else name
        parts += [f"## {title}", "", "```text", help_of(name), "```", ""]
    return "\n".join(parts)


def readme() -> str:
    """README.md with the help between its marks."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = f"<!-- help -->\n```text\n{help_of()}\n```\n<!-- /help -->"
    return re.sub(r"<!-- help -->.*?<!-- /help -->", lambda _: block, text, flags=re.DOTALL)


GENERATORS: dict[str, Callable[[], str]] = {
    "docs/metrics.md": metrics,
    "docs/next-steps.md": next_steps,
    "docs/targets.md": targets,
    "docs/audiences.md": audiences,
    "docs/sources.md": sources,
    "docs/metrics.schema.json": schema,
    "docs/report.schema.json": report,
    "docs/check.schema.json": check,
    "docs/ndjson.schema.json": ndjson,
    "docs/validate.schema.json": validate,
    "docs/cli.md": commands,
    "README.md": readme,
}
"""Each document, relative to the repository, and what makes its text."""


def differing() -> list[str]:
    """The documents that are not as the code says, each as a diff."""
    found = []
    for name, make in GENERATORS.items():
        path = ROOT / name
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        lines = unified_diff(
            old.splitlines(), make().splitlines(), name, "as generated", lineterm="", n=1
        )
        if text := "\n".join(lines):
            found.append(text)
    return found


def main(arguments: list[str]) -> int:
    """Write or check; the exit code."""
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    if arguments:
        for text in differing():
            print(text, file=sys.stderr)
        return int(bool(differing()))
    for name, make in GENERATORS.items():
        (ROOT / name).write_text(make(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
