"""What rows themselves tell: that ids are one person, and which account somebody belongs to."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from adoptcli.config.model import load
from adoptcli.runner.prepare import Prepared, Request, prepare
from tests.conftest import write_log
from tests.test_identity import events_of, followed, listed

COLUMNS = ("user_id", "anonymous_id", "event", "timestamp", "previous", "group", "account_id")
SOURCE = {
    "identity": {"pairs": [{"event": "$alias", "from": "previous", "to": "user_id"}]},
    "members": {"event": "$group", "account": "group"},
    "ignore": ["$alias", "$group"],
}


def read(folder: Path, **more: Any) -> Prepared:
    config = load(folder / "definitions.yaml")
    return prepare(
        Request(
            paths=[str(folder / "events.csv")], definitions=config.definitions, base=folder,
            settings=config.settings, metrics=("usage",), **more,
        )
    )  # fmt: skip


def rows_of(folder: Path, **more: Any) -> dict[str, tuple[str, str | None]]:
    """Whose each event is, and of which account."""
    found = read(folder, **more).plan.encoded
    rows = found.all().filter(pl.col("user").is_not_null()).collect()
    texts = {n: found.dictionaries[n].text(rows[n]) for n in ("event", "user", "account")}
    pairs = zip(texts["user"], texts["account"], strict=True)
    return dict(zip(texts["event"], pairs, strict=True))


def log(folder: Path, rows: Sequence[Sequence[str]], **identity: Any) -> None:
    source = {**SOURCE, "identity": {**SOURCE["identity"], **identity}}
    padded = [(*row, *[""] * (len(COLUMNS) - len(row))) for row in rows]
    write_log(folder, padded, {"source": source, "max_rejected": 0.5}, COLUMNS)


def day(n: int) -> str:
    return f"2026-01-{n:02}T10:00:00Z"


def test_rows_tell_who_is_one_person(tmp_path: Path, cli: Any) -> None:
    """By hand: a is b, whom a row without time makes c; of x the later is told; k is of four."""
    rows = [
        ("a", "", "e1", day(1)), ("b", "", "e2", day(2)), ("c", "", "e3", day(3)),
        ("b", "", "$alias", day(4), "a"), ("c", "", "$alias", "", "b"),
        ("x", "", "e4", day(5)), ("y", "", "$alias", day(9), "x"), ("z", "", "$alias", day(7), "x"),
        ("k", "", "e5", day(6)), *(("k" + n, "", "$alias", day(6), "k") for n in "1234"),
        ("p", "", "e6", day(7)), ("q", "", "e7", day(8)),
        ("p", "", "$alias", day(8), "q"), ("q", "", "$alias", day(8), "p"),
        ("n", "", "$alias", day(8), ""), ("m", "", "$alias", day(8), "m"), ("m", "", "e8", day(9)),
    ]  # fmt: skip
    log(tmp_path, rows)
    wanted = {"e1": "c", "e2": "c", "e3": "c", "e4": "y", "e5": "k", "e6": "p", "e7": "p",
              "e8": "m"}  # fmt: skip
    assert {e: who for e, (who, _) in rows_of(tmp_path).items() if e in wanted} == wanted
    source = events_of(tmp_path, cli)["source"]
    assert [source[n] for n in ("actors", "merged", "merged_into")] == [5, 4, 3]
    got = cli("usage", tmp_path / "events.csv", "-c", tmp_path / "definitions.yaml")
    assert "1 chains of ids come back to their beginning, such as p → q → p" in got.err
    assert "taken for shared, and not merged: 1" in got.out


def test_files_go_before_rows_and_rows_before_stitching(tmp_path: Path) -> None:
    text = "from,to\na,file\nu,a2\ns,1\ns,2\ns,3\ns,4\nkept,kept\nb1,b2\n"
    (tmp_path / "map.csv").write_text(text, encoding="utf-8")
    rows = [
        ("a", "", "e1", day(1)), ("told", "", "$alias", day(1), "a"),
        ("", "d", "e2", day(1)), ("u", "", "$alias", day(2), "d"), ("v", "d", "e3", day(9)),
        ("s", "", "e4", day(1)), ("w", "", "$alias", day(2), "s"), ("", "s", "e5", day(1)),
        ("w", "s", "e6", day(3)), ("kept", "", "e7", day(3)), ("w", "", "$alias", day(3), "kept"),
        ("b1", "", "e8", day(3)), ("b1", "", "$alias", day(3), "b2"),
    ]  # fmt: skip
    log(tmp_path, rows, mode="stitch", file="map.csv")
    found = {event: who for event, (who, _) in rows_of(tmp_path).items() if event != "$alias"}
    assert found == {
        "e1": "file", "e2": "a2", "e3": "v", "e4": "s", "e5": "s", "e6": "w", "e7": "kept",
        "e8": "b2",
    }  # fmt: skip


def test_a_shared_device_is_nobodys_whatever_one_row_tells(tmp_path: Path) -> None:
    """Two are known on it by rows and two by aliases; one more makes it four."""
    rows = [
        ("", "d", "e1", day(1)), ("u", "d", "e2", day(2)), ("v", "d", "e3", day(3)),
        ("w", "", "$alias", day(4), "d"),
    ]  # fmt: skip
    log(tmp_path, rows, mode="stitch")
    assert rows_of(tmp_path)["e1"][0] == "w"
    log(tmp_path, [*rows, ("x", "", "$alias", day(4), "d")], mode="stitch")
    assert rows_of(tmp_path)["e1"][0] == "d"
    assert read(tmp_path).shared == 1


def test_ids_that_are_merged_either_way(tmp_path: Path, cli: Any) -> None:
    """All that rows of two connect are one person, whom a one-way row may have made another."""
    pairs = [
        {"event": "$merge", "from": "ids[0]", "to": "ids[1]", "mutual": True},
        {"event": "$identify", "from": "anon", "to": "user"},
    ]
    merges = [("c", "d"), ("c", "b"), ("a", "c"), ("e", "b"), ("f", "c"), ("y", "x"), ("z", "z")]
    told = [{"event": "$merge", "ids": pair} for pair in merges]
    told += [{"event": "$identify", "anon": "d", "user": "u", "timestamp": day(2)}]
    rows = [{"user": u, "event": "e", "timestamp": day(1)} for u in "abcdefxyzu"]
    write_log(tmp_path, [], {"source": {"identity": {"pairs": pairs}}, "max_rejected": 0.5})
    for some in (rows + told, told[::-1] + rows):
        lines = "".join(json.dumps(row) + "\n" for row in some)
        (tmp_path / "events.ndjson").write_text(lines, encoding="utf-8")
        got = cli("usage", tmp_path / "events.ndjson", "-c", tmp_path / "definitions.yaml", "-q",
                  "--as-of", "2026-02-01", "--who", "periods[period=2026-01].active")  # fmt: skip
        assert got.out.split() == ["a", "x", "z"], got.err


def test_columns_that_rows_need(tmp_path: Path, cli: Any) -> None:
    log(tmp_path, [("a", "", "e", day(1))])
    text = (tmp_path / "definitions.yaml").read_text()
    for old, new, said in (
        ("from: previous", "from: prev", "'prev' (source.identity.pairs.from)"),
        ("account: group", "account: grp", "'grp' (source.members.account)"),
    ):
        (tmp_path / "definitions.yaml").write_text(text.replace(old, new))
        got = cli("usage", tmp_path / "events.csv", "-c", tmp_path / "definitions.yaml")
        assert got.code == 3
        assert f"there is no column {said}" in got.err


@dataclass(frozen=True)
class Row:
    user: str
    device: str
    event: str
    at: str
    previous: str = ""
    group: str = ""
    account: str = ""


def made(rng: random.Random) -> list[Row]:
    """Rows of users, of devices, and those that tell; some without a time, many at one."""
    found = []
    for n in range(300):
        at = f"2026-01-{rng.randint(1, 20):02}T{rng.randint(0, 3):02}:00:00Z"
        user = rng.choice(["", "", *(f"u{k}" for k in range(8))])
        device = rng.choice(["", *(f"d{k}" for k in range(14))])
        if device in ("d1", "d2", "d3") and user:
            user = "u1"
        account = rng.choice(["", "", "", "own1", "own2"])
        row = Row(user, device, f"e{n}", at, account=account)
        if n % 12 == 0:
            previous = rng.choice(["d4", "d5", "d6", "d1", "u6", "u7", "f1", ""])
            row = Row(user, device, "$alias", rng.choice([at, ""]), previous=previous)
        elif n % 7 == 0:
            row = Row(user, device, "$group", rng.choice([at, at, ""]), group=f"g{n % 4}")
        found.append(row)
    return found


def told_of(rows: Sequence[Row], files: Mapping[str, str], shared: int) -> tuple[Any, ...]:
    """By id: whom rows tell it is, and all of those; who is of too many people."""
    told: dict[str, dict[str, str]] = {}
    for row in rows:
        if row.event == "$alias" and row.previous and row.user and row.previous not in files:
            user, known = followed(files, row.user), told.setdefault(row.previous, {})
            known[user] = max(known.get(user, ""), row.at)
    told = {id: {u: at for u, at in known.items() if u != id} for id, known in told.items()}
    alone = {id for id, known in told.items() if len(known) > shared}
    last = {}
    for id, known in told.items():
        if known and id not in alone:
            last[id] = min(u for u, at in known.items() if at == max(known.values()))
    return last, told, alone


def people(
    rows: Sequence[Row], files: Mapping[str, str], shared: int
) -> dict[int, str]:  # fmt: skip
    """Whose each row is, by its place."""
    last, told, alone = told_of(rows, files, shared)
    pairs = {**{id: followed(files, id) for id in files}, **last}
    known: dict[str, dict[str, str]] = {}
    for row in rows:
        if row.user and row.device and row.at:
            user, seen = followed(pairs, row.user), known.setdefault(row.device, {})
            seen[user] = max(seen.get(user, ""), row.at)
    found = {}
    for place, row in enumerate(rows):
        if row.user:
            found[place] = followed(pairs, row.user)
        elif row.device:
            found[place] = _of_device(row.device, (pairs, files, told, alone), known, shared)
    return found


def _of_device(device: str, maps: Any, known: Any, shared: int) -> str:
    pairs, files, told, alone = maps
    if device in files:
        return followed(pairs, device)
    seen = {u: at for u, at in known.get(device, {}).items() if u != device}
    users = {*seen, *(followed(pairs, u) for u in told.get(device, ()))} - {device}
    if device in alone or len(users) > shared:
        return device
    if device in pairs:
        return followed(pairs, device)
    return min((u for u, at in seen.items() if at == max(seen.values())), default=device)


def accounts(rows: Sequence[Row], whose: Mapping[int, str]) -> dict[int, str]:
    """The account of each row that has or gets one."""
    calls: dict[str, list[tuple[str, str]]] = {}
    for place, row in enumerate(rows):
        if row.event == "$group" and place in whose:
            calls.setdefault(whose[place], []).append((row.at, row.group))
    found = {}
    for place, row in enumerate(rows):
        said = calls.get(whose.get(place, ""), [])
        before = [at for at, _ in said if at <= row.at] or [min((at for at, _ in said), default="")]
        told = [group for at, group in said if at == max(before)]
        if row.account or told:
            found[place] = row.account or min(told)
    return found


@pytest.mark.parametrize("seed", [1, 2])
def test_random_logs_in_whatever_order(seed: int, tmp_path: Path, cli: Any) -> None:
    rng = random.Random(seed)
    rows, shared, files = made(rng), rng.choice([1, 3]), {"f1": "u2", "u5": "f1", "d7": "u3"}
    text = "anonymous_id,user_id\n" + "".join(f"{a},{b}\n" for a, b in files.items())
    (tmp_path / "map.csv").write_text(text, encoding="utf-8")
    whose = people(rows, files, shared)
    groups = accounts(rows, whose)
    wanted = {
        row.event: (whose[place], groups.get(place))
        for place, row in enumerate(rows)
        if place in whose and row.event.startswith("e")
    }
    assert len({account for _, account in wanted.values()}) > 5

    def write(some: Sequence[Row]) -> None:
        lines = [(r.user, r.device, r.event, r.at, r.previous, r.group, r.account) for r in some]
        log(tmp_path, lines, mode="stitch", file="map.csv", shared=shared)

    write(rows)
    found = rows_of(tmp_path)
    assert {event: found[event] for event in wanted} == wanted
    reports = [events_of(tmp_path, cli), events_of(tmp_path, cli, "--unit", "account")]
    assert reports[1]["source"]["actors"] == len({a for _, a in wanted.values() if a})
    assert listed(tmp_path, cli) == {who for who, _ in wanted.values()}
    rng.shuffle(rows)
    write(rows)
    assert events_of(tmp_path, cli, "--shards", "7") == reports[0]
    assert events_of(tmp_path, cli, "--shards", "7", "--unit", "account") == reports[1]


def test_the_account_of_a_row(tmp_path: Path) -> None:
    """Its own, else as group calls tell of the person, else that of the users table."""
    rows = [
        ("u", "", "e1", day(1)), ("", "d", "$group", day(2), "", "g2"), ("u", "d", "e2", day(3)),
        ("u", "", "e3", day(4), "", "", "own"), ("u", "", "e4", day(5)),
        ("u", "", "$group", day(6), "", "g1"), ("u", "", "$group", day(6), "", "g0"),
        ("u", "", "e5", day(6)), ("", "d", "e6", day(7)), ("v", "", "e7", day(7)),
        ("w", "", "e8", day(8)), ("w", "", "$group", "", "", "g9"),
    ]  # fmt: skip
    log(tmp_path, rows, mode="stitch")
    users = "user_id,signed_up_at,account_id\nu,2026-01-01,table\nv,2026-01-01,table\n"
    (tmp_path / "users.csv").write_text(users, encoding="utf-8")
    with (tmp_path / "definitions.yaml").open("a") as stream:
        stream.write("users: {file: users.csv}\n")
    wanted = {"e1": "g2", "e2": "g2", "e3": "own", "e4": "g2", "e5": "g0", "e6": "g0",
              "e7": "table", "e8": "g9"}  # fmt: skip
    found = {e: account for e, (_, account) in rows_of(tmp_path, unit="account").items()}
    assert {event: found[event] for event in wanted} == wanted
    by_user = {e: account for e, (_, account) in rows_of(tmp_path).items()}
    assert {event: by_user[event] for event in wanted} == {**wanted, "e7": None}


def test_group_calls_in_a_table_of_their_own(tmp_path: Path, cli: Any) -> None:
    """Segment's tables: the rows of one tell the accounts of the people of the other."""
    (tmp_path / "tracks.csv").write_text(
        "id,received_at,timestamp,anonymous_id,user_id,event,event_text,context_group_id\n"
        + "".join(
            f"{n},{day(n)},{day(n)},{device},{user},x,X,{group}\n"
            for n, (user, device, group) in enumerate(
                [("u", "", ""), ("", "d", ""), ("v", "d", ""), ("u", "", "own"), ("w", "", "")], 1
            )
        )
        + "9,2026-01-09,2026-01-09,,u,x,X,\n"
    )
    (tmp_path / "groups.csv").write_text(
        "id,received_at,timestamp,anonymous_id,user_id,group_id\n"
        f"a,{day(2)},{day(2)},,u,one\nb,{day(3)},{day(3)},d,,two\nc,{day(4)},{day(4)},x,null,no\n"
    )
    source = [{"files": "tracks.csv"}, {"files": "groups.csv"}]
    write_log(tmp_path, [], {"source": source})
    got = cli("usage", "-c", tmp_path / "definitions.yaml", "-f", "json", "--as-of", "2026-02-01")
    assert "format: segment-groups" in got.err
    found = json.loads(got.out)["source"]
    assert [found[n] for n in ("events", "actors", "accounts", "excluded")] == [6, 3, 3, 3]
    for shards in ("1", "3"):
        got = cli("usage", "-c", tmp_path / "definitions.yaml", "-q", "--unit", "account",
                  "--shards", shards, "--as-of", "2026-02-01", "--who",
                  "periods[period=2026-01].active")  # fmt: skip
        assert got.out.split() == ["one", "own", "two"]


def test_what_a_preset_tells_can_be_turned_off(tmp_path: Path, cli: Any) -> None:
    rows = [
        {"event": "View", "properties": {"time": 1767225600, "distinct_id": "a"}},
        {"event": "$identify", "properties": {"time": 1767225600, "distinct_id": "u",
                                              "$anon_distinct_id": "a", "$user_id": "u"}},
        {"event": "View", "properties": {"time": 1767312000, "distinct_id": "u"}},
    ]  # fmt: skip
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "events.ndjson").write_text(text, encoding="utf-8")
    for identity, actors in ({}, 1), ({"mode": "none"}, 2), ({"pairs": []}, 2):
        write_log(tmp_path, [], {"source": {"identity": identity}} if identity else {})
        assert events_of_json(tmp_path, cli)["source"]["actors"] == actors


def events_of_json(folder: Path, cli: Any) -> dict[str, Any]:
    got = cli("usage", folder / "events.ndjson", "-c", folder / "definitions.yaml", "-f", "json",
              "--as-of", "2026-02-01")  # fmt: skip
    return json.loads(got.out)


def test_rows_that_do_not_fit_are_read_all_the_same(tmp_path: Path, cli: Any) -> None:
    """Texts in the place of objects, space around ids, numbers; not rows that `where` excludes."""
    told = {"time": 1767225600, "distinct_id": "u", "$anon_distinct_id": " a ", "$user_id": 7}
    some = [(" $identify ", told), ("$merge", {"$distinct_ids": [7, "q"]}), ("View", "broken")]
    some += [("View", {"time": 1767225600, "distinct_id": id}) for id in ("a", "7", "q")]
    rows = [{"event": event, "properties": properties} for event, properties in some]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "events.ndjson").write_text(text, encoding="utf-8")
    config = {"max_rejected": 0.5, "source": {"preset": "mixpanel"}}
    write_log(tmp_path, [], config)
    report = events_of_json(tmp_path, cli)
    assert [report["source"][n] for n in ("events", "actors", "merged")] == [3, 1, 2]
    config["source"] = {"preset": "mixpanel", "where": {"event": "View"}}
    write_log(tmp_path, [], config)
    assert events_of_json(tmp_path, cli)["source"]["actors"] == 3


@pytest.mark.parametrize(
    "event", ['"$identify"', '"\\u0024identify"', '" $identify\u00a0"', '"$\\u0069dentify\\t"']
)
def test_rows_that_tell_are_found_however_they_are_written(
    event: str, tmp_path: Path, cli: Any
) -> None:
    """Only lines that may have the event are taken apart."""
    told = (
        '{"time": 1767225600, "distinct_id": "u", "$anon_distinct_id": "a", "$identified_id": "u"}'
    )
    seen = '{"event": "View", "properties": {"time": 1767225600, "distinct_id": "%s"}}\n'
    text = f'{{"event": {event}, "properties": {told}}}\n' + seen % "a" + seen % "u"
    (tmp_path / "events.ndjson").write_text(text, encoding="utf-8")
    write_log(tmp_path, [], {"source": {"preset": "mixpanel"}})
    assert events_of_json(tmp_path, cli)["source"]["actors"] == 1
