"""Ids of one person: maps followed to the end, anonymous ids stitched, and nobody lost."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from adoptcli.config.model import load
from adoptcli.definitions import Identity
from adoptcli.errors import DataProblem
from adoptcli.runner.prepare import Request, prepare
from adoptcli.source.identity import ALWAYS, chains, one_target, read_identities, stitched
from adoptcli.source.told import SCHEMA
from tests.conftest import but_for_commands, write_log

Pairs = Sequence[tuple[str | None, str | None]]


def ends(pairs: Pairs) -> dict[str, str]:
    frame = pl.DataFrame(pairs, schema={"from": pl.String, "to": pl.String}, orient="row")
    return dict(chains(frame).pairs.iter_rows())


def test_chains_are_followed_to_the_end() -> None:
    assert ends([("a", "b"), ("b", "c"), ("c", "d"), ("x", "d")]) == dict.fromkeys("abcx", "d")


def test_self_maps_blanks_and_repeats_say_nothing() -> None:
    assert ends([("a", "a"), (None, "b"), ("c", None), ("d", "e"), ("d", "e")]) == {"d": "e"}
    assert ends([]) == {}


def test_circles_end_at_their_smallest_id_and_are_told() -> None:
    frame = pl.DataFrame({"from": list("zxyqv"), "to": list("xyzzw")})
    found = chains(frame)
    assert dict(found.pairs.iter_rows()) == {"y": "x", "z": "x", "q": "x", "v": "w"}
    assert (found.circles, found.example) == (1, "x → y → z → x")


def followed(pairs: Mapping[str, str], start: str) -> str:
    """One step after the other; round a circle to its smallest id."""
    way, here = [], start
    while here in pairs and here not in way:
        way.append(here)
        here = pairs[here]
    return min(way[way.index(here) :]) if here in way else here


@pytest.mark.parametrize("seed", range(8))
def test_chains_as_followed_one_by_one_in_whatever_order(seed: int) -> None:
    rng = random.Random(seed)
    ids = [f"{n:x}" for n in range(40)]
    pairs = [(a, rng.choice(ids)) for a in rng.sample(ids, 30)]
    wanted = {a: end for a in ids if (end := followed(dict(pairs), a)) != a}
    assert ends(pairs) == wanted
    rng.shuffle(pairs)
    assert ends(pairs) == wanted


def test_a_long_chain() -> None:
    ids = [f"{n:04}" for n in range(3000)]
    assert set(ends([*pairwise(ids)]).values()) == {"2999"}


def test_of_several_targets_the_latest_else_the_smallest_and_too_many_are_nobodys() -> None:
    rows = [
        ("a", "new", 10.0), ("a", "old", 9.0),
        ("b", "y", None), ("b", "x", None),
        ("c", "p", 1.0), ("c", "q", 1.0), ("c", "r", 1.0),
    ]  # fmt: skip
    frame = pl.DataFrame(rows, schema=["from", "to", "version"], orient="row")
    kept, several, shared = one_target(frame, 2)
    assert dict(kept.select("from", "to").iter_rows()) == {"a": "new", "b": "x"}
    assert (several, [*shared]) == (1, ["c"])


MAPS = {
    "distinct_id,resolved_distinct_id\na,b\n": {"a": "b"},
    "team_id,distinct_id,person_id,version,is_deleted\n1,a,p9,9,false\n1,a,p10,10,false\n"
    "1,b,p1,1,false\n1,b,p1,2,true\n": {"a": "p10"},
    "amplitude_id,merge_server_time,merged_amplitude_id\n7,2026-01-02 10:00:00.000,3\n"
    "7,2026-01-03 09:00:00.000,4\n": {"7": "4"},
    "from_user_id,to_user_id\n007,7\n": {"007": "7"},
    "vid_to_merge,canonical_vid\n1,2\n": {"1": "2"},
    "previousId,userId\na,b\n \n": {"a": "b"},
    "anonymous_id,user_id\na, b \n,c\nd,\n": {"a": "b"},
}


@pytest.mark.parametrize("text", MAPS)
def test_the_usual_maps_are_known(text: str, tmp_path: Path) -> None:
    assert read(tmp_path, text) == MAPS[text]


def read(folder: Path, text: str, name: str = "map.csv", **identity: Any) -> dict[str, str]:
    from adoptcli.definitions import Source

    (folder / name).write_text(text, encoding="utf-8")
    source = Source.model_validate({"identity": {"file": name, **identity}})
    found = read_identities([source], folder, pl.DataFrame(schema=SCHEMA))
    assert found is not None
    return dict(found.pairs.iter_rows())


def test_stated_columns_and_ndjson(tmp_path: Path) -> None:
    text = "one,two,three\na,b,c\n"
    assert read(tmp_path, text, **{"from": "three", "to": "one"}) == {"c": "a"}
    assert read(tmp_path, "one,two\na,b\n", to="one") == {"b": "a"}
    lines = '{"alias": "x", "user_id": 5}\n{"alias": "y", "user_id": "6"}\n'
    assert read(tmp_path, lines, "map.ndjson") == {"x": "5", "y": "6"}


@pytest.mark.parametrize(
    ("text", "identity", "said"),
    [
        ("one,two\na,b\n", {}, "map.csv: it is unclear which column holds the ids"),
        ("one,two\na,b\n", {"from": "on"}, "there is no column 'on' (source.identity.from)"),
        ("one,two\na,b\n", {"to": "tow"}, "there is no column 'tow' (source.identity.to)"),
    ],
)
def test_what_is_unclear_is_asked(
    text: str, identity: dict[str, str], said: str, tmp_path: Path
) -> None:
    with pytest.raises(DataProblem) as error:
        read(tmp_path, text, **identity)
    assert said in error.value.message


def test_modes() -> None:
    assert (Identity().how, Identity(file="x").how) == ("none", "map")
    assert Identity(file="x", mode="stitch").how == "stitch"
    usual = Identity.model_validate({"mode": "stitch", "stitch": "first", "from": "a"})
    made = Identity(file="x", stitch="last").over(usual)
    assert (made.how, made.stitch, made.file, getattr(made, "from")) == ("stitch", "last", "x", "a")


KNOWN = pl.DataFrame(
    [
        ("d", "u", 10), ("d", "v", 20), ("d", "u", 30), ("e", "w", 5), ("e", "v", 5),
        ("f", "f", 1), ("g", "u", 1), ("g", "v", 2), ("g", "w", 3),
    ],
    schema=["anonymous", "user", "time"], orient="row",
).with_columns(place=pl.col("user").rank("dense"))  # fmt: skip


@pytest.mark.parametrize(
    ("stitch", "wanted"),
    [
        ("last", [("d", ALWAYS, "u"), ("e", ALWAYS, "v")]),
        ("first", [("d", ALWAYS, "u"), ("e", ALWAYS, "v")]),
        ("forward", [("d", 10, "u"), ("d", 20, "v"), ("d", 30, "u"), ("e", 5, "v")]),
    ],
)
def test_stitches(stitch: str, wanted: list[tuple[str, int, str]]) -> None:
    found = stitched(KNOWN.sample(fraction=1, shuffle=True, seed=3), stitch, 2)
    assert found.spans.rows() == wanted
    assert found.alone.len() == 1


def test_the_last_of_three_where_three_are_allowed() -> None:
    spans = stitched(KNOWN, "last", 3).spans
    assert dict(spans.select("anonymous", "user").iter_rows()) == {"d": "u", "e": "v", "g": "w"}
    spans = stitched(KNOWN, "first", 3).spans
    assert dict(spans.select("anonymous", "user").iter_rows()) == {"d": "u", "e": "v", "g": "u"}


def made(rng: random.Random) -> list[tuple[str, str, str, str]]:
    """user, anonymous, event, timestamp: devices of one user, of several, and of nobody."""
    rows = []
    for n in range(220):
        at = f"2026-01-{rng.randint(1, 20):02}T{rng.randint(0, 23):02}:{rng.randint(0, 1):02}:00Z"
        device = rng.choice(["", *(f"d{k}" for k in range(12))])
        user = rng.choice(["", "", *(f"u{k}" for k in range(6))])
        if device in ("d1", "d2", "d3") and user:
            user = "u1"
        if device in ("d10", "d11"):
            user = ""
        rows.append((user, device, f"e{n}", at))
    rng.shuffle(rows)
    return rows


def person(row: tuple[str, ...], rows: Sequence[tuple[str, ...]], stitch: str, shared: int,
           pairs: Mapping[str, str]) -> str:  # fmt: skip
    """Whose a row is, from the rules and not from the program."""
    user, device, _, at = row
    if user:
        return followed(pairs, user)
    if not device or device in pairs:
        return followed(pairs, device)
    known = [(r[3], followed(pairs, r[0])) for r in rows if r[1] == device and r[0]]
    if not known or len({u for _, u in known}) > shared:
        return device
    if stitch == "forward":
        known = [(t, u) for t, u in known if t <= at]
    if not known:
        return device
    edge = min(known)[0] if stitch == "first" else max(known)[0]
    return min(u for t, u in known if t == edge)


def events_of(folder: Path, cli: Any, *more: object) -> dict[str, Any]:
    got = cli(
        "usage", folder / "events.csv", "-c", folder / "definitions.yaml", "-f", "json",
        "--as-of", "2026-02-01", *more,
    )  # fmt: skip
    assert got.code == 0, got.err
    return json.loads(but_for_commands(got.out))


@pytest.mark.parametrize("stitch", ["last", "first", "forward"])
@pytest.mark.parametrize("seed", [1, 2])
def test_random_logs(stitch: str, seed: int, tmp_path: Path, cli: Any) -> None:
    rng = random.Random(seed)
    rows, shared = made(rng), rng.choice([1, 2, 6])
    pairs = {"u5": "u4", "u4": "u0", "d11": "u2", "never": "u3"}
    text = "anonymous_id,user_id\n" + "".join(f"{a},{b}\n" for a, b in pairs.items())
    (tmp_path / "map.csv").write_text(text, encoding="utf-8")
    identity = {"mode": "stitch", "stitch": stitch, "shared": shared, "file": "map.csv"}
    log = rows
    columns = ("user_id", "anonymous_id", "event", "timestamp")
    write_log(tmp_path, log, {"source": {"identity": identity}}, columns)
    people = [(r, who) for r in rows if (who := person(r, rows, stitch, shared, pairs))]
    whose: dict[str, set[str]] = {}
    for row, who in people:
        whose.setdefault(who, set()).add(row[2])
    given = [(r[0] or r[1], who, not r[0]) for r, who in people]
    merged = {(a, b) for a, b, _ in given if a != b}
    known = {b for _, b, device in given if not device}
    wanted = {
        "events": len(people),
        "actors": len(whose),
        "merged": len({a for a, _ in merged}),
        "merged_into": len({b for _, b in merged}),
        "devices": len({b for a, b, device in given if device and a == b} - known),
    }
    report = events_of(tmp_path, cli)
    assert {name: report["source"][name] for name in wanted} == wanted
    assert events_of(tmp_path, cli, "--shards", "3") == report
    rng.shuffle(log)
    write_log(tmp_path, log, {"source": {"identity": identity}}, columns)
    assert events_of(tmp_path, cli) == report
    assert listed(tmp_path, cli) == set(whose)
    assert by_event(tmp_path) == {row[2]: who for row, who in people}


def by_event(folder: Path) -> dict[str, str]:
    """Whose each event is, as every count has it."""
    config = load(folder / "definitions.yaml")
    found = prepare(
        Request(
            paths=[str(folder / "events.csv")], definitions=config.definitions, base=folder,
            settings=config.settings, metrics=("usage",),
        )
    ).plan.encoded  # fmt: skip
    rows = found.all().filter(pl.col("user").is_not_null()).collect()
    texts = {name: found.dictionaries[name].text(rows[name]) for name in ("event", "user")}
    return dict(zip(texts["event"], texts["user"], strict=True))


def listed(folder: Path, cli: Any, *more: object) -> set[str]:
    """The ids of everybody active in January."""
    got = cli(
        "usage", folder / "events.csv", "-c", folder / "definitions.yaml", "-q",
        "--as-of", "2026-02-01", "--who", "periods[period=2026-01].active", *more,
    )  # fmt: skip
    assert got.code == 0, got.err
    return set(got.out.split())


LOG = [
    ("old", "acme", "view", "2026-01-01T00:00:00Z"),
    ("new", "acme", "view", "2026-01-03T10:00:00Z"),
    ("staff", "", "view", "2026-01-04T10:00:00Z"), ("other", "", "view", "2026-01-05T10:00:00Z"),
]  # fmt: skip
USERS = "user,signed_up_at,plan,email\nold,2026-01-01,free,o@x\nother,2026-01-01,pro,x@x\n"


def test_tables_lists_and_exclusions_know_the_person(tmp_path: Path, cli: Any) -> None:
    config = {"users": {"file": "users.csv"}, "exclude": {"users": ["st*f"]}}
    write_log(tmp_path, LOG, config, ("user", "account", "event", "timestamp"), users=USERS)
    (tmp_path / "map.csv").write_text("old_id,new_id\nold,new\nstaff,p[1]\n", encoding="utf-8")
    more = ("--identities", tmp_path / "map.csv")
    source = events_of(tmp_path, cli, *more)["source"]
    assert [source[n] for n in ("events", "actors", "merged", "merged_into")] == [3, 2, 2, 2]
    assert source["excluded"] == 1
    assert listed(tmp_path, cli, *more) == {"new", "other"}
    split = events_of(tmp_path, cli, *more, "--by", "plan")["metrics"]["usage"]["tables"]["periods"]
    active = {row["segment"]: row["active"] for row in split if row["period"] == "2026-01"}
    assert active == {"free": 1, "pro": 1, None: 2}
    got = cli("audience", "usage.periods[period=2026-01].active", tmp_path / "events.csv", "-c",
              tmp_path / "definitions.yaml", "--as-of", "2026-02-01", "--for", "hubspot",
              *more)  # fmt: skip
    assert "o@x" in got.out, got.err
    accounts = events_of(tmp_path, cli, *more, "--unit", "account")["source"]
    assert (accounts["actors"], accounts["events"]) == (1, 2)


def test_a_map_loses_nobody_and_guesses_are_told(tmp_path: Path, cli: Any) -> None:
    write_log(tmp_path, [(u, e, t) for u, _, e, t in LOG])
    (tmp_path / "map.tsv").write_text("distinct_id\tperson_id\nold\tnew\n", encoding="utf-8")
    got = cli("usage", tmp_path / "events.csv", "--as-of", "2026-02-01", "--identities",
              tmp_path / "map.tsv")  # fmt: skip
    assert "4 events · 3 users · 1 ids merged into 1" in got.out
    assert "ids guessed in map.tsv: distinct_id -> person_id" in got.err


def test_circles_and_shared_ids_are_told(tmp_path: Path, cli: Any) -> None:
    write_log(tmp_path, [(u, e, t) for u, _, e, t in LOG])
    text = "from,to\nold,new\nnew,old\nother,a\nother,b\nother,c\nother,d\nstaff,y\nstaff,x\n"
    (tmp_path / "map.csv").write_text(text, encoding="utf-8")
    got = cli("usage", tmp_path / "events.csv", "--as-of", "2026-02-01", "--identities",
              tmp_path / "map.csv")  # fmt: skip
    assert "1 chains of ids come back to their beginning, such as new → old → new" in got.err
    assert "1 ids are mapped to several people" in got.err
    assert "taken for shared, and not merged: 1" in got.out
    assert listed(tmp_path, cli, "--identities", tmp_path / "map.csv") == {"new", "other", "x"}


def test_stitching_needs_an_anonymous_id(tmp_path: Path, cli: Any) -> None:
    config: dict[str, Any] = {"source": {"identity": {"mode": "stitch"}}}
    write_log(tmp_path, [(u, e, t) for u, _, e, t in LOG], config)
    got = cli("usage", tmp_path / "events.csv", "-c", tmp_path / "definitions.yaml")
    assert got.code == 3
    assert "name it in source.columns.anonymous" in got.err
    config["source"]["columns"] = {"user": "usr", "anonymous": "user"}
    write_log(tmp_path, [(u, e, t) for u, _, e, t in LOG], config)
    got = cli("usage", tmp_path / "events.csv", "-c", tmp_path / "definitions.yaml")
    assert got.code == 3
    assert "name it in source.columns.user; the columns are: user, event, timestamp" in got.err


def test_sources_stitch_in_one_way(tmp_path: Path, cli: Any) -> None:
    ways = [{"mode": "stitch"}, {"mode": "stitch", "stitch": "first"}]
    config = {"source": [{"files": "events.csv", "identity": way} for way in ways]}
    write_log(tmp_path, LOG, config, ("user", "anonymous_id", "event", "timestamp"))
    got = cli("usage", "-c", tmp_path / "definitions.yaml")
    assert got.code == 2
    assert "identity.stitch and identity.shared differ between sources" in got.err


def test_of_two_rows_of_one_user_in_a_file_the_way_of_reading_says_nothing(
    tmp_path: Path, cli: Any
) -> None:
    """Space around ids is taken off before they are looked up."""
    config = {"source": {"identity": {"mode": "stitch"}}}
    rows = [
        ("", " d ", "view", "2026-01-02T10:00:00Z"), ("u", "d", "in", "2026-01-03T10:00:00Z"),
        (" u", "e", "in", "2026-01-03T10:00:00Z"), ("", "e ", "view", "2026-01-05T10:00:00Z"),
    ]  # fmt: skip
    write_log(tmp_path, rows, config, ("user", "anonymous_id", "event", "timestamp"))
    report = events_of(tmp_path, cli)
    assert report["source"]["actors"] == 1


def test_files_that_know_their_rows_by_anonymous_ids_alone(tmp_path: Path, cli: Any) -> None:
    files = ["events.csv", "pages.csv", "server.csv"]
    columns = {"user": "user_id", "anonymous": "anonymous_id"}
    config = {"source": {"identity": {"mode": "stitch"}, "files": files, "columns": columns}}
    text = "user_id,event,timestamp\nu,paid,2026-01-05T00:00:00Z\n"
    (tmp_path / "server.csv").write_text(text, encoding="utf-8")
    rows = [("u", "d", "in", "2026-01-03T10:00:00Z")]
    write_log(tmp_path, rows, config, ("user_id", "anonymous_id", "event", "timestamp"))
    text = (
        "anonymous_id,event,timestamp\nd,view,2026-01-01T00:00:00Z\ne,view,2026-01-02T10:00:00Z\n"
    )
    (tmp_path / "pages.csv").write_text(text, encoding="utf-8")
    got = cli("usage", "-c", tmp_path / "definitions.yaml", "--as-of", "2026-02-01", "-f", "json")
    source = json.loads(got.out)["source"]
    assert [source[n] for n in ("events", "actors", "merged", "devices")] == [4, 2, 1, 1]
