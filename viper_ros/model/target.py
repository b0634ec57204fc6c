"""Where to point, whether it is there at all, and how many: heads on the correlation of the instruction with the grid.

B batch, D width, Dv width of a grid embedding, H heads, G = Gh * Gw cells to point with.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from viper_ros.model.config import ViperConfig
from viper_ros.model.grid import CELL_PX, Grid


class Finding(NamedTuple):
    """What an instruction found."""

    target_logits: Tensor  # (B, 2 Gh, 2 Gw), or (B, Gh, Gw) of a head without fine cells
    presence_logit: Tensor  # (B,)
    count: Tensor | None  # (B,), about how many things it points at, >= 0
    summary: Tensor | None  # (B, Dv + H + 14): what lies where it points, how much, how many, and whether at all


LARGEST_COUNT = 10
"""The reader tells numbers apart up to here; answers have words up to ten."""

_TYPICAL_CELLS = 20.0
"""Of a thing: what the density starts with."""


class TargetHead(nn.Module):
    """Scores of the instruction -> one logit for each fine cell, one for "it is in view", and what is read there.

    The coarse term is the correlation itself (averaged over heads, scaled); the fine term correlates the sentence
    with edges at twice the resolution. How many things it points at is a sum over cells, in which each cell says the
    share of a thing that it shows (counting by density, Lempitsky and Zisserman 2010); the reader gets it as soft
    bins, one a number, and the presence as well, so that answer and presence need not disagree. On an image larger than
    those of training a thing covers more cells; the count is corrected for that.
    """

    def __init__(self, width: int, grid_width: int, heads: int, fine_width: int, cells_across: int) -> None:
        super().__init__()
        self.cells_across = cells_across  # of the longer side in training
        found_width = grid_width + heads + 1 + 1 + LARGEST_COUNT + 1
        self.summary_width = found_width + 1
        self.scale = nn.Parameter(torch.tensor(4.0))
        self.bias = nn.Parameter(torch.tensor(-3.0))
        self.fine_query = nn.Linear(width, fine_width)
        self.presence = nn.Sequential(nn.Linear(width + found_width, 64), nn.GELU(), nn.Linear(64, 1))
        self.density = nn.Linear(grid_width, 1)
        nn.init.constant_(self.density.bias, math.log(math.expm1(1 / _TYPICAL_CELLS)))

    @classmethod
    def from_config(cls, config: ViperConfig) -> TargetHead:
        """Of a whole model's configuration."""
        grid = config.grid
        return cls(config.width, grid.width, config.modulator.heads, grid.fine_width, config.image_size // CELL_PX)

    def forward(self, sentence: Tensor, scores: Tensor, grid: Grid) -> Finding:
        """Sentence (B, D), its scores (B, H, G), grid -> :class:`Finding`."""
        coarse = self.scale * scores.mean(dim=1) + self.bias  # (B, G)
        there = (coarse.softmax(dim=-1).unsqueeze(1) @ grid.cells).squeeze(1)  # (B, Dv), the cells it points at
        mass = torch.log1p(torch.sigmoid(scores).sum(dim=-1))  # (B, H)
        share = nn.functional.softplus(self.density(grid.cells)).squeeze(-1)  # (B, G), of a thing in each cell
        count = (torch.sigmoid(coarse) * share).sum(dim=-1) * (self.cells_across / max(grid.shape)) ** 2  # (B,)
        found = torch.cat([there, mass, coarse.amax(dim=-1, keepdim=True), _bins(count)], dim=-1)
        presence = self.presence(torch.cat([sentence, found], dim=-1))  # (B, 1)
        coarse = coarse.view(-1, 1, *grid.shape)  # (B, 1, Gh, Gw)
        coarse = nn.functional.interpolate(coarse, scale_factor=2.0, mode="bilinear", align_corners=False)
        query = self.fine_query(sentence) * grid.fine.shape[1] ** -0.5  # (B, Df)
        fine = torch.einsum("bd,bdhw->bhw", query, grid.fine)  # (B, 2 Gh, 2 Gw)
        return Finding(coarse.squeeze(1) + fine, presence.squeeze(-1), count, torch.cat([found, presence], dim=-1))


def _bins(count: Tensor) -> Tensor:
    """Counts (B,) -> their logarithm and how near they are to each number, (B, 2 + LARGEST_COUNT)."""
    numbers = torch.arange(LARGEST_COUNT + 1, device=count.device, dtype=count.dtype)
    near = torch.exp(-2 * (count.unsqueeze(-1) - numbers).square())
    return torch.cat([torch.log1p(count).unsqueeze(-1), near], dim=-1)


class RelevanceHead(nn.Module):
    """The same from relevance alone, for checkpoints that nobody taught to point. Has no parameters.

    The odds of a cell are its relevance in units of a uniform map's, so a cell with its fair share is at one half.
    Presence is the best cell. Neither is calibrated until the calibration in the configuration is fitted.
    """

    summary_width = 0  # nobody taught the decoder to read one

    @classmethod
    def from_config(cls, config: ViperConfig) -> RelevanceHead:
        """Of a whole model's configuration, of which it needs nothing."""
        return cls()

    def forward(self, sentence: Tensor, scores: Tensor, grid: Grid) -> Finding:
        """Sentence unused, scores (B, H, G), grid -> :class:`Finding` without a summary."""
        share = scores.softmax(dim=-1).mean(dim=1) * scores.shape[-1]  # (B, G), 1 on average
        logits = torch.log(share.clamp_min(1e-6))
        return Finding(logits.view(-1, *grid.shape), logits.amax(dim=-1), None, None)
