"""Choosing the next token. V vocabulary, B batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Sampling:
    """How to choose; the defaults are greedy, and then nothing is random."""

    temperature: float = 0.0  # 0: the most likely token
    top_p: float = 1.0  # sample from the fewest tokens that hold this much probability, (0, 1]
    repetition_penalty: float = 1.0  # > 1 holds back what the sequence already has (CTRL, arXiv 1909.05858)
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.temperature >= 0:
            raise ValueError(f"temperature must be at least 0 (0 is greedy), got {self.temperature}")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p must be in (0, 1], got {self.top_p}")
        if not self.repetition_penalty > 0:
            raise ValueError(f"repetition_penalty must be above 0 (1 is none), got {self.repetition_penalty}")


GREEDY = Sampling()


class Sampler:
    """Chooses the tokens of a batch one after another as a :class:`Sampling` says.

    Args:
        sampling: how to choose.
        prompt: tokens (B, T) that the repetition penalty counts as seen; what is chosen is added.
    """

    def __init__(self, sampling: Sampling, prompt: Tensor | None = None) -> None:
        self.sampling, self.seen, self._generator = sampling, prompt, None

    def __call__(self, logits: Tensor) -> Tensor:
        """Logits (B, V) -> tokens (B,)."""
        s = self.sampling
        if s.repetition_penalty != 1 and self.seen is not None:
            logits = penalised(logits, self.seen, s.repetition_penalty)
        token = logits.argmax(dim=-1) if s.temperature == 0 else self._draw(logits.float() / s.temperature)
        chosen = token.unsqueeze(1)
        self.seen = chosen if self.seen is None else torch.cat([self.seen, chosen], dim=1)
        return token

    def _draw(self, logits: Tensor) -> Tensor:
        if self._generator is None:
            self._generator = torch.Generator(device=logits.device).manual_seed(self.sampling.seed)
        probabilities = nucleus(logits.softmax(dim=-1), self.sampling.top_p)
        return torch.multinomial(probabilities, 1, generator=self._generator).squeeze(1)


def nucleus(probabilities: Tensor, top_p: float) -> Tensor:
    """Zero what lies outside the fewest tokens that hold ``top_p``; at least one stays (arXiv 1904.09751)."""
    if top_p >= 1:
        return probabilities
    best, index = probabilities.sort(dim=-1, descending=True)
    before = best.cumsum(dim=-1) - best  # held by the likelier ones
    return torch.zeros_like(probabilities).scatter(-1, index, best.masked_fill(before >= top_p, 0))


def penalised(logits: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """Logits (B, V) of the tokens in ``seen`` (B, T) made less likely: divided where positive, else multiplied."""
    picked = logits.gather(-1, seen)
    return logits.scatter(-1, seen, torch.where(picked > 0, picked / penalty, picked * penalty))
