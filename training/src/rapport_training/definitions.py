"""The playbook's computed traits: what a feature is called and how it is defined."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

UNIT_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
DAY_MS = UNIT_MS["d"]

# Kinds of computed traits whose value is a number, and so can be a feature.
NUMERIC_KINDS = ("count", "sum", "min", "max", "mean", "unique_count", "time_since")


def duration_ms(text: str) -> int:
    """Milliseconds of a duration with its unit, for example 7d."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)", text)
    if match is None:
        raise ValueError(f"expected a duration with a unit (ms, s, m, h, d, w), for example 7d; got {text!r}")
    return round(float(match[1]) * UNIT_MS[match[2]])


@dataclass(frozen=True)
class Feature:
    """One numeric computed trait."""

    name: str
    kind: str
    on: dict[str, Any]
    property: str | None
    window: str | None

    @property
    def definition(self) -> dict[str, Any]:
        """What decides the value, as the manifest keeps it: the server compares it with the playbook that it runs."""
        parts: dict[str, Any] = {"kind": self.kind, "on": self.on}
        if self.property is not None:
            parts["property"] = self.property
        if self.window is not None:
            parts["window"] = self.window
        return parts


class CoreSchemaLoader(yaml.SafeLoader):
    """YAML as the platform reads it: 1.2, where `on` is a word and no yes, and a date is text."""


CoreSchemaLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":bool", ":timestamp"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
CoreSchemaLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))


def read_features(playbook: Path) -> list[Feature]:
    """Every numeric computed trait of a playbook folder: traits.yaml, or traits/*.yaml."""
    file, folder = playbook / "traits.yaml", playbook / "traits"
    files = [file] if file.exists() else sorted(folder.glob("*.y*ml")) if folder.is_dir() else []
    if not files:
        raise FileNotFoundError(f"expected {file} or files in {folder}; there are none")
    entries: list[dict[str, Any]] = []
    for path in files:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=CoreSchemaLoader)
        entries.extend(content if isinstance(content, list) else [content])
    return [
        Feature(entry["name"], entry["kind"], entry["on"], entry.get("property"), entry.get("window"))
        for entry in entries
        if entry["kind"] in NUMERIC_KINDS
    ]


def choose_features(features: list[Feature], names: list[str]) -> list[Feature]:
    """The named features, in the order of the names."""
    by_name = {feature.name: feature for feature in features}
    missing = [name for name in names if name not in by_name]
    if missing:
        raise KeyError(f"expected numeric computed traits {missing} in the playbook; it has {sorted(by_name)}")
    return [by_name[name] for name in names]
