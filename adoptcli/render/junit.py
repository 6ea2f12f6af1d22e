"""What came of the targets as JUnit XML, which continuous integration shows as tests.

What failed is a failure, what is not evaluable an error; a warning passes, and is told in the
suite's output, unless warnings fail. The attributes and their order suit both of the schemas in
use: Jenkins' and that of Ant's JUnit task.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from adoptcli.render.verdicts import message
from adoptcli.results import Judged, Report

# XML 1.0 has no sign for these at all: control characters, halves of pairs, U+FFFE and U+FFFF.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
TAGS = {"fail": "failure", "warn": "failure", "not_evaluable": "error"}


def render(report: Report, *, strict: bool) -> str:
    """One suite, a test a target, in the order of the YAML."""
    tags = [_tag(found, strict=strict) for found in report.targets]
    suites = ET.Element("testsuites")
    suite = ET.SubElement(
        suites, "testsuite", id="0", package="adoptcli", name="adoptcli check",
        timestamp=f"{report.as_of}T00:00:00", hostname="localhost", tests=str(len(tags)),
        failures=str(tags.count("failure")), errors=str(tags.count("error")), skipped="0", time="0",
    )  # fmt: skip
    properties = ET.SubElement(suite, "properties")
    for key in ("version", "as_of", "time_zone", "definitions"):
        ET.SubElement(properties, "property", name=key, value=_legal(str(getattr(report, key))))
    for found, tag in zip(report.targets, tags, strict=True):
        case = ET.SubElement(
            suite, "testcase", name=_token(found.name), classname=f"adoptcli.{found.metric}",
            time="0",
        )  # fmt: skip
        if tag:
            text = _legal(message(found))
            ET.SubElement(case, tag, message=text, type=found.outcome).text = text
    ET.SubElement(suite, "system-out").text = _legal(_told(report.targets))
    ET.SubElement(suite, "system-err")
    ET.indent(suites)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(suites, encoding="unicode")}\n'


def _tag(found: Judged, *, strict: bool) -> str:
    """The element that says how it went; none where all is well."""
    return "" if found.outcome == "warn" and not strict else TAGS.get(found.outcome, "")


def _told(judged: Sequence[Judged]) -> str:
    """Every target in words."""
    return "".join(f"{found.name}: {message(found)}\n" for found in judged)


def _token(text: str) -> str:
    """Without the spaces that XML would drop from a name."""
    return " ".join(_legal(text).split())


def _legal(text: str) -> str:
    """What XML has no sign for, in the way of Python's escapes."""
    return _FORBIDDEN.sub(lambda found: ascii(found[0])[1:-1], text)
