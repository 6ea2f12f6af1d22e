"""Rows as Snowplow's pipeline makes them, and how many events and people are in them."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

HEADER = """
app_id platform etl_tstamp collector_tstamp dvce_created_tstamp event event_id txn_id name_tracker
v_tracker v_collector v_etl user_id user_ipaddress user_fingerprint domain_userid domain_sessionidx
network_userid geo_country geo_region geo_city geo_zipcode geo_latitude geo_longitude
geo_region_name ip_isp ip_organization ip_domain ip_netspeed page_url page_title page_referrer
page_urlscheme page_urlhost page_urlport page_urlpath page_urlquery page_urlfragment refr_urlscheme
refr_urlhost refr_urlport refr_urlpath refr_urlquery refr_urlfragment refr_medium refr_source
refr_term mkt_medium mkt_source mkt_term mkt_content mkt_campaign contexts se_category se_action
se_label se_property se_value unstruct_event tr_orderid tr_affiliation tr_total tr_tax tr_shipping
tr_city tr_state tr_country ti_orderid ti_sku ti_name ti_category ti_price ti_quantity
pp_xoffset_min pp_xoffset_max pp_yoffset_min pp_yoffset_max useragent br_name br_family br_version
br_type br_renderengine br_lang br_features_pdf br_features_flash br_features_java
br_features_director br_features_quicktime br_features_realplayer br_features_windowsmedia
br_features_gears br_features_silverlight br_cookies br_colordepth br_viewwidth br_viewheight
os_name os_family os_manufacturer os_timezone dvce_type dvce_ismobile dvce_screenwidth
dvce_screenheight doc_charset doc_width doc_height tr_currency tr_total_base tr_tax_base
tr_shipping_base ti_currency ti_price_base base_currency geo_timezone mkt_clickid mkt_network
etl_tags dvce_sent_tstamp refr_domain_userid refr_device_tstamp derived_contexts domain_sessionid
derived_tstamp event_vendor event_name event_format event_version event_fingerprint true_tstamp
""".split()  # noqa: SIM905
ATOMIC = [n for n in HEADER if n not in ("contexts", "unstruct_event", "derived_contexts")]
ATOMIC += ["load_tstamp", "contexts_web_page_1"]

START, DAY, DAYS = 1769904000, 86_400, 20  # 2026-02-01
IGNORED = {"page_ping", "web_vitals", "consent_preferences", "cmp_visible", "application_error"}
NAMES = [*sorted(IGNORED), "page_view", "link_click", "add_to_cart", "page_view"]

Row = dict[str, str]


def _text(seconds: float) -> str:
    """With three digits, or none where they would be zeros."""
    at = datetime.fromtimestamp(seconds, UTC)
    return at.strftime("%Y-%m-%d %H:%M:%S") + (f".{at.microsecond // 1000:03}" * (seconds % 1 > 0))


def made(seed: int) -> list[Row]:
    """Rows with every trap; no value has a tab or a newline."""
    rng = random.Random(seed)
    rows = []
    for i in range(2100):
        device = rng.randrange(80)
        at = START + rng.randrange(DAYS * DAY - 10) + rng.randrange(1000) / 1000
        if i == 0:
            at = START + DAYS * DAY - 0.5  # the last day is whole
        name = rng.choice(NAMES) if i else "page_view"
        row = {
            "app_id": "web", "event_id": f"{seed}-{i:06}", "event_name": name,
            "event": name if name in ("page_view", "page_ping") else "unstruct",
            "domain_userid": f"d{device}", "network_userid": f"n{device}",
            "domain_sessionid": f"s{device}-{int(at) // 1800}", "derived_tstamp": _text(at),
            "collector_tstamp": _text(at + rng.choice([0, 1.25, 5 * DAY if i % 20 == 0 else 2])),
            "etl_tstamp": _text(at + 6 * DAY), "user_id": "",
        }  # fmt: skip
        if device < 30 and i % 4 == 0:
            row["user_id"] = f"u{device // 2}"  # half of the people have two devices
        if device == 33 and i % 2:
            row["user_id"] = f"u{rng.randrange(12)}"  # a kiosk
        if device in (34, 35):
            row["domain_userid"] = f"d34-{i}"  # a browser that forgets: an id a row
            row["user_id"] = f"u{device}"
        if device in (36, 37):
            row["domain_userid"] = ""  # cookies refused
        if device == 37:
            row["network_userid"] = " " if i % 2 else ""
        if i % 25 == 1:
            row["derived_tstamp"] = ""  # older trackers: the collector's time counts
        if i % 29 == 1:
            row["event_name"] = ""  # then its class is what it is called
        rows.append(row)
        if i % 30 == 2:  # delivered twice; by the later collector's time on another day
            again = dict(row)
            again["collector_tstamp"] = _text(at + 8 * DAY)
            again["derived_tstamp"] = _text(min(at + DAY, START + DAYS * DAY - 1))
            rows.insert(rng.randrange(len(rows) + 1), again)
        if i % 45 == 2:
            rows.append(dict(row))  # the same in all
    return rows


def _when(row: Row) -> float:
    text = row["derived_tstamp"] or row["collector_tstamp"]
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def expected(rows: list[Row]) -> dict[str, Any]:
    """Of repeats that with the earliest collector's time counts; then the last user of a device."""
    best: dict[str, Row] = {}
    for row in rows:
        held = best.get(row["event_id"])
        if held is None or row["collector_tstamp"] < held["collector_tstamp"]:
            best[row["event_id"]] = row
    known: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for row in best.values():
        if row["user_id"]:
            known[_device(row)].append((_when(row), row["user_id"]))
    last = {d: max(v)[1] for d, v in known.items() if len({u for _, u in v}) <= 3}
    daily: dict[str, set[str]] = defaultdict(set)
    counts = dict.fromkeys(("events", "duplicates", "excluded", "anonymous"), 0)
    chosen = {id(row) for row in best.values()}
    for row in rows:
        device = _device(row)
        who = row["user_id"] or last.get(device, device)
        if not who:
            counts["anonymous"] += 1
        elif (row["event_name"] or row["event"]) in IGNORED:
            counts["excluded"] += 1
        elif id(row) not in chosen:
            counts["duplicates"] += 1
        else:
            counts["events"] += 1
            day = int(_when(row) - START) // DAY
            daily[datetime.fromtimestamp(START + day * DAY, UTC).date().isoformat()].add(who)
    return {
        "rows": len(rows), **counts, "actors": len(set().union(*daily.values())),
        "set_aside": {"after-as-of": 0},
        "daily": {day: len(who) for day, who in sorted(daily.items())},
    }  # fmt: skip


def _device(row: Row) -> str:
    return row["domain_userid"].strip() or row["network_userid"].strip()
