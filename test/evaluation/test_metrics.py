import numpy as np
import pytest

from viper_ros.evaluation.metrics import auroc, box_iou, expected_calibration_error, mask_box, pointing_hit


def test_pointing_asks_for_the_hottest_pixel_only():
    heatmap = np.zeros((4, 6), np.float32)
    heatmap[1, 2], heatmap[3, 5] = 0.9, 0.8
    mask = np.zeros((4, 6), bool)
    mask[3, 5] = True
    assert not pointing_hit(heatmap, mask)
    heatmap[3, 5] = 0.95
    assert pointing_hit(heatmap, mask)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((0, 0, 10, 10), (0, 0, 10, 10), 1.0),
        ((0, 0, 10, 10), (10, 0, 20, 10), 0.0),
        ((0, 0, 10, 10), (5, 0, 15, 10), 1 / 3),
        ((0, 0, 0, 0), (0, 0, 10, 10), 0.0),
    ],
)
def test_box_iou(a, b, expected):
    assert box_iou(a, b) == pytest.approx(expected)


def test_mask_box_ends_after_the_last_pixel():
    mask = np.zeros((5, 7), bool)
    mask[1:3, 2:6] = True
    assert mask_box(mask) == (2, 1, 6, 3)


def test_auroc_is_the_share_of_pairs_in_the_right_order():
    rng = np.random.default_rng(0)
    scores, labels = rng.integers(0, 6, 60) / 5, rng.random(60) < 0.4
    pairs = [(p > n) + 0.5 * (p == n) for p in scores[labels] for n in scores[~labels]]
    assert auroc(scores, labels) == pytest.approx(np.mean(pairs))
    assert np.isnan(auroc(scores, np.ones(60, bool)))


def test_ece_is_zero_for_frequencies_that_match_and_the_gap_otherwise():
    probabilities = np.repeat([0.1, 0.5, 0.9], 100)
    labels = np.concatenate([np.arange(100) < k for k in (10, 50, 90)])
    assert expected_calibration_error(probabilities, labels) == pytest.approx(0, abs=1e-9)
    assert expected_calibration_error(np.full(50, 0.8), np.zeros(50)) == pytest.approx(0.8)
