"""From made-up people to a version of the model repository."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from onnx.reference import ReferenceEvaluator

from rapport_training.command import main
from rapport_training.dataset import Label, build_dataset
from rapport_training.definitions import DAY_MS, read_features
from rapport_training.synthetic import START_MS
from rapport_training.training import split_by_time

from made_up import made_up_people, write_export

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("training")
    export = folder / "export.ndjson"
    write_export(export, 500, 50, seed=3)
    arguments = ["train", "--export", export, "--playbook", ROOT / "playbook", "--models", folder / "models"]
    assert main([*map(str, arguments), "--every-days", "4"]) == 0
    return folder / "models/propensity/1"


def test_the_model_beats_the_base_rate_on_a_time_that_it_has_not_seen(version: Path):
    metrics = json.loads((version / "manifest.json").read_text())["metrics"]
    assert metrics["aucTest"] > 0.58
    assert metrics["logLossTest"] < metrics["logLossBaseRate"]
    assert metrics["rateInBestTenth"] > 1.5 * metrics["baseRateTest"]


def test_the_onnx_model_gives_the_golden_scores(version: Path):
    manifest = json.loads((version / "manifest.json").read_text())
    golden = json.loads((version / "golden.json").read_text())
    model = (version / "model.onnx").read_bytes()
    assert hashlib.sha256(model).hexdigest() == manifest["sha256"]
    columns = manifest["scorer"]["features"]
    rows = [[case["values"].get(c["name"], c["default"]) for c in columns] for case in golden["cases"]]
    outputs = ReferenceEvaluator(model).run(["probabilities"], {"features": np.asarray(rows, dtype=np.float32)})
    scores = [case["score"] for case in golden["cases"]]
    np.testing.assert_allclose(outputs[0][:, 1], scores, atol=golden["tolerance"])
    assert len(set(scores)) > 5


def test_training_rows_end_before_the_test_begins():
    people = made_up_people(60, 60, seed=5)
    label = Label("Order Completed", 7)
    cuts = [START_MS + day * DAY_MS for day in range(10, 50, 2)]
    train, test = split_by_time(build_dataset(people, read_features(ROOT / "playbook")[:3], label, cuts), label)
    assert train.cuts_ms.max() + 7 * DAY_MS <= test.cuts_ms.min()


def test_too_short_a_time_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    export = tmp_path / "export.ndjson"
    write_export(export, 20, 19, seed=3)
    arguments = ["train", "--export", str(export), "--playbook", str(ROOT / "playbook"), "--models", str(tmp_path)]
    assert main(arguments) == 1
    assert "export a longer time" in capsys.readouterr().err


def test_the_committed_model_is_whole():
    version = ROOT / "models/propensity/1"
    manifest = json.loads((version / "manifest.json").read_text())
    model = (version / "model.onnx").read_bytes()
    assert hashlib.sha256(model).hexdigest() == manifest["sha256"]
    assert sum(path.stat().st_size for path in version.iterdir()) < 300_000
    served = {feature.name: feature.definition for feature in read_features(ROOT / "playbook")}
    for column in manifest["scorer"]["features"]:
        assert served[column["name"]] == column["definition"]
