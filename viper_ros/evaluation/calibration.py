"""Platt scaling of presence and cells on validation scenes (rendered like training's, never trained on)."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from viper_ros.model import CalibrationConfig, ViperF1


@torch.inference_mode()
def collect_logits(model: ViperF1, batches: list) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Logits and labels of presence (n,), and of cells (m,), over batches of ``training.batches``."""
    presence, present, cells, covered = [], [], [], []
    for batch in batches:
        grid = model.encode(batch.pixel_values)
        repeats = len(batch.input_ids) // len(batch.pixel_values)
        grid = grid._replace(
            cells=grid.cells.repeat_interleave(repeats, 0), fine=grid.fine.repeat_interleave(repeats, 0)
        )
        output, _ = model.prefill(batch.input_ids, grid)
        keep = batch.grounded.bool()
        presence.append(output.presence_logit[keep])
        present.append(batch.present[keep])
        known = batch.known[keep] > 0  # inside a loose box nobody knows
        cells.append(output.target_logits[keep][known])
        covered.append(batch.target[keep][known])
    return torch.cat(presence), torch.cat(present), torch.cat(cells), torch.cat(covered)


def fit_platt(logits: Tensor, labels: Tensor) -> tuple[float, float]:
    """Scale and bias that minimise the cross-entropy of sigmoid(scale * logit + bias); labels in [0, 1]."""
    scale, bias = torch.ones(1, requires_grad=True), torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.LBFGS([scale, bias], max_iter=50, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(scale * logits + bias, labels)
        loss.backward()
        return loss

    with torch.enable_grad():
        optimizer.step(closure)
    fitted = scale.item(), bias.item()
    if not (np.isfinite(fitted).all() and fitted[0] > 0):
        raise ValueError(f"calibration did not converge: scale, bias {fitted}; do the logits say anything yet?")
    return round(fitted[0], 4), round(fitted[1], 4)


def calibrated(model: ViperF1, batches: list) -> CalibrationConfig:
    """Calibration of a model from batches of validation scenes; the threshold stays 0.5 of a true probability."""
    presence, present, cells, covered = (tensor.clone() for tensor in collect_logits(model, batches))
    p_scale, p_bias = fit_platt(presence, present)
    c_scale, c_bias = fit_platt(cells, covered)
    return dataclasses.replace(
        model.config.calibration,
        presence_scale=p_scale,
        presence_bias=p_bias,
        cell_scale=c_scale,
        cell_bias=c_bias,
    )
