"""YAML text: positions, and what is refused before any model sees it."""

# ruff: noqa: E501
from __future__ import annotations

import pytest

from adoptcli.config.document import MOST_BYTES, parse
from adoptcli.config.problems import Place, dotted
from adoptcli.errors import ConfigProblem, Exit

BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join(['*' + old] * 10)}]\n" for old, new in ("ab", "bc", "cd", "de")
)

REFUSED = {
    "": "m.yaml: the file holds no keys",
    "# nothing\n": "m.yaml: the file holds no keys",
    "---\n": "m.yaml: the file holds no keys",
    "- a\n- b\n": "m.yaml:1:1: the file must hold keys, such as 'signup: signed_up', not a list",
    "text\n": "m.yaml:1:1: the file must hold keys, such as 'signup: signed_up', not a single value",
    "a: [1\n": "m.yaml:2:1: not YAML: a '[' is not closed, or a ',' is missing",
    "a: {b\n": "m.yaml:2:1: not YAML: a '{' is not closed, or a ',' is missing",
    "a: 'x\n": "m.yaml:2:1: not YAML: a quote is not closed",
    "a:\n\tb: 1\n": "m.yaml:2:1: not YAML: a tab cannot indent in YAML; use spaces",
    "a:\n  b: 1\n c: 2\n": "m.yaml:3:2: not YAML: wrong indentation",
    "a: *@x\n": "m.yaml:1:5: not YAML: text that begins with '*' or '&' needs quotes",
    "a: *x\n": "m.yaml:1:4: not YAML: text that begins with '*' needs quotes",
    "a: @x\n": "m.yaml:1:4: not YAML: text that begins with '@' needs quotes",
    "a: `x`\n": "m.yaml:1:4: not YAML: text that begins with '`' needs quotes",
    "a: 1\n---\nb: 2\n": "m.yaml:2:1: not YAML: there is a second document after '---'; only one is "
    "read",
    "a: b: c\n": "m.yaml:1:5: not YAML: a ':' too many, or a wrong indentation; put quotes around "
    "text that holds ': '",
    "a: &a [*a]\n": "m.yaml:1:4: an alias stands within what it names",
    "a: &a {b: *a}\n": "m.yaml:1:4: an alias stands within what it names",
    BOMB: "m.yaml:1:1: the aliases stand for more than 10,000 values",
    "a: " + "[" * 60 + "]" * 60: "m.yaml:1:1: nested more than 50 levels deep",
    "[" * 20_000: "m.yaml:1:1: nested too deeply",
    "a: b\nc: \x01\n": "m.yaml:2:4: the character U+0001 is not allowed",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: repr(text[:20]))
def test_refused(text: str) -> None:
    with pytest.raises(ConfigProblem) as caught:
        parse(text.encode(), "m.yaml")
    assert caught.value.message == REFUSED[text]
    assert caught.value.exit_code == Exit.USAGE


def test_the_place_of_bytes_that_are_not_utf8() -> None:
    with pytest.raises(ConfigProblem, match=r"^m\.yaml:2:4: not UTF-8; save the file as UTF-8$"):
        parse(b"a: 1\nb: caf\xe9\n".replace(b"caf", b""), "m.yaml")
    with pytest.raises(ConfigProblem, match=r"^m\.yaml:1:1: not UTF-8"):
        parse("a: 1".encode("utf-16"), "m.yaml")


def test_a_data_file_in_place_of_the_yaml() -> None:
    with pytest.raises(ConfigProblem, match="larger than 5 MB; is this the YAML"):
        parse(b"x" * (MOST_BYTES + 1), "events.csv")


def test_a_byte_order_mark_does_not_count() -> None:
    assert parse(b"\xef\xbb\xbfa: 1\n", "m").data == {"a": 1}


def test_places_of_keys_and_values() -> None:
    document = parse(b"a: 1\nb:\n  - x\n  - {c: y}\n", "m")
    assert document.data == {"a": 1, "b": ["x", {"c": "y"}]}
    assert document.place(("a",)) == Place(1, 4)
    assert document.place(("b",), key=True) == Place(2, 1)
    assert document.place(("b", 1, "c")) == Place(4, 9)
    assert document.place(("b", 1, "c"), key=True) == Place(4, 6)
    assert document.place(("b", 7, "zzz")) == Place(3, 3)
    assert document.known(("b", "a-union", 1, "c", "str")) == ("b", 1, "c")


def test_aliases_and_merges_keep_working() -> None:
    document = parse(b"x: &x {a: 1, b: 2}\ny: {<<: *x, a: 3}\nz: {<<: [*x, *x], c: 4}\n", "m")
    assert document.data["y"] == {"a": 3, "b": 2}
    assert document.data["z"] == {"a": 1, "b": 2, "c": 4}
    assert document.problems == ()


PROBLEMS = {
    "a: 1\nb: 2\na: 3\n": ["m.yaml:3:1: a: this key stands twice; first at 1:1"],
    "a: {b: 1, 'b': 2}\n": ["m.yaml:1:11: a.b: this key stands twice; first at 1:5"],
    "on: 1\n": ["m.yaml:1:1: on: 'on' without quotes is a boolean in YAML; put quotes around it"],
    "a: {no: 1}\n": ["m.yaml:1:5: a.no: 'no' without quotes is a boolean in YAML; put quotes around it"],
    "2026-01-01: 1\n": ["m.yaml:1:1: 2026-01-01: '2026-01-01' without quotes is a date in YAML; put "
    "quotes around it"],
    "12: 1\n": ["m.yaml:1:1: 12: '12' without quotes is a number in YAML; put quotes around it"],
    "1.0: 1\n": ['m.yaml:1:1: "1.0": \'1.0\' without quotes is a number in YAML; put quotes around it'],
    "~: 1\n": ["m.yaml:1:1: ~: '~' without quotes is nothing in YAML; put quotes around it"],
    "? [a]\n: 1\n": ["m.yaml:1:3: a key must be text"],
    "a: !!set {x}\n": ["m.yaml:1:4: a: !!set is not read here; remove it"],
    "a: !!python/object:os.system x\n": [
        'm.yaml:1:4: a: !!python/object:os.system is not read here; remove it'
    ],
    "a: !mine x\n": ["m.yaml:1:4: a: !mine is not read here; remove it"],
    "a: 2026-13-45\n": ["m.yaml:1:4: a: '2026-13-45' is no date or number; text needs quotes"],
    "a: {<<: 5}\n": ["m.yaml:1:9: a: << merges mappings alone"],
}  # fmt: skip


@pytest.mark.parametrize("text", PROBLEMS)
def test_problems_beside_others(text: str) -> None:
    document = parse(text.encode(), "m.yaml")
    assert [problem.line("m.yaml") for problem in document.problems] == PROBLEMS[text]


def test_paths_for_people() -> None:
    assert dotted(("a", 0, "b")) == "a.0.b"
    assert dotted(("a b", "c.d", "e\nf", "")) == '"a b"."c.d"."e\\nf".""'
