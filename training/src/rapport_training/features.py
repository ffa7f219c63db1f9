"""Features as the platform computes them, at any instant of the past.

The same definitions as the profiles service has (services/profiles/src/domain/computed-traits): an event counts from
the instant at which it was received; a rolling window forgets in sixty steps; sums are exact to a millionth. The end to
end test e2e/models.e2e.spec.ts holds the two against each other on the same events.
"""

from collections.abc import Callable, Iterable
from typing import Any

from .definitions import DAY_MS, Feature, duration_ms
from .events import Event

BUCKETS_PER_WINDOW = 60
MILLIONTHS = 1_000_000
LONGEST_TEXT = 512
# A value that cannot be written as plain digits is not summed.
LARGEST_DECIMAL = 1e21


def values_at(event: Event, path: str) -> list[Any]:
    """What stands at a dotted path; `products[].price` takes each element. Null counts as absent."""
    steps = path.split(".")
    roots = {"properties": event.properties, "traits": event.traits, "context": event.context}
    if steps[0] in roots:
        found, steps = [roots[steps[0]]], steps[1:]
    else:
        found = [event.traits if event.type in ("identify", "group") else event.properties]
    for step in steps:
        each = step.endswith("[]")
        name = step.removesuffix("[]")
        following = [value[name] for value in found if isinstance(value, dict) and value.get(name) is not None]
        if each:
            following = [item for value in following if isinstance(value, list) for item in value if item is not None]
        found = following
    return found


def is_number(value: Any) -> bool:
    """A JSON number; Python's booleans are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def same(value: Any, wanted: Any) -> bool:
    """Equal as JavaScript has it: of one kind and of one value."""
    if is_number(value) and is_number(wanted):
        return float(value) == float(wanted)
    return type(value) is type(wanted) and value == wanted


def ordered(holds: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """A comparison of numbers with numbers and texts with texts; nothing else is ordered."""

    def compare(value: Any, wanted: Any) -> bool:
        both_numbers = is_number(value) and is_number(wanted)
        both_texts = isinstance(value, str) and isinstance(wanted, str)
        return (both_numbers or both_texts) and holds(value, wanted)

    return compare


def contains(value: Any, wanted: Any) -> bool:
    if isinstance(value, list):
        return any(same(item, wanted) for item in value)
    return isinstance(value, str) and isinstance(wanted, str) and wanted in value


COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": same,
    "gt": ordered(lambda value, wanted: value > wanted),
    "gte": ordered(lambda value, wanted: value >= wanted),
    "lt": ordered(lambda value, wanted: value < wanted),
    "lte": ordered(lambda value, wanted: value <= wanted),
    "in": lambda value, wanted: isinstance(wanted, list) and any(same(value, each) for each in wanted),
    "contains": contains,
    "starts_with": lambda value, wanted: isinstance(value, str) and isinstance(wanted, str) and value.startswith(wanted),
}


def satisfies(event: Event, condition: dict[str, Any]) -> bool:
    """Whether an event satisfies one condition of a filter; of several values one is enough."""
    values = values_at(event, condition["path"])
    operator = condition["op"]
    if operator == "exists":
        return len(values) > 0
    wanted = condition.get("value")
    if wanted is None:
        return False
    if operator == "ne":
        return not any(same(value, wanted) for value in values)
    return any(COMPARISONS[operator](value, wanted) for value in values)


def matches(event: Event, on: dict[str, Any]) -> bool:
    """Whether an event is one that a filter asks for."""
    if event.type != on.get("type", "track"):
        return False
    if on.get("event") is not None and event.label != on["event"]:
        return False
    return all(satisfies(event, condition) for condition in on.get("where", ()))


def is_live(at_ms: int, now_ms: int, window: str | None) -> bool:
    """Whether an event still counts in a window: until its bucket, a sixtieth of the window, falls out."""
    if window is None:
        return True
    window_ms = duration_ms(window)
    width_ms = -(-window_ms // BUCKETS_PER_WINDOW)
    count = -(-window_ms // width_ms)
    return at_ms // width_ms > now_ms // width_ms - count


def millionths(value: float) -> int:
    """A number in whole millionths, halves up, as the platform keeps sums."""
    scaled = float(value) * MILLIONTHS
    whole = int(scaled // 1)
    return whole + (1 if scaled - whole >= 0.5 else 0)


def scalar_key(value: Any) -> tuple[str, Any] | None:
    """What tells different values apart; None for values that are not counted."""
    if isinstance(value, bool):
        return ("boolean", value)
    if is_number(value):
        return ("number", float(value))
    if isinstance(value, str) and len(value) <= LONGEST_TEXT:
        return ("string", value)
    return None


def matching(feature: Feature, events: Iterable[Event]) -> list[Event]:
    """The events that a feature is about."""
    return [event for event in events if matches(event, feature.on)]


def value_at(feature: Feature, matched: Iterable[Event], at_ms: int) -> float | None:
    """A feature at an instant, from those of its events that the platform had received by then; None for nothing yet."""
    known = [e for e in matched if e.received_ms <= at_ms and is_live(e.at_ms, at_ms, feature.window)]
    if feature.kind == "count":
        return float(len(known))
    if feature.kind == "time_since":
        return (at_ms - max(event.at_ms for event in known)) / DAY_MS if known else None
    if feature.property is None:
        raise ValueError(f"the feature {feature.name} needs a property")
    return value_of(feature.kind, [value for event in known for value in values_at(event, feature.property)])


def value_of(kind: str, values: list[Any]) -> float | None:
    """What a kind makes of the values at its property."""
    if kind == "unique_count":
        return float(len({key for value in values if (key := scalar_key(value)) is not None}))
    numbers = [value for value in values if is_number(value)]
    if kind in ("min", "max"):
        return float((min if kind == "min" else max)(numbers)) if numbers else None
    decimals = [millionths(value) for value in numbers if abs(value) < LARGEST_DECIMAL]
    if kind == "sum":
        return sum(decimals) / MILLIONTHS
    return sum(decimals) / MILLIONTHS / len(decimals) if decimals else None


def feature_row(features: Iterable[Feature], events: Iterable[Event], at_ms: int) -> dict[str, float]:
    """Features by name at an instant; what a person does not have is left out, as BatchGetFeatures does."""
    known = tuple(events)
    row = {feature.name: value_at(feature, matching(feature, known), at_ms) for feature in features}
    return {name: value for name, value in row.items() if value is not None}
