"""Cross-modal state-space modulation, the block that Viper-F1 is made of (arXiv 2511.11177)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from viper_ros.model.config import ModulatorConfig
from viper_ros.model.correlation import Correlation, GridMemory, TokenGridCorrelation
from viper_ros.model.film import FiLM


class ModulatorBlock(nn.Module):
    """Correlation, FiLM in, state space, FiLM out, perceptron (the paper's cross-modal state-space modulation)."""

    modulates_grid = True  # a sentence changes the grid between two of them

    def __init__(self, width: int, grid_width: int, config: ModulatorConfig, space: nn.Module) -> None:
        super().__init__()
        self.correlation = TokenGridCorrelation(
            width, grid_width, config.heads, config.head_width, config.top_k, config.mass, config.correlation
        )
        self.gate = nn.Parameter(torch.tensor(0.5))
        self.norm_in = nn.LayerNorm(width)
        self.film_in = FiLM(width, width) if config.film else None
        self.space = space
        self.film_out = FiLM(width, width) if config.film else None
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
        y = self.norm_in(x)
        if self.film_in is not None:
            y = self.film_in(y, found.context, self.gate)
        y, state = self.space(y, found.context, state)
        if self.film_out is not None:
            y = self.film_out(y, found.context, self.gate)
        x = x + y
        return self.norm_out(x + self.ffn(x)), found, state
