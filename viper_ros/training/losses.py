"""What training asks of the model. Each loss is a mean over questions (or cells) and has its weight beside it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from viper_ros.model import Grid, ViperF1, ViperOutput
from viper_ros.training.batches import IGNORE, Batch

WEIGHTS = {
    "point": 0.6,
    "target": 0.3,
    "deep": 0.3,
    "anchor": 0.3,
    "dice": 0.5,
    "presence": 0.5,
    "count": 0.5,
    "answer": 1.0,
    "category": 1.0,
    "colour": 0.7,
}


class WordHead(nn.Module):
    """Names every cell with words: the first correlation of each category's and colour's name with the grid.

    The classifier is the model's own embedding and correlation, so the encoder learns to see what the words mean
    and the words learn to find it, before any sentence is asked; and a data set brings its labels as words.
    """

    def __init__(self, model: ViperF1) -> None:
        super().__init__()
        self._model = [model]  # in a list: its parameters are not this module's
        self.scale = nn.Parameter(torch.tensor(4.0))
        self.background = nn.Parameter(torch.zeros(2))

    def losses(self, grid: Grid, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropies, one mean over the cells of things and one, at half weight, over background."""
        result = {}
        correlation = self._model[0].blocks[0].correlation
        keys = correlation.remember(grid.cells).keys.transpose(1, 2).flatten(2)  # (B, G, H d)
        for i, (name, names, labels) in enumerate(
            (
                ("category", batch.category_names, batch.categories),
                ("colour", batch.colour_names, batch.colours),
            )
        ):
            logits = self.scale * keys @ self.queries(names).T  # (B, G, C)
            rest = self.background[i].expand(*logits.shape[:2], 1)
            logits, labels = torch.cat([rest, logits], dim=-1).flatten(0, 1), labels.flatten()
            per_cell = F.cross_entropy(logits, labels, reduction="none", ignore_index=IGNORE)
            result[name] = _mean(per_cell[labels > 0]) + 0.5 * _mean(per_cell[labels == 0])
        return result

    def queries(self, names: Tensor) -> Tensor:
        """Names (C, L) in padded pieces -> queries (C, H d) whose products with keys are mean scores over heads."""
        model, correlation = self._model[0], self._model[0].blocks[0].correlation
        said = (names > 0).unsqueeze(-1)
        words = (model.embed_norm(model.embed(names)) * said).sum(dim=1) / said.sum(dim=1)  # (C, D)
        return correlation.q_proj(words) * correlation.head_width**-0.5 / correlation.heads


def _mean(values: Tensor) -> Tensor:
    return values.sum() / max(1, values.numel())


def question_losses(output: ViperOutput, batch: Batch) -> dict[str, Tensor]:
    """Losses of a batch of questions, unweighted."""
    asked = batch.grounded.sum().clamp(min=1)
    per_cell = batch.known * F.binary_cross_entropy_with_logits(output.target_logits, batch.target, reduction="none")
    probability = torch.sigmoid(output.target_logits) * batch.known
    target = batch.target * batch.known
    overlap = 2 * (probability * target).sum(dim=(1, 2)) + 1
    dice = 1 - overlap / (probability.sum(dim=(1, 2)) + target.sum(dim=(1, 2)) + 1)
    presence = F.binary_cross_entropy_with_logits(output.presence_logit, batch.present, reduction="none")
    off = F.smooth_l1_loss(torch.log1p(output.count), torch.log1p(batch.counts), reduction="none", beta=0.2)
    # a mean over cells would drown a small object in background: scale by the cells of a typical object, or its own
    size = target.sum(dim=(1, 2)).clamp(min=40)
    return {
        "point": pointing_loss(output.target_logits.flatten(1), batch.target.flatten(1)),
        "target": (per_cell.sum(dim=(1, 2)) / size * batch.grounded).sum() / asked,
        "dice": (dice * batch.grounded).sum() / asked,
        "presence": (presence * batch.grounded).sum() / asked,
        "count": (off * batch.grounded).sum() / asked,
        "answer": F.cross_entropy(output.logits.flatten(0, 1), batch.labels.flatten(), ignore_index=IGNORE),
    }


def pointing_loss(logits: Tensor, covered: Tensor) -> Tensor:
    """Minus the log of the share of a softmax over cells (N, G) that lies on covered (N, G), mean over what covers any.

    Cells compete, so it says where to point from the first step on, when losses cell by cell only say that things
    are rare.
    """
    on_target = (logits.log_softmax(dim=1) + covered.clamp_min(1e-6).log()).logsumexp(dim=1)  # (N,)
    seen = covered.sum(dim=1) > 0
    return -_mean(on_target[seen])


class DeepSupervision:
    """Asks every block but the last to point as well, which shortens the way of the gradient, and to point at anchors.

    Forward hooks collect what the pointers said: only training wants it, and the model stays free of it. They collect
    within :meth:`listening` alone.
    """

    def __init__(self, model: ViperF1) -> None:
        self.model = model
        self._said = threading.local()  # each thread learns from its own part of a batch
        for name, pointers in (("deep", model.pointers[:-1]), ("anchor", model.anchor_pointers)):
            for pointer in pointers:
                pointer.register_forward_hook(lambda _m, _i, scores, name=name: self._hear(name, scores))

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen to one forward pass of this thread; ask for its :meth:`losses` within."""
        self._said.taken = {"deep": [], "anchor": []}
        try:
            yield
        finally:
            del self._said.taken

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Losses of the pass that was listened to; without those that the model has no pointers for."""
        head, coarse = self.model.target_head, F.avg_pool2d(batch.target.unsqueeze(1), 2)
        places = [modulation.places for modulation in self.model.grid_modulations]
        asked = {
            "deep": (coarse, [head.scale for _ in self.model.pointers[:-1]]),
            "anchor": (batch.anchors, [place.sharpness[1] for place in places if place is not None]),
        }
        result = {}
        for name, (where, scales) in asked.items():
            sums = accumulate(self._said.taken[name])  # of (B * K, H, G), as the model adds them up
            found = [scale * scores.mean(dim=1) for scale, scores in zip(scales, sums, strict=True)]
            if found:
                result[name] = torch.stack([pointing_loss(logits, where.flatten(1)) for logits in found]).mean()
        return result

    def _hear(self, name: str, scores: Tensor) -> None:
        if hasattr(self._said, "taken"):
            self._said.taken[name].append(scores)


def total_loss(losses: dict[str, Tensor]) -> Tensor:
    """Weighted sum."""
    return torch.stack([WEIGHTS[name] * value for name, value in losses.items()]).sum()
