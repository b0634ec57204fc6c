import math

import pytest
import torch

from viper_ros.evaluation.calibration import fit_platt
from viper_ros.perception.predictor import affirmation


def test_platt_finds_the_scale_and_bias_that_made_the_labels():
    torch.manual_seed(0)
    logits = torch.randn(40_000) * 3
    labels = torch.bernoulli(torch.sigmoid(0.5 * logits - 1.0))
    scale, bias = fit_platt(logits.unsqueeze(1), labels)
    assert scale == pytest.approx(0.5, abs=0.05)
    assert bias == pytest.approx(-1.0, abs=0.1)


def test_logits_that_say_the_opposite_are_refused():
    torch.manual_seed(0)
    logits = torch.randn(2000)
    with pytest.raises(ValueError, match="did not converge"):
        fit_platt(logits.unsqueeze(1), (logits < 0).float())


def test_two_opinions_are_weighed_by_what_they_know():
    torch.manual_seed(0)
    logits = torch.randn(40_000, 2) * 3
    labels = torch.bernoulli(torch.sigmoid(logits @ torch.tensor([0.5, 0.2]) - 1.0))
    assert fit_platt(logits, labels) == pytest.approx((0.5, 0.2, -1.0), abs=0.1)


def test_affirmation_is_the_odds_of_all_that_does_not_deny():
    logits = torch.log(torch.tensor([0.1, 0.2, 0.3, 0.4]))
    assert float(affirmation(logits, (1, 2))) == pytest.approx(0.0, abs=1e-6)
    assert float(affirmation(logits, (0,))) == pytest.approx(math.log(9), abs=1e-5)
