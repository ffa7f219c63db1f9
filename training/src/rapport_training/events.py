"""Rapport's event export: a line for a person, then a line for each event that the person's identifiers gathered."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any


def instant_ms(iso: str) -> int:
    """Milliseconds since 1970 of an ISO 8601 instant."""
    moment = datetime.fromisoformat(iso)
    if moment.tzinfo is None:
        raise ValueError(f"expected an instant with its zone, got {iso!r}")
    # Whole milliseconds: floats of seconds would round.
    return int(moment.timestamp()) * 1000 + moment.microsecond // 1000


@dataclass(frozen=True, slots=True)
class Event:
    """An event as the features see it."""

    type: str
    # A track's event, a page's or screen's name; what filters ask for.
    label: str | None
    message_id: str
    # When it happened; never after it was received, as on the server.
    at_ms: int
    # From when on the platform knew it.
    received_ms: int
    properties: dict[str, Any]
    traits: dict[str, Any]
    context: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Person:
    """A person with every event, in no particular order."""

    profile_id: str
    identifiers: tuple[str, ...]
    events: tuple[Event, ...]


def event_of(line: dict[str, Any]) -> Event:
    """Reads one event of the export."""
    received_ms = instant_ms(line["receivedAt"])
    label = line.get("event") if line["type"] == "track" else line.get("name")
    return Event(
        type=line["type"],
        label=label or None,
        message_id=line["messageId"],
        at_ms=min(instant_ms(line["timestamp"]), received_ms),
        received_ms=received_ms,
        properties=line.get("properties") or {},
        traits=line.get("traits") or {},
        context=line.get("context") or {},
    )


def read_export(path: Path) -> Iterator[Person]:
    """Reads an export (NDJSON, also .gz) person by person."""
    opened = gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8")
    open_person: tuple[str, tuple[str, ...]] | None = None
    events: list[Event] = []
    with opened as lines:
        for number, text in enumerate(lines, start=1):
            if text.strip() == "":
                continue
            try:
                line = json.loads(text)
                if line["kind"] == "event":
                    if open_person is None or line["profileId"] != open_person[0]:
                        raise ValueError("an event that does not follow its person")
                    events.append(event_of(line))
                    continue
                if line["kind"] != "person":
                    raise ValueError(f"a line of kind {line['kind']!r}")
                following = (str(line["profileId"]), tuple(line["identifiers"]))
            except (KeyError, TypeError, ValueError) as problem:
                raise ValueError(f"{path}:{number}: expected a person or an event of Rapport's export: {problem!r}") from problem
            if open_person is not None:
                yield Person(*open_person, tuple(events))
            open_person, events = following, []
    if open_person is not None:
        yield Person(*open_person, tuple(events))
