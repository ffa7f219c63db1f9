"""A small seeded stream of made-up people, for tests and for trying things out without a platform."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from .definitions import DAY_MS

START_MS = int(datetime(2026, 1, 5, tzinfo=UTC).timestamp()) * 1000


def iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def make_export(count: int, days: int, seed: int) -> Iterator[dict[str, Any]]:
    """The lines of an export. Whoever looked and added a lot in the last days tends to buy; some never do."""
    draw = random.Random(seed)
    for number in range(count):
        profile_id = f"p_{number}"
        yield {"kind": "person", "profileId": profile_id, "identifiers": [f"user_id:{number}"]}
        for event in make_events(draw, number, days):
            yield {"kind": "event", "profileId": profile_id, **event}


def make_events(draw: random.Random, number: int, days: int) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    visits_per_day = draw.choice([0.03, 0.08, 0.15, 0.3])
    keenness = draw.uniform(0.0, 0.5)
    mood = 0.0
    for day in range(days):
        # Interest comes in waves: it is what a model can see coming.
        mood = max(0.0, mood * 0.8 + (draw.uniform(0.5, 1.5) if draw.random() < 0.04 else 0.0))
        if draw.random() < min(0.9, visits_per_day * (1 + 3 * mood)):
            visit(draw, events, number, START_MS + day * DAY_MS + draw.randrange(DAY_MS), keenness * (0.2 + mood))
    return sorted(events, key=lambda event: event["timestamp"])


def visit(draw: random.Random, events: list[dict[str, Any]], number: int, at_ms: int, appetite: float) -> None:
    def tell(kind: str, event: str, properties: dict[str, Any]) -> None:
        nonlocal at_ms
        at_ms += draw.randrange(1_000, 90_000)
        # Most arrive at once, some when a phone is on line again.
        late_ms = draw.randrange(50, 2_000) if draw.random() < 0.95 else draw.randrange(DAY_MS)
        events.append(
            {
                "type": kind,
                "event" if kind == "track" else "name": event,
                "messageId": f"{number}-{len(events)}",
                "timestamp": iso(at_ms),
                "receivedAt": iso(at_ms + late_ms),
                "properties": properties,
            }
        )

    tell("page", "Home", {"path": "/"})
    cart: list[dict[str, Any]] = []
    for _ in range(draw.randrange(1, 6)):
        product = draw.randrange(200)
        item = {"product_id": f"sku-{product}", "price": round(5 + product * 0.37, 2), "category": f"c{product % 8}"}
        tell("track", "Product Viewed", item)
        if draw.random() < appetite:
            tell("track", "Product Added", {**item, "quantity": 1})
            cart.append(item)
    if cart and draw.random() < 0.2 + appetite:
        revenue = round(sum(item["price"] for item in cart), 2)
        tell("track", "Order Completed", {"order_id": f"{number}-{at_ms}", "revenue": revenue, "products": cart})
