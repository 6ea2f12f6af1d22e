"""What is changed in a module: one small thing at a time, found in its syntax tree.

Texts, annotations, docstrings, decorators, assertions and what an error says stay as they are: a
wrong word is no wrong number.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

Key = tuple[str, int, int, str]
Edit = tuple[int, int, str]  # from byte, to byte, what stands there instead

COMPARISONS = {
    ast.Lt: ("<", "<="), ast.LtE: ("<=", "<"), ast.Gt: (">", ">="), ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="), ast.NotEq: ("!=", "=="), ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"), ast.In: ("in", "not in"), ast.NotIn: ("not in", "in"),
}  # fmt: skip
ARITHMETIC = {
    ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.Mult: ("*", "/"), ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"), ast.Mod: ("%", "*"), ast.Pow: ("**", "*"),
    ast.BitAnd: ("&", "|"), ast.BitOr: ("|", "&"), ast.LShift: ("<<", ">>"),
    ast.RShift: (">>", "<<"),
}  # fmt: skip
LOGIC = {ast.And: ("and", "or"), ast.Or: ("or", "and")}
_PAIRS = [
    ("min", "max"), ("first", "last"), ("any", "all"), ("head", "tail"), ("floor", "ceil"),
    ("is_null", "is_not_null"), ("min_horizontal", "max_horizontal"), ("arg_min", "arg_max"),
    ("any_horizontal", "all_horizontal"), ("forward_fill", "backward_fill"),
]  # fmt: skip
CALLS = dict(_PAIRS) | {b: a for a, b in _PAIRS} | {
    "sum": "max", "cum_sum": "cum_max", "mean": "median", "n_unique": "len", "sorted": "list",
}  # fmt: skip
DROPPED = {
    "abs", "clip", "drop_nulls", "fill_null", "filter", "forward_fill", "head", "round", "sort",
    "unique",
}  # fmt: skip
WORDS = {
    "how": {"left": "inner", "inner": "left", "semi": "anti", "anti": "semi"},
    "side": {"left": "right", "right": "left"},
    "closed": {"left": "right", "right": "left", "both": "none", "none": "both"},
    "keep": {"first": "last", "last": "first", "any": "none", "none": "any"},
    "strategy": {"backward": "forward", "forward": "backward"},
}
KEYWORDS = {
    *WORDS, "default", "descending", "fill_value", "ge", "gt", "key", "le", "lower_bound", "lt",
    "min_length", "missing", "null_on_oob", "nulls_equal", "nulls_last", "order_by", "strict",
    "upper_bound",
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One change, and the lines of the statement that it is in."""

    file: str
    edit: Edit
    lines: tuple[int, int]
    was: str
    now: str

    @property
    def name(self) -> tuple[str, str, str]:
        """What it is known by as long as its lines stay as they are, wherever they stand."""
        return self.file, self.was, self.now

    @property
    def key(self) -> Key:
        """What it is known by in one state of the code."""
        return self.file, *self.edit

    def source(self) -> bytes:
        """The whole module with the change."""
        start, end, new = self.edit
        text = Path(self.file).read_bytes()
        return text[:start] + new.encode() + text[end:]


def mutants(file: str) -> list[Mutant]:
    """Every change of a module in its order, none twice."""
    module = _Module(Path(file).read_bytes())
    found: dict[Edit, Mutant] = {}
    for edit, lines in module.edits():
        was, now = module.shown(edit)
        mutant = Mutant(file, edit, lines, was, now)
        if was != now:
            found.setdefault(edit, mutant)
    return sorted(found.values(), key=lambda m: m.edit)


class _Module:
    def __init__(self, source: bytes) -> None:
        self.source = source
        self.starts = [0]
        for line in source.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))

    def at(self, node: ast.expr | ast.stmt | ast.keyword) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return (
            self.starts[node.lineno - 1] + node.col_offset,
            self.starts[node.end_lineno - 1] + node.end_col_offset,
        )

    def text(self, node: ast.expr | ast.stmt) -> str:
        start, end = self.at(node)
        return self.source[start:end].decode()

    def shown(self, edit: Edit) -> tuple[str, str]:
        """The lines that a change touches, before and after it, in one line each."""
        start, end, new = edit
        first = self.source.rfind(b"\n", 0, start) + 1
        last = self.source.find(b"\n", end)
        parts = self.source[first:start].decode(), self.source[end:last].decode()
        was = parts[0] + self.source[start:end].decode() + parts[1]
        return " ".join(was.split()), " ".join((parts[0] + new + parts[1]).split())

    def edits(self) -> Iterator[tuple[Edit, tuple[int, int]]]:
        tree = ast.parse(self.source)
        stack: list[tuple[ast.AST, tuple[int, int]]] = [(tree, (1, 1))]
        while stack:
            node, lines = stack.pop()
            if isinstance(node, ast.stmt):
                lines = _span(node)
            yield from ((edit, lines) for edit in self.of(node))
            stack += [(child, lines) for child in _children(node)]

    def of(self, node: ast.AST) -> Iterator[Edit]:
        """The changes of one node."""
        match node:
            case ast.Compare():
                for op, (a, b) in zip(
                    node.ops, pairwise([node.left, *node.comparators]), strict=True
                ):
                    yield from self.between(a, b, *COMPARISONS[type(op)])
            case ast.BinOp() if not (_is_text(node.left) or _is_text(node.right)):
                yield from self.between(node.left, node.right, *ARITHMETIC[type(node.op)])
            case ast.BoolOp():
                for a, b in pairwise(node.values):
                    yield from self.between(a, b, *LOGIC[type(node.op)])
            case ast.UnaryOp():
                start = self.at(node)[0]
                yield start, start + (3 if isinstance(node.op, ast.Not) else 1), ""
            case ast.Constant(value=bool()):
                yield *self.at(node), str(not node.value)
            case ast.Constant(value=int()):
                yield from ((*self.at(node), str(node.value + d)) for d in (1, -1))
            case ast.Constant(value=float()):
                yield from ((*self.at(node), repr(node.value * f)) for f in (1.1, 0.9))
            case ast.Call():
                yield from self.called(node)
            case ast.If() | ast.IfExp():
                yield from self.negated(node.test)
            case ast.comprehension():
                for test in node.ifs:
                    yield from self.negated(test)
            case ast.Expr(value=ast.Call()) | ast.Continue() | ast.Break() | ast.AugAssign():
                yield *self.at(node), "pass"
            case ast.Assign(targets=[ast.Name(id=name)]) if _uses(node.value, name):
                yield *self.at(node), "pass"

    def between(self, a: ast.expr, b: ast.expr, old: str, new: str) -> Iterator[Edit]:
        start, end = self.at(a)[1], self.at(b)[0]
        gap = self.source[start:end].decode()
        yield start, end, gap.replace(old, new, 1)

    def negated(self, test: ast.expr) -> Iterator[Edit]:
        turned = (ast.Eq, ast.NotEq, ast.Is, ast.IsNot, ast.In, ast.NotIn)
        if isinstance(test, ast.UnaryOp):
            return  # dropping `not` is the same
        if isinstance(test, ast.Compare) and isinstance(test.ops[0], turned):
            return
        yield *self.at(test), f"(not ({self.text(test)}))"

    def called(self, node: ast.Call) -> Iterator[Edit]:
        end = self.at(node.func)[1]
        name = _name(node)
        library = _is_library(node.func)
        other_kind = (name == "sorted" and node.keywords) or (library and name in ("all", "any"))
        if name in CALLS and not other_kind:
            yield end - len(name), end, CALLS[name]
        if name in DROPPED and isinstance(node.func, ast.Attribute) and not library:
            yield end - len(name) - 1, self.at(node)[1], ""
        for keyword in node.keywords:
            if keyword.arg in KEYWORDS and name != "zip":  # strict= of zip is an assertion
                yield from self.without(node, keyword)
            words = WORDS.get(keyword.arg or "", {})
            if isinstance(keyword.value, ast.Constant) and keyword.value.value in words:
                yield *self.at(keyword.value), f'"{words[keyword.value.value]}"'

    def without(self, node: ast.Call, keyword: ast.keyword) -> Iterator[Edit]:
        """The call without the keyword and the comma before or behind it."""
        start, end = self.at(keyword)
        before = self.source[:start].rstrip()
        if before.endswith(b","):
            yield len(before) - 1, end, ""
        else:
            rest = self.source[end : self.at(node)[1]]
            yield start, end + (len(rest) - len(rest.lstrip(b", \n"))), ""


def _span(node: ast.stmt) -> tuple[int, int]:
    """The lines that run when a statement does, without those of its body."""
    body = getattr(node, "body", None)
    end = node.end_lineno or node.lineno
    return node.lineno, max(node.lineno, body[0].lineno - 1) if body else end


def _children(node: ast.AST) -> list[ast.AST]:
    match node:
        case ast.FunctionDef() | ast.Lambda():
            body = node.body if isinstance(node.body, list) else [node.body]
            return [*node.args.defaults, *(d for d in node.args.kw_defaults if d), *body]
        case ast.ClassDef():
            return [*node.body]
        case ast.AnnAssign():
            return [node.value] if node.value else []
        case ast.Assert() | ast.Raise() | ast.JoinedStr() | ast.Import() | ast.ImportFrom():
            return []
        case ast.Call() if _name(node) in ("Metric", "cast"):
            return []
        case ast.Call():
            unordered = [k for k in node.keywords if k.arg not in ("strict", "maintain_order")]
            return [node.func, *node.args, *unordered]
    return list(ast.iter_child_nodes(node))


def _name(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _is_library(func: ast.expr) -> bool:
    return (
        isinstance(func, ast.Attribute)
        and isinstance(func.value, ast.Name)
        and func.value.id in ("pl", "math")
    )


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def _uses(node: ast.expr, name: str) -> bool:
    return any(isinstance(part, ast.Name) and part.id == name for part in ast.walk(node))
