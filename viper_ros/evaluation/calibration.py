"""Platt scaling of presence and cells on validation scenes (rendered like training's, never trained on)."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from viper_ros.model import CalibrationConfig, ViperF1
from viper_ros.perception.predictor import affirmation


@torch.inference_mode()
def collect_logits(
    model: ViperF1, batches: list, absent_answer_ids: Sequence[int] = ()
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Logits and labels of presence (n, 2) and (n,), of cells (m, 1) and (m,), over batches of ``training.batches``.

    The second column of presence says how far the answer's first token is from a denial, where there are such tokens.
    """
    presence, present, cells, covered = [], [], [], []
    for batch in batches:
        grid = model.encode(batch.pixel_values)
        repeats = len(batch.input_ids) // len(batch.pixel_values)
        grid = grid._replace(
            cells=grid.cells.repeat_interleave(repeats, 0), fine=grid.fine.repeat_interleave(repeats, 0)
        )
        output, _ = model.prefill(batch.input_ids, grid)
        keep = batch.grounded.bool()
        opinions = [output.presence_logit]
        if absent_answer_ids:
            asked = (batch.input_ids == model.config.ground_token_id).int().argmax(dim=1)  # the answer follows
            first = output.logits[torch.arange(len(asked)), asked]
            opinions.append(affirmation(first, absent_answer_ids))
        presence.append(torch.stack(opinions, dim=1)[keep])
        present.append(batch.present[keep])
        known = batch.known[keep] > 0  # inside a loose box nobody knows
        cells.append(output.target_logits[keep][known].unsqueeze(1))
        covered.append(batch.target[keep][known])
    return torch.cat(presence), torch.cat(present), torch.cat(cells), torch.cat(covered)


def fit_platt(logits: Tensor, labels: Tensor) -> tuple[float, ...]:
    """Scales and bias that minimise the cross-entropy of sigmoid(logits @ scales + bias); (n, k), labels in [0, 1].

    Raises:
        ValueError: a scale is not above 0: that opinion says the opposite, or nothing.
    """
    scale, bias = torch.ones(logits.shape[1], requires_grad=True), torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.LBFGS([scale, bias], max_iter=50, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(logits @ scale + bias, labels)
        loss.backward()
        return loss

    with torch.enable_grad():
        optimizer.step(closure)
    fitted = *scale.tolist(), bias.item()
    if not (np.isfinite(fitted).all() and min(fitted[:-1]) > 0):
        raise ValueError(f"calibration did not converge: scales, bias {fitted}; do the logits say anything yet?")
    return tuple(round(value, 4) for value in fitted)


def calibrated(model: ViperF1, batches: list, absent_answer_ids: Sequence[int] = ()) -> CalibrationConfig:
    """Calibration of a model from batches of validation scenes; the threshold stays 0.5 of a true probability.

    Where answers that deny begin with ``absent_answer_ids``, presence is what its head and the answer say together.
    """
    collected = collect_logits(model, batches, absent_answer_ids)
    presence, present, cells, covered = (tensor.clone() for tensor in collected)
    try:
        p_scale, *a_scale, p_bias = fit_platt(presence, present)
    except ValueError:  # an answer that knows nothing yet
        a_scale, (p_scale, p_bias) = [], fit_platt(presence[:, :1], present)
    c_scale, c_bias = fit_platt(cells, covered)
    return dataclasses.replace(
        model.config.calibration,
        presence_scale=p_scale,
        affirmation_scale=a_scale[0] if a_scale else 0.0,
        presence_bias=p_bias,
        cell_scale=c_scale,
        cell_bias=c_bias,
    )
