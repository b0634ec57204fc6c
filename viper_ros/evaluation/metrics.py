"""Measures: arrays in, a number in a dict out. No model and no simulator in here."""

from __future__ import annotations

import numpy as np


def pointing_hit(heatmap: np.ndarray, mask: np.ndarray) -> bool:
    """Whether the hottest pixel of heatmap (H, W) lies on mask (H, W) bool (the pointing game, arXiv 1608.00507)."""
    return bool(mask.flat[int(heatmap.argmax())])


def box_iou(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Intersection over union of two boxes (x0, y0, x1, y1)."""
    w = min(a[2], b[2]) - max(a[0], b[0])
    h = min(a[3], b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0:
        return 0.0
    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return w * h / (areas - w * h)


def mask_box(mask: np.ndarray) -> tuple[float, float, float, float]:
    """Box (x0, y0, x1, y1) around a mask (H, W) bool that is not empty."""
    ys, xs = np.nonzero(mask)
    return float(xs.min()), float(ys.min()), float(xs.max() + 1), float(ys.max() + 1)


def auroc(scores: np.ndarray, labels: np.ndarray) -> float:
    """Area under the ROC curve: the chance that a positive scores above a negative; ties count half."""
    scores, labels = np.asarray(scores, float), np.asarray(labels, bool)
    if labels.all() or not labels.any():
        return float("nan")
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positives = labels.sum()
    return float((ranks[labels].sum() - positives * (positives + 1) / 2) / (positives * (~labels).sum()))


def expected_calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = 15) -> float:
    """ECE (Guo et al. 2017): mean distance of confidence from frequency over equal-width bins, weighted by count.

    ``labels`` may be fractions in [0, 1], as the share of a cell that an object covers.
    """
    probabilities, labels = np.asarray(probabilities, float).ravel(), np.asarray(labels, float).ravel()
    index = np.minimum((probabilities * bins).astype(int), bins - 1)
    gap = np.bincount(index, probabilities - labels, minlength=bins)
    return float(np.abs(gap).sum() / len(probabilities))
