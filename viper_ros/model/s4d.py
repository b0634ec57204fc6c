"""S4D: S4 with a diagonal A (Gu et al. 2022, arXiv 2206.11893).

B batch, T tokens, D channels, N state size (complex, in N/2 conjugate pairs).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from viper_ros.model.config import ModulatorConfig
from viper_ros.model.state_space import scan

_TOKENS_AT_ONCE = 128  # bounds the memory of the scan, and keeps the whole linear in T


class S4DStateSpace(nn.Module):
    """S4D-Lin: a_n = -1/2 + i pi n, zero-order hold, B = 1; GELU and a gated linear unit mix the channels.

        h_t = exp(dt a) h_{t-1} + (exp(dt a) - 1) / a * x_t,   y_t = 2 Re(C h_t) + D x_t

    Args:
        width: D.
        state_size: N, even.
        dt_min, dt_max: range of dt at initialisation (log-uniform).
    """

    def __init__(self, width: int, state_size: int, dt_min: float = 1e-3, dt_max: float = 0.1) -> None:
        super().__init__()
        half = state_size // 2
        self.log_a_real = nn.Parameter(torch.full((width, half), math.log(0.5)))
        self.a_imag = nn.Parameter(math.pi * torch.arange(half).float().repeat(width, 1))
        self.c = nn.Parameter(torch.randn(width, half, 2) * 0.5**0.5)
        self.log_dt = nn.Parameter(torch.rand(width) * math.log(dt_max / dt_min) + math.log(dt_min))
        self.skip = nn.Parameter(torch.randn(width))
        self.out_proj = nn.Linear(width, 2 * width)

    @classmethod
    def from_config(cls, width: int, config: ModulatorConfig) -> S4DStateSpace:
        """Of a modulator's configuration."""
        return cls(width, config.state_size)

    def forward(self, x: Tensor, context: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Inputs x (B, T, D), context unused, state (B, D, N/2) complex64 or None for zeros -> y (B, T, D), state."""
        a = torch.complex(-self.log_a_real.float().exp(), self.a_imag.float())  # (D, N/2)
        decay = torch.exp(self.log_dt.float().exp().unsqueeze(-1) * a)
        gain, c = (decay - 1) / a, torch.view_as_complex(self.c.float())
        outputs = []
        for chunk in x.float().split(_TOKENS_AT_ONCE, dim=1):
            drive = gain * chunk.unsqueeze(-1)  # (B, t, D, N/2)
            if state is not None:
                drive = torch.cat([drive[:, :1] + decay * state.unsqueeze(1), drive[:, 1:]], dim=1)
            h = scan(decay.expand_as(drive), drive)
            outputs.append(2 * (h * c).sum(dim=-1).real)
            state = h[:, -1]
        y = torch.cat(outputs, dim=1).to(x.dtype) + self.skip * x
        return nn.functional.glu(self.out_proj(nn.functional.gelu(y)), dim=-1), state
