"""Token-Grid Correlation: which grid cells each word means.

B batch, T tokens, G grid cells, H heads, d head width, D width of tokens, Dv width of a grid embedding.
The cost is linear in T and in G; nothing in it grows with T * T or G * G.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn


class GridMemory(NamedTuple):
    """What the correlation needs of a grid: made once for an image (and sentence), used for every token."""

    keys: Tensor  # (B, H, G, d)
    cells: Tensor  # (B, G, Dv); values are made after the sum over cells, where they cost a token and not a cell.
    # A cross-attention has its values (B, H, G, d) here.


class Correlation(NamedTuple):
    """Result of correlating tokens with a grid."""

    context: Tensor  # (B, T, D), c_t = sum_g R[t, g] V[g]
    relevance: Tensor  # (B, T, G), R: non-negative, sums to 1 over the cells
    scores: Tensor  # (B, H, T, G), before top-k and softmax


class TokenGridCorrelation(nn.Module):
    """R = mean over heads of softmax(top-k(Q K^T / sqrt(d))), c = R V (Viper-F1, arXiv 2511.11177).

    Args:
        width: D.
        grid_width: Dv.
        heads, head_width: H, d.
        top_k: cells kept by each head and token; None keeps all.
        mass: add a linear map of log(1 + sum_g sigmoid(S[h, t, g])) to the context. Softmax forgets how much
            was found; counting and presence need it. The sum is normalised, since it steers gates and time constants.
        choose: False gives every token the mean of all cells, whatever it means; scores are as before (for ablations).
    """

    def __init__(
        self,
        width: int,
        grid_width: int,
        heads: int,
        head_width: int,
        top_k: int | None,
        mass: bool = False,
        choose: bool = True,
    ) -> None:
        super().__init__()
        self.heads, self.head_width, self.top_k, self.choose = heads, head_width, top_k, choose
        self.q_proj = nn.Linear(width, heads * head_width, bias=False)
        self.k_proj = nn.Linear(grid_width, heads * head_width, bias=False)
        self.v_proj = nn.Linear(grid_width, width, bias=False)
        self.mass_proj = nn.Linear(heads, width, bias=False) if mass else None
        self.context_norm = nn.LayerNorm(width) if mass else None

    def remember(self, grid: Tensor) -> GridMemory:
        """Grid (B, G, Dv) -> memory, computed once for all tokens."""
        b, g, _ = grid.shape
        keys = self.k_proj(grid).view(b, g, self.heads, self.head_width).transpose(1, 2)  # (B, H, G, d)
        return GridMemory(keys, grid)

    def forward(self, tokens: Tensor, memory: GridMemory) -> Correlation:
        """Tokens (B, T, D) -> :class:`Correlation`."""
        scores = self.scores(tokens, memory)  # (B, H, T, G)
        used = scores if self.choose else torch.zeros_like(scores)
        relevance = _top_k_softmax(used, self.top_k).mean(dim=1)  # (B, T, G)
        context = self.v_proj(relevance @ memory.cells)  # (B, T, D), R (X W_v) = (R X) W_v
        if self.mass_proj is not None:
            mass = torch.log1p(torch.sigmoid(used).sum(dim=-1))  # (B, H, T)
            context = self.context_norm(context + self.mass_proj(mass.transpose(1, 2)))
        return Correlation(context, relevance, scores)

    def scores(self, tokens: Tensor, memory: GridMemory) -> Tensor:
        """Q K^T / sqrt(d): tokens (B, T, D) -> (B, H, T, G)."""
        b, t, _ = tokens.shape
        queries = self.q_proj(tokens).view(b, t, self.heads, self.head_width).transpose(1, 2)  # (B, H, T, d)
        return queries @ memory.keys.transpose(-1, -2) * self.head_width**-0.5


class Pointer(nn.Module):
    """Where an instruction points: the mean of what its words find, weighted for each head by what a word is there for.

    The weights are a softmax over the instruction of a linear map of the words' states behind the block, so that "mug"
    weighs much in "the mug" and little in "left of the mug". At the start all words weigh alike.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.weight = nn.Linear(width, heads, bias=False)  # a softmax over words forgets what all have in common
        nn.init.zeros_(self.weight.weight)

    def forward(self, tokens: Tensor, scores: Tensor, is_instruction: Tensor) -> Tensor:
        """States (B, T, D), scores (B, H, T, G), mask (B, T) bool -> scores of the instruction (B, H, G)."""
        weights = self.weight(tokens).masked_fill(~is_instruction.unsqueeze(-1), float("-inf")).softmax(dim=1)
        return (weights.permute(0, 2, 1).unsqueeze(2) @ scores).squeeze(2)


def _top_k_softmax(scores: Tensor, k: int | None) -> Tensor:
    """Softmax over the k largest of the last axis, zero elsewhere."""
    if k is None or k >= scores.shape[-1]:
        return scores.softmax(dim=-1)
    best, index = scores.topk(k, dim=-1)
    return torch.zeros_like(scores).scatter(-1, index, best.softmax(dim=-1))
