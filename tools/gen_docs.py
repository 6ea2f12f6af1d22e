"""Write the generated parts of the documentation, or check them with --check."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from adoptcli.config.explain import one
from adoptcli.config.schema import config_schema
from adoptcli.metrics import all_metrics
from adoptcli.render.json_ import schema as report_schema

ROOT = Path(__file__).parent.parent
MAIN = ("report", "init", "validate", "explain", "schema")


def metrics() -> str:
    """Every metric, as its module defines it."""
    parts = ["# Metrics", "", "Made from the code by `python tools/gen_docs.py`.", ""]
    for metric in all_metrics().values():
        parts += [f"## {metric.title}", "", "```text", one(metric).rstrip(), "```", ""]
    return "\n".join(parts)


def help_of(*command: str) -> str:
    """What --help prints, at 80 columns."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith("ADOPTCLI_")}
    environment = {**plain, "COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb", "LC_ALL": "C.UTF-8",
                   "PYTHONIOENCODING": "utf-8"}  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "adoptcli", *command, "--help"],
        capture_output=True, text=True, check=True, env=environment, cwd=ROOT,
    )  # fmt: skip
    return "\n".join(line.rstrip() for line in done.stdout.strip("\n").splitlines())


def cli() -> str:
    """Every command's help."""
    parts = ["# Command line", "", "Made from the code by `python tools/gen_docs.py`.", ""]
    parts += ["```text", help_of(), "```", ""]
    for name in (*MAIN, "activation"):
        title = "A metric's command (all take the same options)" if name == "activation" else name
        parts += [f"## {title}", "", "```text", help_of(name), "```", ""]
    return "\n".join(parts)


def readme() -> str:
    """The README with the help between its marks."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = f"<!-- help -->\n```text\n{help_of()}\n```\n<!-- /help -->"
    return re.sub(r"<!-- help -->.*?<!-- /help -->", lambda _: block, text, flags=re.DOTALL)


GENERATED = {
    "docs/metrics.md": metrics,
    "docs/cli.md": cli,
    "docs/metrics.schema.json": lambda: json.dumps(config_schema(), indent=2) + "\n",
    "docs/report.schema.json": lambda: json.dumps(report_schema(), indent=2) + "\n",
    "README.md": readme,
}


def main() -> int:
    """Write or check."""
    stale = []
    for name, make in GENERATED.items():
        path, text = ROOT / name, make()
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        if "--check" in sys.argv:
            stale.append(name)
        else:
            path.write_text(text, encoding="utf-8")
            print(f"wrote {name}")
    for name in stale:
        print(f"{name} is stale: run python tools/gen_docs.py")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
