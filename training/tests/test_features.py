"""Features: the definitions, at the edges."""

import json
from pathlib import Path
from typing import Any

import pytest

from rapport_training.definitions import DAY_MS, Feature, duration_ms, read_features
from rapport_training.events import event_of, instant_ms, read_export
from rapport_training.features import feature_row, matches, value_at

AT = "2026-03-10T12:00:00.000Z"


def an_event(event: str = "Product Viewed", at: str = AT, received: str | None = None, **properties: Any):
    return event_of(
        {
            "type": "track",
            "event": event,
            "messageId": "m",
            "timestamp": at,
            "receivedAt": received or at,
            "properties": properties,
        }
    )


def a_feature(kind: str, prop: str | None = None, window: str | None = None, **on: Any) -> Feature:
    return Feature("f", kind, on or {"event": "Product Viewed"}, prop, window)


def test_the_playbook_of_this_repository_has_the_features_and_on_is_a_word():
    features = read_features(Path(__file__).parents[2] / "playbook")
    by_name = {feature.name: feature for feature in features}
    assert by_name["views_7d"].definition == {"kind": "count", "on": {"event": "Product Viewed"}, "window": "7d"}
    assert "last_category" not in by_name


def test_an_event_is_in_a_window_until_its_bucket_falls_out():
    # The same instants as in the profiles service: a sixtieth of 7 days is 2.8 hours.
    week = a_feature("count", window="7d")
    width_ms = -(-duration_ms("7d") // 60)
    at_ms = instant_ms(AT)
    event = an_event()
    out_ms = (at_ms // width_ms + 60) * width_ms
    assert value_at(week, [event], out_ms - 1) == 1
    assert value_at(week, [event], out_ms) == 0
    assert DAY_MS * 7 * 59 / 60 <= out_ms - at_ms <= DAY_MS * 7


def test_an_event_counts_from_the_instant_at_which_it_was_received():
    late = an_event(received="2026-03-11T12:00:00.000Z")
    received_ms = instant_ms("2026-03-11T12:00:00.000Z")
    assert value_at(a_feature("count"), [late], received_ms - 1) == 0
    assert value_at(a_feature("count"), [late], received_ms) == 1
    # It then counts with the time at which it happened.
    assert value_at(a_feature("time_since"), [late], received_ms) == 1.0
    # A clock that runs ahead cannot put an event into the future.
    ahead = an_event(at="2026-04-01T00:00:00.000Z", received=AT)
    assert value_at(a_feature("time_since"), [ahead], instant_ms(AT)) == 0.0


def test_sums_are_exact_and_the_absent_stays_absent():
    at_ms = instant_ms(AT)
    tenths = [an_event(price=0.1) for _ in range(10)]
    assert value_at(a_feature("sum", "price"), tenths, at_ms) == 1.0
    assert value_at(a_feature("mean", "price"), tenths, at_ms) == 0.1
    assert value_at(a_feature("sum", "price"), [an_event(price="9"), an_event(price=True)], at_ms) == 0.0
    assert feature_row([a_feature("mean", "price"), a_feature("min", "price")], [an_event()], at_ms) == {}
    nested = an_event(products=[{"price": 3}, {"price": 1.5}, {}])
    assert value_at(a_feature("max", "products[].price"), [nested], at_ms) == 3.0
    mixed = [an_event(product_id=value) for value in (1, 1.0, "1", True, "x", None)]
    assert value_at(a_feature("unique_count", "product_id"), mixed, at_ms) == 4.0


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"path": "price", "op": "gte", "value": 5}, True),
        ({"path": "price", "op": "gt", "value": 5}, False),
        ({"path": "price", "op": "lt", "value": "9"}, False),
        ({"path": "properties.category", "op": "starts_with", "value": "sh"}, True),
        ({"path": "category", "op": "in", "value": ["hats", "shoes"]}, True),
        ({"path": "tags", "op": "contains", "value": "new"}, True),
        ({"path": "brand", "op": "exists"}, False),
        ({"path": "brand", "op": "ne", "value": "x"}, True),
        ({"path": "category", "op": "eq", "value": "Shoes"}, False),
        ({"path": "products[].id", "op": "eq", "value": 2}, True),
        ({"path": "sale", "op": "eq", "value": 1}, False),
    ],
)
def test_conditions(condition: dict[str, Any], holds: bool):
    event = an_event(price=5, category="shoes", tags=["new"], products=[{"id": 1}, {"id": 2}], sale=True)
    assert matches(event, {"event": "Product Viewed", "where": [condition]}) is holds


@pytest.mark.parametrize(
    "line",
    ['{"kind": "person"}', '{"kind": "event", "profileId": "p_2"}', '{"kind": "order", "profileId": "p_1"}', "{"],
)
def test_a_broken_line_of_an_export_is_named(tmp_path: Path, line: str):
    export = tmp_path / "export.ndjson"
    export.write_text(json.dumps({"kind": "person", "profileId": "p_1", "identifiers": []}) + f"\n{line}\n")
    with pytest.raises(ValueError, match=r"export.ndjson:2: expected a person or an event"):
        list(read_export(export))
