"""Trains a scorer and measures it on a time that it has not seen."""

from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss, roc_auc_score

from .dataset import Dataset, Label
from .definitions import DAY_MS


@dataclass(frozen=True)
class Trained:
    """A model and what it is worth."""

    model: HistGradientBoostingClassifier
    metrics: dict[str, float]
    train: Dataset
    test: Dataset


def split_by_time(dataset: Dataset, label: Label) -> tuple[Dataset, Dataset]:
    """The last quarter of the cuts tests; cuts whose label window reaches into it train nobody."""
    cuts = np.unique(dataset.cuts_ms)
    if len(cuts) < 2:
        raise ValueError(f"expected at least two cuts to train and test on, got {len(cuts)}: export a longer time")
    first_test_cut = cuts[-max(1, len(cuts) // 4)]
    train = dataset.at(dataset.cuts_ms + label.days * DAY_MS <= first_test_cut)
    test = dataset.at(dataset.cuts_ms >= first_test_cut)
    for name, part in (("training", train), ("test", test)):
        if len(part.labels) == 0 or part.labels.all() or not part.labels.any():
            raise ValueError(
                f"expected {name} rows with and without the label, got {int(part.labels.sum())} with it of "
                f"{len(part.labels)}: export a longer time, or cut more often"
            )
    return train, test


def train(dataset: Dataset, label: Label, seed: int = 1) -> Trained:
    """Gradient boosting, small on purpose: a hundred rows are scored in a tenth of a millisecond."""
    train_part, test_part = split_by_time(dataset, label)
    model = HistGradientBoostingClassifier(
        max_iter=50,
        learning_rate=0.12,
        max_leaf_nodes=8,
        min_samples_leaf=40,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    )
    model.fit(train_part.rows, train_part.labels)
    return Trained(model, measure(model, train_part, test_part), train_part, test_part)


def measure(model: HistGradientBoostingClassifier, train_part: Dataset, test_part: Dataset) -> dict[str, float]:
    """How well it ranks, and how much better its probabilities are than the base rate for everybody."""
    scores = model.predict_proba(test_part.rows)[:, 1]
    base = float(train_part.labels.mean())
    constant = np.full(len(test_part.labels), base)
    best_tenth = np.argsort(-scores, kind="stable")[: max(1, len(scores) // 10)]
    return {
        "aucTest": round(float(roc_auc_score(test_part.labels, scores)), 4),
        "aucBaseRate": 0.5,
        "logLossTest": round(float(log_loss(test_part.labels, scores)), 5),
        "logLossBaseRate": round(float(log_loss(test_part.labels, constant, labels=[False, True])), 5),
        "baseRateTrain": round(base, 5),
        "baseRateTest": round(float(test_part.labels.mean()), 5),
        "meanScoreTest": round(float(scores.mean()), 5),
        "rateInBestTenth": round(float(test_part.labels[best_tenth].mean()), 5),
    }
