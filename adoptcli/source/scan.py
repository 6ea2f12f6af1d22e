"""Files of one kind to lazy frames of their own columns, texts where the file has only text."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath

import orjson
import polars as pl

from adoptcli.definitions import Source
from adoptcli.errors import DataProblem
from adoptcli.source import ndjson, oddities
from adoptcli.source.addresses import is_remote, located, plain, problem
from adoptcli.source.files import FAILURES, File, among, head_of, lines_of, rows_of
from adoptcli.source.folders import pairs
from adoptcli.source.lazy import exploded, scan_csv, scan_parquet
from adoptcli.source.lists import no_list, unlisted
from adoptcli.source.paths import find

Types = dict[str, pl.DataType]

WELL_LOOKED_AT, LINES = 20, 20  # files, and lines of each file beyond
INFERRED = 1000  # rows of a JSON file that tell its columns' types
SEPARATORS = (",", ";", "\t", "|")
AT_ONCE = 16  # files elsewhere that are looked at


@dataclass(frozen=True)
class Scan:
    """Files of one shape.

    Attributes:
        files: The files, which all have these columns.
        columns: Their names, in order.
        separator, eol: How a CSV file is written.
        hive: Columns that the folders' names give: name and value.
        quote: What quotes a field of a CSV file; nothing where nothing does.
        bare: No line holds the columns' names.
        explode: Nested lists that are taken apart; the columns are those within and around.
        own: The columns of each file, where files of different keys are read as one.
    """

    files: tuple[File, ...]
    columns: tuple[str, ...]
    separator: str = ","
    eol: str = "\n"
    hive: tuple[tuple[str, str | None], ...] = ()
    quote: str = '"'
    bare: bool = False
    explode: tuple[str, ...] = ()
    own: tuple[tuple[str, ...], ...] = ()

    @property
    def kind(self) -> str:
        """Kind of all the files."""
        return self.files[0].kind

    @property
    def names(self) -> tuple[str, ...]:
        """All columns, the folders' included."""
        return (*self.columns, *(key for key, _ in self.hive if key not in self.columns))

    @cached_property
    def rows(self) -> int | None:
        """How many rows there are, where the files say so without being read."""
        if self.kind != "parquet":
            return None
        return int(scan_parquet(self._paths).select(pl.len()).collect().item())

    def about(self) -> int:
        """About how many there are, where nobody says."""
        known = self.rows
        return sum(map(rows_of, self.files)) if known is None else known

    def frame(
        self, wanted: Sequence[str], file_column: str | None = None, types: Types | None = None,
        way: ndjson.Way = "text", only: Sequence[str] = (),
    ) -> pl.LazyFrame:  # fmt: skip
        """The wanted columns that there are; of JSON as the types say, else as its text.

        Of JSON rows with none of the texts `only` may be missing.
        """
        inside = [c for c in wanted if c in self.columns]
        extra = [file_column] if file_column else []
        if self.kind == "ndjson":
            inside = [c for c in wanted if c not in dict(self.hive)]  # rows below may have them
            lazy = self._json(inside, file_column, types or {}, way, only)
        elif self.kind == "parquet":
            lazy = scan_parquet(self._paths, include_file_paths=file_column)
            lazy = exploded(lazy, self.explode, inside)
        else:
            header = self.columns if self.bare else None
            lazy = scan_csv(self._paths, self.separator, self.eol, self.quote, header,
                            include_file_paths=file_column)  # fmt: skip
        lazy = lazy.select(*inside, *(self._file(name) for name in extra))
        return lazy.with_columns(
            pl.lit(value, dtype=pl.String).alias(key) for key, value in self.hive if key in wanted
        )

    @property
    def _paths(self) -> list[str]:
        return [file.path for file in self.files]

    def _file(self, column: str) -> pl.Expr:
        """The files' paths as we know them; Polars tells their addresses, or where they lie."""
        near = [path for path in self._paths if not is_remote(path)]
        lie = {str(Path(path).absolute()): path for path in near}
        return pl.col(column).replace(lie | {located(path): path for path in near})

    def _json(
        self, wanted: Sequence[str], file_column: str | None, types: Types, way: ndjson.Way,
        only: Sequence[str],
    ) -> pl.LazyFrame:  # fmt: skip
        """Every level of nested lists may have the wanted columns; the innermost counts."""
        plain = {name: types.get(name, pl.String()) for name in wanted}
        plain = plain or {self.columns[0]: pl.String()}
        schema: Types = plain
        for name in reversed(self.explode):
            schema = {**plain, name: pl.List(pl.Struct(schema))}
        lazy = ndjson.scan(self._paths, schema, way, file_column, only)
        return exploded(lazy, self.explode, list(plain))


def scans(files: Sequence[File], source: Source, notes: list[str] | None = None) -> list[Scan]:
    """The files grouped by shape, so that files of one shape are read in one go.

    Files without rows in a folder with others are left out, and that is said in the notes.

    Raises:
        DataProblem: A file has no columns, or only a header.
    """
    groups: dict[tuple[object, ...], list[File]] = {}
    empty: list[tuple[File, DataProblem]] = []
    stated = bool(
        source.columns.user and source.columns.timestamp and (source.columns.event or source.event)
    )
    for file, shape in zip(files, _shapes(files, source, stated), strict=True):
        if not isinstance(shape, DataProblem):
            groups.setdefault(shape, []).append(file)
        elif file.folders is None or shape.slug not in ("empty-file", "no-rows"):
            raise shape
        else:
            empty.append((file, shape))
    if empty and not groups:
        raise empty[0][1]
    if empty and notes is not None:
        notes.append(f"skipped: {among([file.name for file, _ in empty])}, without rows")
    groups = _telling(groups, source, notes)
    own = {file.path: shape[1] for shape, members in groups.items() for file in members}
    if stated:
        groups = _together(groups)  # nothing depends on what else a file has
    found = []
    for shape, members in groups.items():
        _, columns, separator, eol, hive, lists = shape[:6]
        made = Scan(
            tuple(members), columns, separator, eol, hive,  # type: ignore[arg-type]
            source.quote_char, source.header is not None, lists,  # type: ignore[arg-type]
            tuple(own[file.path] for file in members),  # type: ignore[misc]
        )  # fmt: skip
        found.append(made)
    return found


def _telling(
    groups: dict[tuple[object, ...], list[File]], source: Source, notes: list[str] | None
) -> dict[tuple[object, ...], list[File]]:
    """Without the files of a folder that have no timestamp where others have: other tables."""
    stated = [s if isinstance(s, str) else next(iter(s)) for s in source.columns.timestamp or ()]
    if not stated:
        return groups
    kept = {
        shape: members
        for shape, members in groups.items()
        if any(find(text, shape[1]) for text in stated)  # type: ignore[arg-type]
        or any(file.folders is None for file in members)
    }
    others = [file for shape in groups.keys() - kept.keys() for file in groups[shape]]
    if not kept or not others:
        return groups
    if notes is not None:
        names = sorted(file.name for file in others)
        notes.append(f"skipped: {among(names)}, without {stated[0]}")
    return kept


def _together(
    groups: dict[tuple[object, ...], list[File]],
) -> dict[tuple[object, ...], list[File]]:
    """JSON files of different keys as one, with the keys of all."""
    found: dict[tuple[object, ...], list[File]] = {}
    columns: dict[tuple[object, ...], set[str]] = {}
    for shape, members in groups.items():
        kind, names, *rest = shape
        key = (kind, *rest) if kind == "ndjson" else shape
        found.setdefault(key, []).extend(members)
        columns.setdefault(key, set()).update(names)  # type: ignore[arg-type]
    return {
        (key[0], tuple(sorted(columns[key])), *key[1:]) if key[0] == "ndjson" else key: members
        for key, members in found.items()
    }


def _shapes(
    files: Sequence[File], source: Source, stated: bool
) -> Iterable[tuple[object, ...] | DataProblem]:
    """Each file's shape, or why it has none; those that are elsewhere are asked side by side."""

    def shape(i: int) -> tuple[object, ...] | DataProblem:
        brief = stated and not source.explode and i >= WELL_LOOKED_AT
        try:
            return (_brief_shape(files[i], source) if brief else None) or _shape(files[i], source)
        except DataProblem as error:
            return error

    if not any(is_remote(file.path) for file in files):
        return map(shape, range(len(files)))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [*pool.map(shape, range(len(files)))]


def _shape(file: File, source: Source) -> tuple[object, ...]:
    hive = _hive(file, source)
    if file.kind in ("parquet", "ndjson"):
        schema = _schema_of(file) if file.kind == "parquet" else _json_schema(file)
        columns, lists = _within(schema, source.explode, file)
        if file.kind == "ndjson":
            return (file.kind, tuple(sorted(columns)), ",", "\n", hive, lists)
        types = tuple(map(str, schema.values()))
        return (file.kind, tuple(columns), ",", "\n", hive, lists, types, _place(file))
    head = head_of(file)
    eol = "\r" if head and b"\n" not in head and b"\r" in head else "\n"
    separator = source.separator or _separator(file, head, eol)
    named = source.header or _csv_columns(file, separator, eol, source.quote_char)
    return (file.kind, tuple(named), separator, eol, hive, ())


def types_of(file: File) -> Types:
    """The columns' types; nothing for a file of texts."""
    if file.kind == "parquet":
        return _schema_of(file)
    return _json_schema(file) if file.kind == "ndjson" else {}


def _within(
    schema: Types, lists: Sequence[str], file: File
) -> tuple[list[str], tuple[str, ...]]:  # fmt: skip
    """The columns within and around nested lists, and those of the lists that are there.

    Raises:
        DataProblem: Some row has something else than a list of objects there.
    """
    columns: dict[str, None] = dict.fromkeys(schema)
    found: list[str] = []
    for name in lists:
        dtype = schema.get(name)
        if dtype in (None, pl.Null, pl.List(pl.Null)):
            break
        if not isinstance(dtype, pl.List) or not isinstance(dtype.inner, pl.Struct):
            way = [*found, name]
            raise no_list(way, file, unlisted(way, file) if file.kind == "ndjson" else 0)
        found.append(name)
        schema = {f.name: f.dtype for f in dtype.inner.fields}  # type: ignore[misc]
        columns.pop(name)
        columns |= dict.fromkeys(schema)
    return list(columns), tuple(found)


def _brief_shape(file: File, source: Source) -> tuple[object, ...] | None:
    """The shape of one of very many JSON files, by its first lines."""
    lines = head_of(file).split(b"\n")[:-1][:LINES] if file.kind == "ndjson" else []
    try:
        rows = [orjson.loads(line) for line in lines if line.strip()]
    except ValueError:
        return None
    if not rows or not all(isinstance(row, dict) for row in rows):
        return None
    keys = tuple(sorted({key for row in rows for key in row}))
    return (file.kind, keys, ",", "\n", _hive(file, source), ())


def _place(file: File) -> str:
    """Where files must lie together to be read in one go."""
    return "/".join(file.path.split("/")[:3]) if is_remote(file.path) else ""


def _hive(file: File, source: Source) -> tuple[tuple[str, str | None], ...]:
    """Columns that the names of folders give, and their values."""
    path = file.name if is_remote(file.name) else (file.origin or file).path
    named = [(source.folder, PurePath(path).parent.name)] if source.folder else []
    return (*pairs(file.folders or ()), *named)


def _schema_of(file: File) -> dict[str, pl.DataType]:
    try:
        return dict(scan_parquet([file.path]).collect_schema())
    except FAILURES as error:
        refused = problem(error, file.name) if is_remote(file.path) else None
        raise refused or DataProblem(
            "not-parquet", f"{file.name}: cannot be read as Parquet: {plain(_first_line(error))}",
            "fetch the export again",
        ) from error  # fmt: skip


def _json_schema(file: File) -> Types:
    try:
        lines = b"".join(itertools.islice(lines_of(file), INFERRED))
        schema = pl.scan_ndjson(lines, infer_schema_length=INFERRED).collect_schema()
    except FAILURES as error:
        if "empty reader" in str(error):
            raise _no_objects(file) from error
        if mixed := _mixed(file):
            return mixed
        raise oddities.broken(file) or DataProblem(
            "not-ndjson", f"{file.name}: {_first_line(error)}", "NDJSON has one object a line"
        ) from error  # fmt: skip
    if not schema:
        raise _no_objects(file)
    return dict(schema)


def _mixed(file: File) -> Types:
    """The types where one column has values of several kinds, such as objects and texts: texts."""
    lines = [line for line in itertools.islice(lines_of(file), INFERRED) if line.strip()]
    try:
        rows = [orjson.loads(line) for line in lines]
    except ValueError:
        return {}
    if not all(isinstance(row, dict) for row in rows):
        return {}
    columns: dict[str, list[bytes]] = {}
    for row in rows:
        for name, value in row.items():
            columns.setdefault(name, []).append(orjson.dumps({name: value}))
    found: Types = {}
    for name, values in columns.items():
        try:
            found |= pl.read_ndjson(b"\n".join(values), infer_schema_length=None).schema
        except pl.exceptions.PolarsError:
            found[name] = pl.String()
    return found


def _no_objects(file: File) -> DataProblem:
    return DataProblem("no-rows", f"{file.name}: there are no objects in it", "check the export")


def _separator(file: File, head: bytes, eol: str) -> str:
    if file.kind == "tsv":
        return "\t"
    if not head:
        first = pl.scan_csv(
            file.path, has_header=False, infer_schema=False, separator="\x01", n_rows=1, glob=False
        ).collect().item(0, 0)  # fmt: skip
    else:
        first = head.split(eol.encode())[0].decode("utf-8", "replace")
    counts = {s: first.count(s) for s in SEPARATORS}
    return "," if counts[","] else max(counts, key=lambda s: counts[s])


def _csv_columns(file: File, separator: str, eol: str, quote: str) -> Sequence[str]:
    try:
        lazy = scan_csv(file.path, separator, eol, quote, None)
        names = lazy.collect_schema().names()
        head = head_of(file)
        only_header = head and len(head) < 65_536 and not head.split(eol.encode(), 1)[-1].strip()
    except pl.exceptions.NoDataError as error:
        raise DataProblem(
            "empty-file", f"{file.name}: there is nothing in it", "check the export"
        ) from error
    except FAILURES as error:
        if source_line := head_of(file):
            names = _plain_header(source_line, separator, eol)
            return tuple(names)
        raise DataProblem(
            "broken-csv", f"{file.name}: cannot be read as CSV: {_first_line(error)}",
            "check the export",
        ) from error  # fmt: skip
    if only_header or (head and eol.encode() not in head):
        raise DataProblem(
            "no-rows", f"{file.name}: there is a header, but no rows below it", "check the export"
        )
    return tuple(names)


def _plain_header(head: bytes, separator: str, eol: str) -> list[str]:
    """The header of a file that breaks further down; the reader of its rows will say where."""
    line = head.split(eol.encode())[0].decode("utf-8-sig", "replace").rstrip("\r")
    return [name.strip('"') for name in line.split(separator)]


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
