import pytest
import torch

from viper_ros.evaluation.calibration import fit_platt


def test_platt_finds_the_scale_and_bias_that_made_the_labels():
    torch.manual_seed(0)
    logits = torch.randn(40_000) * 3
    labels = torch.bernoulli(torch.sigmoid(0.5 * logits - 1.0))
    scale, bias = fit_platt(logits, labels)
    assert scale == pytest.approx(0.5, abs=0.05)
    assert bias == pytest.approx(-1.0, abs=0.1)


def test_logits_that_say_the_opposite_are_refused():
    torch.manual_seed(0)
    logits = torch.randn(2000)
    with pytest.raises(ValueError, match="did not converge"):
        fit_platt(logits, (logits < 0).float())
