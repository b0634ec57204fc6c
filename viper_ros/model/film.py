"""Feature-wise linear modulation (FiLM, Perez et al. 2017, arXiv 1709.07871).

B batch, T tokens, D width of what is modulated, C width of the condition.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

PLACES = 5
"""What `relative_places` tells of each map."""


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
    modulated by the state of the sentence and receive the map that the last correlation found. With ``anchors`` they
    receive a second map, of the things that the words mention on the way ("the mug" of "left of the mug"), and where
    they lie as seen from both maps (`relative_places`), so that "left of it" or "second of them" is near at hand.

    Args:
        width: Dv of the grid.
        sentence_width: D.
        heads: H.
        pool: cells each way that are taken together: the change is coarser than the grid, sees further, and costs
            pool * pool times less.
        film: False leaves out the sentence (for ablations).
        ratio: hidden channels of the perceptron over Dv.
        anchors: whether there is a second map. What is made of it, and of places, changes nothing at the start.
    """

    def __init__(
        self,
        width: int,
        sentence_width: int,
        heads: int,
        pool: int = 1,
        film: bool = True,
        ratio: int = 2,
        anchors: bool = False,
    ) -> None:
        super().__init__()
        self.pool = pool
        self.mix = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.relevance_in = nn.Linear(heads, width, bias=False)
        self.norm = nn.LayerNorm(width)
        self.film = FiLM(sentence_width, width) if film else None
        self.up = nn.Linear(width, ratio * width)
        self.down = nn.Linear(ratio * width, width)
        self.places = Places(width) if anchors else None

    def forward(
        self, grid: Tensor, sentence: Tensor, scores: Tensor, shape: tuple[int, int], anchors: Tensor | None = None
    ) -> Tensor:
        """Grid (B, G, Dv), sentence (B, D), scores of the instruction (B, H, G) -> grid (B, G, Dv).

        With ``anchors`` their scores (B, H, G) as well, else None.
        """
        if any(side % self.pool for side in shape):
            raise ValueError(f"a grid of {shape} cells is not made of squares of {self.pool} x {self.pool}")
        if (anchors is None) != (self.places is None):
            raise ValueError("scores of anchors are wanted if and only if the modulation was made with anchors")
        # (B, G, C) seen as an image is in channels-last order: pooling, convolution and norm copy nothing
        cells = nn.functional.avg_pool2d(grid.transpose(1, 2).unflatten(2, shape), self.pool)  # (B, Dv, h, w)
        found = nn.functional.avg_pool2d(torch.sigmoid(scores).unflatten(2, shape), self.pool)  # (B, H, h, w)
        mixed = cells + self.relevance_in(found.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)  # h = Gh / p, w = Gw / p
        seen_from = None
        if self.places is not None:
            near, seen_from = self.places(scores, anchors, shape, self.pool)
            mixed = mixed + near
        mixed = self.norm(self.mix(mixed).permute(0, 2, 3, 1))  # (B, h, w, Dv)
        if seen_from is not None:
            mixed = mixed + seen_from
        if self.film is not None:
            mixed = self.film(mixed, sentence[:, None, None])
        change = self.down(nn.functional.gelu(self.up(mixed))).permute(0, 3, 1, 2)  # (B, Dv, h, w)
        change = nn.functional.interpolate(change, scale_factor=float(self.pool), mode="nearest")  # (B, Dv, Gh, Gw)
        return grid + change.flatten(2).transpose(1, 2)


class Places(nn.Module):
    """What two maps tell every cell: how strongly they lie on it, and where it lies as seen from them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.sharpness = nn.Parameter(torch.tensor([4.0, 4.0]))  # logits of cells over scores, as the target head's
        self.near = nn.Linear(2, width, bias=False)
        self.seen_from = nn.Linear(2 * PLACES, width, bias=False)
        nn.init.zeros_(self.near.weight)
        nn.init.zeros_(self.seen_from.weight)

    def forward(self, scores: Tensor, anchors: Tensor, shape: tuple[int, int], pool: int) -> tuple[Tensor, Tensor]:
        """Scores of the instruction and of its anchors (B, H, G) -> (B, Dv, h, w) and (B, h, w, Dv), h = Gh / pool."""
        logits = self.sharpness.unsqueeze(-1) * torch.stack([scores.mean(dim=1), anchors.mean(dim=1)], dim=1)
        shares = logits.softmax(dim=-1).unflatten(2, shape)  # (B, 2, Gh, Gw)
        shares = nn.functional.avg_pool2d(shares, pool) * pool**2  # (B, 2, h, w), each sums to 1
        near = shares / shares.amax(dim=(2, 3), keepdim=True)
        return self.near(near.permute(0, 2, 3, 1)).permute(0, 3, 1, 2), self.seen_from(relative_places(shares))


def relative_places(shares: Tensor) -> Tensor:
    """Where each cell lies as seen from maps that sum to one: (B, M, h, w) -> (B, h, w, M * PLACES).

    To the right of the map's mean place, below it, how far from it (the longer side of the grid is 2), and which share
    of the map lies to the left of the cell's middle and above it: for the leftmost of several things half of its own.
    """
    h, w = shares.shape[-2:]
    of_columns, of_rows = shares.sum(dim=2), shares.sum(dim=3)  # (B, M, w), (B, M, h)
    x = (torch.arange(w, device=shares.device, dtype=shares.dtype) - (w - 1) / 2) * (2 / max(h, w))
    y = (torch.arange(h, device=shares.device, dtype=shares.dtype) - (h - 1) / 2) * (2 / max(h, w))
    right = (x - (of_columns * x).sum(-1, keepdim=True)).unsqueeze(2).expand_as(shares)  # (B, M, h, w)
    below = (y - (of_rows * y).sum(-1, keepdim=True)).unsqueeze(3).expand_as(shares)
    to_the_left = (of_columns.cumsum(dim=-1) - 0.5 * of_columns).unsqueeze(2).expand_as(shares)
    above = (of_rows.cumsum(dim=-1) - 0.5 * of_rows).unsqueeze(3).expand_as(shares)
    away = (right.square() + below.square() + 1e-6).sqrt()
    return torch.stack([right, below, away, to_the_left, above], dim=-1).permute(0, 2, 3, 1, 4).flatten(3)
