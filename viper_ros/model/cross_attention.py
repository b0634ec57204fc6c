"""A Transformer decoder's layer in the place of a modulator block: what Viper-F1 is compared with.

B batch, T tokens, S tokens so far, D width, G grid cells, H heads, d head width. Its cost grows with T * T, and what it
keeps of the past with T.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from viper_ros.model.config import ModulatorConfig
from viper_ros.model.correlation import Correlation, GridMemory

Past = tuple[Tensor, Tensor]  # keys and values of the tokens so far, (B, H, S, d) each


class CrossAttentionBlock(nn.Module):
    """Causal self-attention, cross-attention to the grid, perceptron (Vaswani et al. 2017, pre-norm)."""

    modulates_grid = False  # the grid is the same in every layer

    def __init__(self, width: int, grid_width: int, config: ModulatorConfig, space: nn.Module) -> None:
        """Widths D and Dv; the state space is not used."""
        super().__init__()
        self.heads, self.head_width = config.heads, config.head_width
        inner = self.heads * self.head_width
        self.norm_self = nn.LayerNorm(width)
        self.qkv_proj = nn.Linear(width, 3 * inner)
        self.self_out = nn.Linear(inner, width)
        self.norm_cross = nn.LayerNorm(width)
        self.correlation = CrossAttention(width, grid_width, self.heads, self.head_width)
        self.ffn = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, config.ffn_ratio * width),
            nn.GELU(),
            nn.Linear(config.ffn_ratio * width, width),
        )

    def forward(self, x: Tensor, memory: GridMemory, state: Past | None) -> tuple[Tensor, Correlation, Past]:
        """Tokens (B, T, D), memory of the grid, past -> tokens, what the cross-attention found, past."""
        y, state = self._attend(self.norm_self(x), state)
        x = x + y
        found = self.correlation(self.norm_cross(x), memory)
        x = x + found.context
        return x + self.ffn(x), found, state

    def _attend(self, x: Tensor, past: Past | None) -> tuple[Tensor, Past]:
        b, t, _ = x.shape
        q, k, v = (
            part.view(b, t, self.heads, self.head_width).transpose(1, 2) for part in self.qkv_proj(x).chunk(3, dim=-1)
        )
        if past is not None:
            k, v = torch.cat([past[0], k], dim=2), torch.cat([past[1], v], dim=2)
        mask = torch.ones(t, k.shape[2], dtype=torch.bool, device=x.device).tril(k.shape[2] - t)
        y = scaled_dot_product_attention(q, k, v, attn_mask=mask)  # (B, H, T, d)
        return self.self_out(y.transpose(1, 2).reshape(b, t, -1)), (k, v)


class CrossAttention(nn.Module):
    """Attention of tokens to cells, with the interface of the token-grid correlation."""

    def __init__(self, width: int, grid_width: int, heads: int, head_width: int) -> None:
        super().__init__()
        self.heads, self.head_width = heads, head_width
        self.q_proj = nn.Linear(width, heads * head_width)
        self.k_proj = nn.Linear(grid_width, heads * head_width)
        self.v_proj = nn.Linear(grid_width, heads * head_width)
        self.out_proj = nn.Linear(heads * head_width, width)

    def remember(self, grid: Tensor) -> GridMemory:
        """Grid (B, G, Dv) -> keys and values (B, H, G, d)."""
        return GridMemory(self._split(self.k_proj(grid)), self._split(self.v_proj(grid)))

    def forward(self, tokens: Tensor, memory: GridMemory) -> Correlation:
        """Tokens (B, T, D) -> context (B, T, D), relevance (B, T, G), scores (B, H, T, G)."""
        queries = self._split(self.q_proj(tokens))  # (B, H, T, d)
        scores = queries @ memory.keys.transpose(-1, -2) * self.head_width**-0.5  # (B, H, T, G)
        weights = scores.softmax(dim=-1)
        context = (weights @ memory.cells).transpose(1, 2).flatten(2)  # (B, T, H d)
        return Correlation(self.out_proj(context), weights.mean(dim=1), scores)

    def _split(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], self.heads, self.head_width).transpose(1, 2)
