"""Made-up people for tests, through the same reader as real ones."""

import json
import tempfile
from pathlib import Path

from rapport_training.events import Person, read_export
from rapport_training.synthetic import make_export


def write_export(path: Path, count: int, days: int, seed: int) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in make_export(count, days, seed)), encoding="utf-8")


def made_up_people(count: int, days: int, seed: int) -> list[Person]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "export.ndjson"
        write_export(path, count, days, seed)
        return list(read_export(path))
