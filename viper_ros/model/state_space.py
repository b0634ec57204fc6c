"""State spaces over the text tokens: a value goes in, the next value comes out, time is linear.

B batch, T tokens, D channels, N state size of a channel.

Every state space is called ``y, state = space(x, context, state)`` with any T >= 1; T = 1 is the step of
generation. The state is a value: keep it, copy it, hand it in again. S4 and S4D are in modules of their own.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from viper_ros.model.config import ModulatorConfig


def scan(decay: Tensor, drive: Tensor) -> Tensor:
    """All h_t of h_t = decay_t * h_{t-1} + drive_t with h_0 = drive_0, in O(T) work and O(log T) depth.

    decay, drive (B, T, ...), real or complex -> (B, T, ...). Differentiable.
    """
    return _Scan.apply(decay, drive)


class _Scan(torch.autograd.Function):
    """The gradient of a linear recurrence is the same recurrence run backwards, so nothing between is stored."""

    @staticmethod
    def forward(ctx, decay: Tensor, drive: Tensor) -> Tensor:
        h = _pairwise_scan(decay, drive)
        ctx.save_for_backward(decay, h)
        return h

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, Tensor]:
        decay, h = ctx.saved_tensors
        # g_t = grad_t + conj(decay_{t+1}) * g_{t+1}
        next_decay = torch.cat([decay[:, 1:], torch.zeros_like(decay[:, :1])], dim=1).conj()
        g = _pairwise_scan(next_decay.flip(1), grad.flip(1)).flip(1)
        previous = torch.cat([torch.zeros_like(h[:, :1]), h[:, :-1]], dim=1)
        return g * previous.conj(), g


def _pairwise_scan(decay: Tensor, drive: Tensor) -> Tensor:
    """Neighbours are combined into a sequence of half the length, which is solved the same way.

    Blelloch 1990, "Prefix sums and their applications".
    """
    t = decay.shape[1]
    if t == 1:
        return drive
    even, odd, later = slice(0, t - t % 2, 2), slice(1, t, 2), slice(2, t, 2)
    h = torch.empty_like(drive)
    paired_drive = torch.addcmul(drive[:, odd], decay[:, odd], drive[:, even])
    h[:, odd] = _pairwise_scan(decay[:, odd] * decay[:, even], paired_drive)
    h[:, 0] = drive[:, 0]
    h[:, later] = torch.addcmul(drive[:, later], decay[:, later], h[:, 1 : t - 1 : 2])
    return h


class LiquidStateSpace(nn.Module):
    """Liquid time-constant dynamics as a linear recurrence with an input-dependent step.

        dt_t = softplus(W [x_t ; c_t] + b)
        h_t  = exp(dt_t * A) h_{t-1} + (1 - exp(dt_t * A)) B_t x_t        (D, N) per token
        y_t  = norm(C_t h_t + D x_t)

    The time constant depends on what the word is and on what it found in the image (the context c_t), so the grid
    moves the dynamics and not only their input. A is diagonal, negative and learned (S4D-Lin's real part); B_t and
    C_t are linear in x_t (Mamba, arXiv 2312.00752). Liquid: LTC (arXiv 2006.04439), Liquid-S4 (2209.12951).
    As in S4, GELU and a gated linear unit mix the channels at the end.

    The input enters with the exact weight of a leaky integrator and not with its first-order form dt_t B_t x_t,
    which has no bound: trained with that, dt grew to 50 and the output to 10^4 times the residual's scale.

    Args:
        width: D.
        state_size: N.
        dt_min, dt_max: range of dt at initialisation (log-uniform).
    """

    def __init__(self, width: int, state_size: int, dt_min: float = 0.02, dt_max: float = 0.5) -> None:
        super().__init__()
        self.width, self.state_size = width, state_size
        self.dt_proj = nn.Linear(2 * width, width)
        self.bc_proj = nn.Linear(width, 2 * state_size, bias=False)
        self.log_a = nn.Parameter(torch.log(torch.arange(1, state_size + 1).float()).repeat(width, 1))  # (D, N)
        self.skip = nn.Parameter(torch.ones(width))
        self.norm = nn.RMSNorm(width)
        self.out_proj = nn.Linear(width, 2 * width)
        dt = torch.exp(torch.rand(width) * (math.log(dt_max) - math.log(dt_min)) + math.log(dt_min))
        with torch.no_grad():
            self.dt_proj.weight.mul_(0.5)
            self.dt_proj.bias.copy_(dt + torch.log(-torch.expm1(-dt)))  # inverse of softplus

    @classmethod
    def from_config(cls, width: int, config: ModulatorConfig) -> LiquidStateSpace:
        """Of a modulator's configuration."""
        return cls(width, config.state_size)

    def forward(self, x: Tensor, context: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Inputs x, context (B, T, D), state (B, D, N) or None for zeros -> y (B, T, D), state (B, D, N)."""
        dt = self.step_size(x, context)  # (B, T, D)
        b_t, c_t = self.bc_proj(x).chunk(2, dim=-1)  # (B, T, N) each
        decay = torch.exp(-dt.unsqueeze(-1) * self.log_a.exp())  # (B, T, D, N)
        drive = (1 - decay) * x.unsqueeze(-1) * b_t.unsqueeze(2)  # (B, T, D, N)
        if state is not None:
            first = decay[:, :1] * state.unsqueeze(1) + drive[:, :1]
            drive = torch.cat([first, drive[:, 1:]], dim=1)
        h = scan(decay, drive) if x.shape[1] > 1 else drive  # (B, T, D, N)
        y = self.norm((h @ c_t.unsqueeze(-1)).squeeze(-1) + self.skip * x)  # (B, T, D)
        return nn.functional.glu(self.out_proj(nn.functional.gelu(y)), dim=-1), h[:, -1]

    def step_size(self, x: Tensor, context: Tensor) -> Tensor:
        """dt_t (B, T, D) of each token and channel, positive."""
        return nn.functional.softplus(self.dt_proj(torch.cat([x, context], dim=-1)))


class ConstantStepStateSpace(LiquidStateSpace):
    """The same without what makes it liquid: every channel has one dt for all tokens and images (for ablations)."""

    def step_size(self, x: Tensor, context: Tensor) -> Tensor:
        """Dt of the channel alone, (B, T, D)."""
        return nn.functional.softplus(self.dt_proj.bias).expand_as(x)
