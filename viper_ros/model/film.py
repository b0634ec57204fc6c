"""Feature-wise linear modulation (FiLM, Perez et al. 2017, arXiv 1709.07871).

B batch, T tokens, D width of what is modulated, C width of the condition.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class FiLM(nn.Module):
    """``x * (1 + a * gamma(c)) + a * beta(c)`` with a gate ``a`` that the caller may share between several."""

    def __init__(self, condition_width: int, width: int) -> None:
        super().__init__()
        self.proj = nn.Linear(condition_width, 2 * width)

    def forward(self, x: Tensor, condition: Tensor, gate: Tensor | float = 1.0) -> Tensor:
        """Features x (B, T, D), condition (B, T or 1, C) -> (B, T, D)."""
        gamma, beta = self.proj(condition).chunk(2, dim=-1)  # (B, T, D) each
        return x * (1 + gate * gamma) + gate * beta


class GridModulation(nn.Module):
    """Lets the sentence change the grid between two correlations, at a cost linear in the cells.

    A ConvNeXt-like block (depthwise 7x7, then a two-layer perceptron per cell) whose normalised features are
    modulated by the state of the sentence and receive the map that the last correlation found. Cells carry their
    position, so "left of what was just found" becomes a comparison that each cell can make for itself.

    Args:
        width: Dv of the grid.
        sentence_width: D.
        heads: H.
        pool: cells each way that are taken together: the change is coarser than the grid, sees further, and costs
            pool * pool times less.
        film: False leaves out the sentence (for ablations).
        ratio: hidden channels of the perceptron over Dv.
    """

    def __init__(
        self, width: int, sentence_width: int, heads: int, pool: int = 1, film: bool = True, ratio: int = 2
    ) -> None:
        super().__init__()
        self.pool = pool
        self.mix = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.relevance_in = nn.Linear(heads, width, bias=False)
        self.norm = nn.LayerNorm(width)
        self.film = FiLM(sentence_width, width) if film else None
        self.up = nn.Linear(width, ratio * width)
        self.down = nn.Linear(ratio * width, width)

    def forward(self, grid: Tensor, sentence: Tensor, scores: Tensor, shape: tuple[int, int]) -> Tensor:
        """Grid (B, G, Dv), sentence (B, D), scores of the sentence's token (B, H, G) -> grid (B, G, Dv)."""
        if any(side % self.pool for side in shape):
            raise ValueError(f"a grid of {shape} cells is not made of squares of {self.pool} x {self.pool}")
        # (B, G, C) seen as an image is in channels-last order: pooling, convolution and norm copy nothing
        cells = nn.functional.avg_pool2d(grid.transpose(1, 2).unflatten(2, shape), self.pool)  # (B, Dv, h, w)
        found = nn.functional.avg_pool2d(torch.sigmoid(scores).unflatten(2, shape), self.pool)  # (B, H, h, w)
        mixed = cells + self.relevance_in(found.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)  # h = Gh / p, w = Gw / p
        mixed = self.norm(self.mix(mixed).permute(0, 2, 3, 1))  # (B, h, w, Dv)
        if self.film is not None:
            mixed = self.film(mixed, sentence[:, None, None])
        change = self.down(nn.functional.gelu(self.up(mixed))).permute(0, 3, 1, 2)  # (B, Dv, h, w)
        change = nn.functional.interpolate(change, scale_factor=float(self.pool), mode="nearest")  # (B, Dv, Gh, Gw)
        return grid + change.flatten(2).transpose(1, 2)
