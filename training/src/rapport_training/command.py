"""rapport-training: synthesize, features, train."""

import argparse
import json
import sys
from pathlib import Path

from .dataset import Label, build_dataset, cuts_between
from .definitions import choose_features, read_features
from .events import Person, instant_ms, read_export
from .export import export
from .features import feature_row
from .synthetic import make_export
from .training import train

# What the purchase propensity model looks at.
PROPENSITY_FEATURES = [
    "orders_count",
    "revenue_total",
    "avg_order_value",
    "orders_30d",
    "revenue_30d",
    "views_1d",
    "views_7d",
    "products_viewed_7d",
    "adds_1d",
    "adds_7d",
    "pages_7d",
    "mean_viewed_price_7d",
    "days_since_last_order",
    "days_since_last_view",
]


def synthesize(options: argparse.Namespace) -> None:
    for line in make_export(options.people, options.days, options.seed):
        print(json.dumps(line, separators=(",", ":")))


def features(options: argparse.Namespace) -> None:
    """Prints each person's features at an instant, one JSON a line."""
    known = read_features(options.playbook)
    at_ms = instant_ms(options.at)
    for person in read_export(options.export):
        row = feature_row(known, person.events, at_ms)
        line = {"profileId": person.profile_id, "identifiers": list(person.identifiers), "features": row}
        print(json.dumps(line, separators=(",", ":")))


def first_and_last_ms(people: list[Person]) -> tuple[int, int]:
    received = [event.received_ms for person in people for event in person.events]
    if not received:
        raise ValueError("expected an export with events, got none")
    return min(received), max(received)


def train_command(options: argparse.Namespace) -> None:
    chosen = choose_features(read_features(options.playbook), PROPENSITY_FEATURES)
    label = Label("Order Completed", 7)
    people = list(read_export(options.export))
    first_ms, last_ms = first_and_last_ms(people)
    if options.since is not None:
        first_ms = instant_ms(options.since)
    cuts = cuts_between(first_ms, last_ms, label, options.every_days, options.warm_up_days)
    trained = train(build_dataset(people, chosen, label, cuts), label)
    folder = export(trained, label, options.models, "propensity", options.version, "Purchase within 7 days", options.source)
    print(json.dumps({"folder": str(folder), "bytes": (folder / "model.onnx").stat().st_size, **trained.metrics}, indent=2))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="rapport-training", description=__doc__)
    commands = parser.add_subparsers(required=True)

    made = commands.add_parser("synthesize", help="print made-up people in the format of the export")
    made.add_argument("--people", type=int, default=1500)
    made.add_argument("--days", type=int, default=70)
    made.add_argument("--seed", type=int, default=1)
    made.set_defaults(run=synthesize)

    told = commands.add_parser("features", help="print every person's features at an instant")
    told.add_argument("--export", type=Path, required=True)
    told.add_argument("--playbook", type=Path, default=Path("playbook"))
    told.add_argument("--at", required=True, help="ISO 8601")
    told.set_defaults(run=features)

    learnt = commands.add_parser("train", help="train the purchase propensity model and write a version")
    learnt.add_argument("--export", type=Path, required=True)
    learnt.add_argument("--playbook", type=Path, default=Path("playbook"))
    learnt.add_argument("--models", type=Path, default=Path("models"))
    learnt.add_argument("--version", default="1")
    learnt.add_argument("--source", default="an export", help="what the export is of, for the manifest")
    learnt.add_argument("--since", help="ISO 8601: cut only after this instant (and the warm-up)")
    learnt.add_argument("--every-days", type=int, default=2)
    learnt.add_argument("--warm-up-days", type=int, default=10)
    learnt.set_defaults(run=train_command)

    options = parser.parse_args(arguments)
    try:
        options.run(options)
    except (OSError, KeyError, ValueError) as problem:
        print(f"rapport-training: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
