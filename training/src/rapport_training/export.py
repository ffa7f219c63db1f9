"""Writes a version of the model repository: model.onnx, manifest.json, golden.json."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType

from .dataset import Dataset, Label
from .definitions import DAY_MS
from .training import Trained

GOLDEN_CASES = 16


def to_model(trained: Trained) -> ModelProto:
    """The model as ONNX: one input of 32-bit floats, probabilities as plain columns."""
    width = len(trained.train.features)
    return to_onnx(
        trained.model,
        initial_types=[("features", FloatTensorType([None, width]))],
        options={"zipmap": False},
        target_opset={"": 17, "ai.onnx.ml": 3},
    )


def golden_rows(trained: Trained) -> list[dict[str, float]]:
    """Rows over the whole range of scores, the empty one first; values that equal the default are left out."""
    test = trained.test
    scores = trained.model.predict_proba(test.rows)[:, 1]
    order = np.argsort(scores, kind="stable")
    places = np.unique(np.linspace(0, len(order) - 1, GOLDEN_CASES - 1).astype(int))
    return [{}] + [values_of(test, test.rows[order[place]]) for place in places]


def values_of(dataset: Dataset, row: np.ndarray) -> dict[str, float]:
    named = zip(dataset.features, row, dataset.defaults, strict=True)
    return {feature.name: float(value) for feature, value, default in named if float(value) != default}


def score_rows(trained: Trained, rows: list[dict[str, float]]) -> list[float]:
    """Scores of named values, with defaults where there are none: the same way as the server goes."""
    test = trained.test
    matrix = [
        [row.get(feature.name, default) for feature, default in zip(test.features, test.defaults, strict=True)]
        for row in rows
    ]
    return [float(score) for score in trained.model.predict_proba(np.asarray(matrix, dtype=np.float32))[:, 1]]


def iso(ms: float) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def manifest_of(trained: Trained, label: Label, name: str, version: str, title: str, sha256: str, source: str) -> dict[str, Any]:
    everything = np.concatenate([trained.train.cuts_ms, trained.test.cuts_ms])
    columns = [
        {"name": feature.name, "definition": feature.definition, "default": default}
        for feature, default in zip(trained.train.features, trained.train.defaults, strict=True)
    ]
    return {
        "format": "rapport-model/1",
        "name": name,
        "version": version,
        "title": title,
        "sha256": sha256,
        "scorer": {"inputTensor": "features", "features": columns, "outputTensor": "probabilities", "outputColumn": 1},
        "training": {
            "source": source,
            "label": f"{label.event} within {label.days} days after the cut",
            "firstCut": iso(everything.min()),
            "lastCut": iso(everything.max()),
            "until": iso(everything.max() + label.days * DAY_MS),
            "trainRows": len(trained.train.labels),
            "trainPositives": int(trained.train.labels.sum()),
            "testRows": len(trained.test.labels),
            "testPositives": int(trained.test.labels.sum()),
        },
        "metrics": trained.metrics,
    }


def export(trained: Trained, label: Label, models: Path, name: str, version: str, title: str, source: str) -> Path:
    """Writes `<models>/<name>/<version>`; answers the folder."""
    folder = models / name / version
    folder.mkdir(parents=True, exist_ok=True)
    model = to_model(trained).SerializeToString(deterministic=True)
    rows = golden_rows(trained)
    cases = [{"values": row, "score": score} for row, score in zip(rows, score_rows(trained, rows), strict=True)]
    manifest = manifest_of(trained, label, name, version, title, hashlib.sha256(model).hexdigest(), source)
    (folder / "model.onnx").write_bytes(model)
    write_json(folder / "manifest.json", manifest)
    write_json(folder / "golden.json", {"tolerance": 1e-5, "cases": cases})
    return folder


def write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
