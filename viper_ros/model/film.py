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
    """

    def __init__(self, width: int, sentence_width: int, heads: int, ratio: int = 2) -> None:
        super().__init__()
        self.mix = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.relevance_in = nn.Linear(heads, width, bias=False)
        self.norm = nn.LayerNorm(width)
        self.film = FiLM(sentence_width, width)
        self.up = nn.Linear(width, ratio * width)
        self.down = nn.Linear(ratio * width, width)

    def forward(self, grid: Tensor, sentence: Tensor, scores: Tensor, shape: tuple[int, int]) -> Tensor:
        """Grid (B, G, Dv), sentence (B, D), scores of the sentence's token (B, H, G) -> grid (B, G, Dv)."""
        b, _, d = grid.shape
        mixed = grid + self.relevance_in(torch.sigmoid(scores).transpose(1, 2))  # (B, G, Dv)
        mixed = mixed.transpose(1, 2).reshape(b, d, *shape)  # (B, Dv, Gh, Gw)
        mixed = self.mix(mixed).flatten(2).transpose(1, 2)  # (B, G, Dv)
        mixed = self.film(self.norm(mixed), sentence.unsqueeze(1))
        return grid + self.down(nn.functional.gelu(self.up(mixed)))
