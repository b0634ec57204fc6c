"""Cross-modal state-space modulation, the block that Viper-F1 is made of (arXiv 2511.11177)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from viper_ros.model.config import ModulatorConfig, lookup
from viper_ros.model.correlation import Correlation, GridMemory, TokenGridCorrelation
from viper_ros.model.film import FiLM
from viper_ros.model.registry import STATE_SPACES


class ModulatorBlock(nn.Module):
    """Correlation, FiLM in, state space, FiLM out, perceptron (the paper's cross-modal state-space modulation)."""

    def __init__(self, width: int, grid_width: int, config: ModulatorConfig) -> None:
        super().__init__()
        self.correlation = TokenGridCorrelation(
            width, grid_width, config.heads, config.head_width, config.top_k, config.mass
        )
        self.gate = nn.Parameter(torch.tensor(0.5))
        self.norm_in = nn.LayerNorm(width)
        self.film_in = FiLM(width, width)
        self.space = lookup(STATE_SPACES, config.state_space, "state space").from_config(width, config)
        self.film_out = FiLM(width, width)
        self.ffn = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, config.ffn_ratio * width),
            nn.GELU(),
            nn.Linear(config.ffn_ratio * width, width),
        )
        self.norm_out = nn.LayerNorm(width)

    def forward(self, x: Tensor, memory: GridMemory, state: Tensor | None) -> tuple[Tensor, Correlation, Tensor]:
        """Tokens (B, T, D), memory of the grid, state of the space -> tokens, correlation, state."""
        found = self.correlation(x, memory)
        y = self.film_in(self.norm_in(x), found.context, self.gate)
        y, state = self.space(y, found.context, state)
        x = x + self.film_out(y, found.context, self.gate)
        return self.norm_out(x + self.ffn(x)), found, state
