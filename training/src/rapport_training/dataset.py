"""Rows for training: what was known of a person at a cut, and what the person did after it."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from .definitions import DAY_MS, Feature
from .events import Event, Person
from .features import matching, value_at

# What a column holds where a person has no value. Far beyond anything seen, so that trees can tell it apart.
NEVER_DAYS = 3650.0


@dataclass(frozen=True)
class Label:
    """What is to be foreseen: this track event within so many days after the cut."""

    event: str
    days: int

    def holds(self, events: Iterable[Event], cut_ms: int) -> bool:
        end_ms = cut_ms + self.days * DAY_MS
        return any(e.type == "track" and e.label == self.event and cut_ms < e.at_ms <= end_ms for e in events)


@dataclass(frozen=True)
class Dataset:
    """One row per person and cut."""

    features: list[Feature]
    defaults: list[float]
    rows: np.ndarray
    labels: np.ndarray
    cuts_ms: np.ndarray
    profile_ids: list[str]

    def at(self, chosen: np.ndarray) -> "Dataset":
        """The chosen rows."""
        ids = [profile_id for profile_id, keep in zip(self.profile_ids, chosen, strict=True) if keep]
        return Dataset(self.features, self.defaults, self.rows[chosen], self.labels[chosen], self.cuts_ms[chosen], ids)


def default_of(feature: Feature) -> float:
    """What stands in for a missing value; the manifest tells the server the same."""
    return NEVER_DAYS if feature.kind == "time_since" else 0.0


def cuts_between(first_ms: int, last_ms: int, label: Label, every_days: int, warm_up_days: int) -> list[int]:
    """Instants to cut at: from the warm-up on, as long as a whole label window fits before the end."""
    start_ms, end_ms = first_ms + warm_up_days * DAY_MS, last_ms - label.days * DAY_MS
    return list(range(start_ms, end_ms + 1, every_days * DAY_MS))


def build_dataset(people: Iterable[Person], features: list[Feature], label: Label, cuts_ms: list[int]) -> Dataset:
    """A row for every person whom the platform had seen by the cut. Nothing received after a cut is in its rows."""
    defaults = [default_of(feature) for feature in features]
    rows: list[list[float]] = []
    labels: list[bool] = []
    row_cuts: list[int] = []
    profile_ids: list[str] = []
    for person in people:
        first_known_ms = min((event.received_ms for event in person.events), default=None)
        matched = [matching(feature, person.events) for feature in features]
        for cut_ms in cuts_ms:
            if first_known_ms is None or first_known_ms > cut_ms:
                continue
            values = [value_at(feature, events, cut_ms) for feature, events in zip(features, matched, strict=True)]
            rows.append([d if value is None else value for value, d in zip(values, defaults, strict=True)])
            labels.append(label.holds(person.events, cut_ms))
            row_cuts.append(cut_ms)
            profile_ids.append(person.profile_id)
    # 32 bits, as the model gets them when it serves.
    matrix = np.asarray(rows, dtype=np.float32).reshape(len(rows), len(features))
    return Dataset(features, defaults, matrix, np.asarray(labels, dtype=bool), np.asarray(row_cuts), profile_ids)
