"""S4: a long convolution that is also a recurrence (Gu, Goel, Re 2022, arXiv 2111.00396).

B batch, T tokens, D channels, N state size (complex, in N/2 conjugate pairs), L taps of the convolution.

Each channel is a linear system with one input and one output, h' = A h + B u, y = 2 Re(C h) over the stored half of the
pairs, with A = diag(a) - P P^* (diagonal plus rank one), read at steps of dt by the bilinear rule:

    Abar = (I - dt/2 A)^-1 (I + dt/2 A),   Bbar = (I - dt/2 A)^-1 dt B,   k_i = 2 Re(C Abar^i Bbar)

Cut after L taps, the convolution is cheapest through C~ = C (I - Abar^L): its transform is then one rational function
at the L roots of unity, and that is why C~ and not C is stored wherever L > 0. Stepping needs C, so the cut is undone.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from viper_ros.model.config import ModulatorConfig

_CHANNELS_AT_ONCE = 16  # bounds the memory of the kernel's and the cut's computation


class Dplr(NamedTuple):
    """Diagonal-plus-rank-one systems, one a channel; the stored half of the conjugate pairs."""

    a: Tensor  # (D, N/2) complex
    b: Tensor  # (D, N/2) complex
    c: Tensor  # (D, N/2) complex: C, or C~ where the taps are cut
    p: Tensor  # (D, N/2) complex
    dt: Tensor  # (D,)

    def whole(self) -> Dplr:
        """Both halves of the pairs, N long."""
        return Dplr(*(torch.cat([v, v.conj()], dim=-1) for v in self[:4]), self.dt)


class Recurrence(NamedTuple):
    """The same systems as a step that costs O(N): h, u -> h, y (Woodbury's identity for the inverse)."""

    a: Tensor  # (D, N/2), dt/2 a
    b: Tensor  # (D, N/2), dt B
    c: Tensor  # (D, N/2), C
    p: Tensor  # (D, N/2)
    inverse: Tensor  # (D, N/2), 1 / (1 - dt/2 a)
    push: Tensor  # (D, 1), dt/2
    pull: Tensor  # (D, 1), dt/2 / (1 + dt/2 P^* inverse P)

    def step(self, u: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """Input (B, D), state (B, D, N/2) -> output (B, D), state."""
        right = h + self.a * h - self.p * self.push * _real(self.p.conj() * h) + self.b * u.unsqueeze(-1)
        h = self.inverse * right
        h = h - self.inverse * self.p * self.pull * _real(self.p.conj() * h)
        return _real(self.c * h).squeeze(-1), h


def _real(x: Tensor) -> Tensor:
    """Sum over all N of what is stored for a half, (..., N/2) -> (..., 1) real."""
    return 2 * x.real.sum(dim=-1, keepdim=True)


def hippo_legs(state_size: int) -> tuple[Tensor, Tensor, Tensor]:
    """HiPPO-LegS in the basis where its normal part is diagonal -> a, b, p, each (N/2,) complex128.

    A_nk = -sqrt(2n+1) sqrt(2k+1) below the diagonal and -(n+1) on it; A + P P^T = -I/2 + a skew-symmetric matrix.
    """
    n = torch.arange(state_size, dtype=torch.float64)
    b, p = torch.sqrt(2 * n + 1), torch.sqrt(n + 0.5)
    a = -torch.tril(b.outer(b), -1) - torch.diag(n + 1)
    skew = a + p.outer(p) + 0.5 * torch.eye(state_size, dtype=torch.float64)
    imaginary, basis = torch.linalg.eigh(-1j * skew)
    half = imaginary > 0
    to_basis = basis.mH[half]
    a = torch.complex(torch.full_like(imaginary, -0.5), imaginary)[half]
    return a, to_basis @ b.cdouble(), to_basis @ p.cdouble()


def discretised(system: Dplr) -> Tensor:
    """Abar (D, N, N), dense."""
    s = system.whole()
    a = torch.diag_embed(s.a) - s.p.unsqueeze(-1) * s.p.conj().unsqueeze(-2)
    a, eye = a * s.dt.view(-1, 1, 1) / 2, torch.eye(s.a.shape[-1], dtype=a.dtype, device=a.device)
    return torch.linalg.solve(eye - a, eye + a)


def cut(system: Dplr, taps: int) -> Dplr:
    """C -> C~ = C (I - Abar^L)."""
    return _recut(system, taps, lambda c, m: (c.unsqueeze(-2) @ m).squeeze(-2))


def uncut(system: Dplr, taps: int) -> Dplr:
    """C~ -> C = C~ (I - Abar^L)^-1."""
    return _recut(system, taps, lambda c, m: torch.linalg.solve(m.mT, c))


def _recut(system: Dplr, taps: int, change) -> Dplr:
    parts = []
    for part in _split(system):
        power = torch.linalg.matrix_power(discretised(part), taps)
        eye = torch.eye(power.shape[-1], dtype=power.dtype, device=power.device)
        parts.append(change(part.whole().c, eye - power)[..., : part.c.shape[-1]])
    return system._replace(c=torch.cat(parts))


def convolution(system: Dplr, taps: int) -> Tensor:
    """First L taps (D, L) of the kernel of a system that holds C~, from its transform at the L roots of unity.

        sum_i k_i z^i = C~ (I - Abar z)^-1 Bbar = C~ (diag(1 - z - s a) + s P P^*)^-1 dt B,   s = dt/2 (1 + z)

    This form has no pole on the unit circle, z = -1 included.
    """
    turn = torch.arange(taps // 2 + 1, device=system.a.device, dtype=system.dt.dtype) * (-2 * math.pi / taps)
    z = torch.polar(torch.ones_like(turn), turn)  # (Z,)
    return torch.cat([torch.fft.irfft(_transform(part, z), n=taps) for part in _split(system)])


def _transform(system: Dplr, z: Tensor) -> Tensor:
    s = system.whole()
    push = s.dt.view(-1, 1) / 2 * (1 + z)  # (D, Z)
    inverse = 1 / (1 - z - push.unsqueeze(1) * s.a.unsqueeze(-1))  # (D, N, Z)
    left, right = torch.stack([s.c, s.p.conj()]), torch.stack([s.b, s.p])  # (2, D, N)
    pairs = (left.unsqueeze(1) * right).permute(2, 0, 1, 3).flatten(1, 2)  # (D, 4, N): C~ B, C~ P, P^* B, P^* P
    cb, cp, pb, pp = (pairs @ inverse).unbind(dim=1)  # (D, Z) each
    return s.dt.view(-1, 1) * (cb - push * cp * pb / (1 + push * pp))


def recurrence(system: Dplr, taps: int = 0) -> Recurrence:
    """Recurrence of a system that holds C~ for ``taps`` > 0, or C for 0; taps before the cut are the convolution's."""
    s = uncut(system, taps) if taps else system
    push = s.dt.unsqueeze(-1) / 2
    inverse = 1 / (1 - push * s.a)
    pull = push / (1 + push * _real(s.p.abs().square() * inverse))
    return Recurrence(push * s.a, 2 * push * s.b, s.c, s.p, inverse, push, pull)


def _split(system: Dplr) -> list[Dplr]:
    return [Dplr(*part) for part in zip(*(v.split(_CHANNELS_AT_ONCE) for v in system), strict=True)]


def fft_convolution(u: Tensor, kernel: Tensor) -> Tensor:
    """Causal convolution: inputs (B, D, T), kernel (D, L) -> (B, D, T)."""
    t = u.shape[-1]
    kernel = kernel[:, :t]
    n = 1 << (t + kernel.shape[-1] - 2).bit_length()  # long enough that nothing wraps around
    return torch.fft.irfft(torch.fft.rfft(u, n=n) * torch.fft.rfft(kernel, n=n), n=n)[..., :t]


class S4StateSpace(nn.Module):
    """S4 with HiPPO-LegS, GELU and a gated linear unit; all weights of a released checkpoint fit.

    With ``taps`` L > 0 the space is the convolution that ends after L taps, exactly, at every length: the state is the
    window of the last L - 1 inputs. With 0 it is the recurrence, which never forgets: the state is h. Within L tokens
    the two are equal (docs/decisions/0004-s4-state.md).

    Args:
        width: D.
        state_size: N, even.
        taps: L.
        dt_min, dt_max: range of dt at initialisation (log-uniform).
    """

    def __init__(self, width: int, state_size: int, taps: int = 512, dt_min: float = 1e-3, dt_max: float = 0.1) -> None:
        super().__init__()
        self.width, self.taps = width, taps
        a, b, p = hippo_legs(state_size)
        self.log_a_real = nn.Parameter(torch.log(-a.real).float().repeat(width, 1))  # (D, N/2)
        self.a_imag = nn.Parameter(-a.imag.float().repeat(width, 1))  # (D, N/2); a = -exp(log_a_real) - i a_imag
        self.b = nn.Parameter(_pairs(b).repeat(width, 1, 1))  # (D, N/2, 2)
        self.c = nn.Parameter(torch.randn(width, state_size // 2, 2) * 0.5**0.5)
        self.p = nn.Parameter(_pairs(p).repeat(width, 1, 1))
        self.log_dt = nn.Parameter(torch.rand(width) * math.log(dt_max / dt_min) + math.log(dt_min))
        self.skip = nn.Parameter(torch.randn(width))
        self.out_proj = nn.Linear(width, 2 * width)
        self._cached: Tensor | Recurrence | None = None
        self.register_load_state_dict_post_hook(lambda module, _: module._forget())

    @classmethod
    def from_config(cls, width: int, config: ModulatorConfig) -> S4StateSpace:
        """Of a modulator's configuration."""
        return cls(width, config.state_size, config.kernel_taps)

    def forward(self, x: Tensor, context: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Inputs x (B, T, D), context unused, state or None for the beginning -> y (B, T, D), state.

        The state is (B, D, L - 1), or (B, D, N/2) complex without a cut.
        """
        u = x.transpose(1, 2).float()  # (B, D, T); transforms know no half precision
        y, state = self._convolve(u, state) if self.taps else self._step_through(u, state)
        y = y.transpose(1, 2).to(x.dtype) + self.skip * x
        return nn.functional.glu(self.out_proj(nn.functional.gelu(y)), dim=-1), state

    def system(self) -> Dplr:
        """The systems in double precision."""
        a = torch.complex(-self.log_a_real.double().exp(), -self.a_imag.double())
        b, c, p = (torch.view_as_complex(v.double().contiguous()) for v in (self.b, self.c, self.p))
        return Dplr(a, b, c, p, self.log_dt.double().exp())

    def _convolve(self, u: Tensor, window: Tensor | None) -> tuple[Tensor, Tensor]:
        kernel = self._kept(lambda: convolution(self.system(), self.taps).float())  # (D, L)
        past = u.new_zeros(*u.shape[:2], self.taps - 1) if window is None else window
        padded = torch.cat([past, u], dim=-1)  # (B, D, L - 1 + T)
        if window is None:
            y = fft_convolution(u, kernel)
        elif u.shape[-1] == 1:
            y = torch.einsum("bdl,dl->bd", padded, kernel.flip(-1)).unsqueeze(-1)
        else:
            y = fft_convolution(padded, kernel)[..., self.taps - 1 :]
        return y, padded[..., u.shape[-1] :]

    def _step_through(self, u: Tensor, h: Tensor | None) -> tuple[Tensor, Tensor]:
        steps = self._kept(lambda: Recurrence(*(v.to(_single(v)) for v in recurrence(self.system()))))
        h = torch.zeros(*u.shape[:2], self.b.shape[1], dtype=torch.complex64, device=u.device) if h is None else h
        outputs = []
        for t in range(u.shape[-1]):
            y, h = steps.step(u[..., t], h)
            outputs.append(y)
        return torch.stack(outputs, dim=-1), h

    def _kept(self, make):
        """What only depends on the weights is made once, except while they change."""
        if self.training or torch.is_grad_enabled():
            return make()
        if self._cached is None:
            self._cached = make()
        return self._cached

    def _forget(self) -> None:
        self._cached = None

    def train(self, mode: bool = True) -> S4StateSpace:
        """Weights may change now."""
        self._forget()
        return super().train(mode)

    def _apply(self, *args, **kwargs):
        """Half precision is not for the kernel: its poles and C~ would no longer fit together."""
        self._forget()
        exact = {name: getattr(self, name).data for name in ("log_a_real", "a_imag", "b", "c", "p", "log_dt")}
        super()._apply(*args, **kwargs)
        for name, value in exact.items():
            parameter = getattr(self, name)
            if parameter.dtype != value.dtype:
                parameter.data = value.to(parameter.device)
        return self


def _pairs(x: Tensor) -> Tensor:
    return torch.view_as_real(x).float()


def _single(x: Tensor) -> torch.dtype:
    return torch.complex64 if x.is_complex() else torch.float32
