"""Decoders: modulated token embeddings -> hidden states that the language head reads.

B batch, T tokens, D width, K taps of the convolution. As everywhere in the model, ``y, state = decoder(x, state)``
with any T >= 1, and the state is a value.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from viper_ros.model.config import DecoderConfig


class GatedShortConv(nn.Module):
    """Double-gated short convolution, the mixer of LFM2: y = C * conv_K(B * x) with B, C linear in the input."""

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        self.kernel = kernel
        self.in_proj = nn.Linear(width, 3 * width, bias=False)
        self.conv = nn.Conv1d(width, width, kernel, groups=width, bias=False)
        self.out_proj = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor, window: Tensor | None) -> tuple[Tensor, Tensor]:
        """Inputs x (B, T, D), window: the last K - 1 inputs of the convolution (B, D, K - 1) -> y (B, T, D), window."""
        gate_in, gate_out, value = self.in_proj(x).chunk(3, dim=-1)
        gated = (gate_in * value).transpose(1, 2)  # (B, D, T)
        if window is None:
            window = gated.new_zeros(*gated.shape[:2], self.kernel - 1)
        padded = torch.cat([window, gated], dim=-1)  # (B, D, K - 1 + T)
        if x.shape[1] == 1:  # a product is several times faster than starting a convolution for one token
            mixed = (padded * self.conv.weight[:, 0]).sum(dim=-1).unsqueeze(1)  # (B, 1, D)
        else:
            mixed = self.conv(padded).transpose(1, 2)  # (B, T, D)
        return self.out_proj(gate_out * mixed), padded[..., padded.shape[-1] - self.kernel + 1 :]


class SwiGLU(nn.Module):
    """Gated perceptron (arXiv 2002.05202)."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.gate_up = nn.Linear(width, 2 * hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        gate, up = self.gate_up(x).chunk(2, dim=-1)
        return self.down(nn.functional.silu(gate) * up)


class ShortConvDecoder(nn.Module):
    """Gated short convolutions and gated perceptrons, no attention: LFM2's recipe without its attention layers."""

    def __init__(self, width: int, config: DecoderConfig) -> None:
        super().__init__()
        self.mixers = nn.ModuleList(GatedShortConv(width, config.kernel) for _ in range(config.layers))
        self.mlps = nn.ModuleList(SwiGLU(width, config.ffn_width) for _ in range(config.layers))
        self.mixer_norms = nn.ModuleList(nn.RMSNorm(width) for _ in range(config.layers))
        self.mlp_norms = nn.ModuleList(nn.RMSNorm(width) for _ in range(config.layers))
        self.norm = nn.RMSNorm(width)

    def forward(self, x: Tensor, state: tuple[Tensor, ...] | None = None) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Inputs x (B, T, D), state: one window a layer -> y (B, T, D), state."""
        windows = []
        for i, (mixer, mlp) in enumerate(zip(self.mixers, self.mlps, strict=True)):
            y, window = mixer(self.mixer_norms[i](x), state[i] if state else None)
            x = x + y
            x = x + mlp(self.mlp_norms[i](x))
            windows.append(window)
        return self.norm(x), tuple(windows)
