"""What training asks of the model. Each loss is a mean over questions (or cells) and has its weight beside it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from viper_ros.model import Grid, ViperF1, ViperOutput
from viper_ros.training.batches import CATEGORY_INDEX, COLOUR_INDEX, IGNORE, Batch

WEIGHTS = {"target": 0.6, "deep": 0.3, "dice": 0.5, "presence": 0.5, "answer": 1.0, "category": 1.0, "colour": 0.7}


class DenseHead(nn.Module):
    """Names category and colour of every cell. It teaches the grid encoder and is thrown away after training."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.category = nn.Linear(width, len(CATEGORY_INDEX) + 1)
        self.colour = nn.Linear(width, len(COLOUR_INDEX) + 1)

    def losses(self, grid: Grid, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropies, one mean over the cells of things and one, at half weight, over background."""
        result = {}
        for name, head, labels in (
            ("category", self.category, batch.categories),
            ("colour", self.colour, batch.colours),
        ):
            labels = labels.flatten()
            per_cell = F.cross_entropy(head(grid.cells).flatten(0, 1), labels, reduction="none")
            things = labels > 0
            result[name] = _mean(per_cell[things]) + 0.5 * _mean(per_cell[~things])
        return result


def _mean(values: Tensor) -> Tensor:
    return values.sum() / max(1, values.numel())


def question_losses(output: ViperOutput, batch: Batch) -> dict[str, Tensor]:
    """Losses of a batch of questions, unweighted."""
    count = batch.grounded.sum().clamp(min=1)
    per_cell = F.binary_cross_entropy_with_logits(output.target_logits, batch.target, reduction="none")
    probability = torch.sigmoid(output.target_logits)
    overlap = 2 * (probability * batch.target).sum(dim=(1, 2)) + 1
    dice = 1 - overlap / (probability.sum(dim=(1, 2)) + batch.target.sum(dim=(1, 2)) + 1)
    presence = F.binary_cross_entropy_with_logits(output.presence_logit, batch.present, reduction="none")
    # a mean over cells would drown a small object in background: scale by the cells of a typical object
    return {
        "target": (per_cell.sum(dim=(1, 2)) / 40 * batch.grounded).sum() / count,
        "dice": (dice * batch.grounded).sum() / count,
        "presence": (presence * batch.grounded).sum() / count,
        "answer": F.cross_entropy(output.logits.flatten(0, 1), batch.labels.flatten(), ignore_index=IGNORE),
    }


class DeepSupervision:
    """Asks every block between the first and the last to point as well, which shortens the way of the gradient.

    The first block's ground token has not heard the sentence yet, so nothing can be asked of it. Forward hooks
    collect the scores: only training wants them, and the model stays free of it.
    """

    def __init__(self, model: ViperF1) -> None:
        self.model = model
        self._scores: list[Tensor] = []
        for block in model.blocks[1:-1]:
            block.correlation.register_forward_hook(lambda _m, _i, found: self._scores.append(found.scores))

    def loss(self, batch: Batch) -> Tensor:
        """Loss of the last forward pass, which it forgets; zero for a model of one or two blocks."""
        head, taken, self._scores = self.model.target_head, self._scores, []
        at = (batch.input_ids == self.model.config.ground_token_id).int().argmax(dim=1)
        row = torch.arange(len(at), device=at.device)
        coarse = F.avg_pool2d(batch.target.unsqueeze(1), 2).flatten(1)  # (B * K, G)
        total = batch.target.new_zeros(())
        for scores in taken:  # (B * K, H, T, G)
            logits = head.scale * scores[row, :, at].mean(dim=1) + head.bias
            per_cell = F.binary_cross_entropy_with_logits(logits, coarse, reduction="none").sum(dim=1) / 10
            total = total + (per_cell * batch.grounded).sum() / batch.grounded.sum().clamp(min=1)
        return total / max(1, len(taken))


def total_loss(losses: dict[str, Tensor]) -> Tensor:
    """Weighted sum."""
    return torch.stack([WEIGHTS[name] * value for name, value in losses.items()]).sum()
