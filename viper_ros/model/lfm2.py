"""LFM2 as a decoder: gated short convolutions with a few attention layers (Liquid AI).

B batch, T tokens, D width. Needs the optional ``transformers`` (``pip install viper_ros[base]``).
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from viper_ros.model.config import DecoderConfig
from viper_ros.model.optional import require_transformers


class Lfm2Decoder(nn.Module):
    """``transformers``' LFM2 without its token embedding, which the model around it owns."""

    def __init__(self, width: int, config: DecoderConfig) -> None:
        super().__init__()
        transformers = require_transformers("the decoder 'lfm2'")
        self._new_cache = transformers.DynamicCache
        # One row of vocabulary, thrown away below: the real table would cost its memory twice.
        settings = (config.backbone or {}) | {
            "vocab_size": 1,
            "pad_token_id": 0,
            "bos_token_id": None,
            "eos_token_id": None,
        }
        self.lm = transformers.Lfm2Model(transformers.Lfm2Config(**settings))
        self.lm.set_input_embeddings(nn.Identity())
        if self.lm.config.hidden_size != width:
            raise ValueError(f"width {width} must be the decoder's hidden_size, which is {self.lm.config.hidden_size}")

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Inputs x (B, T, D), state: a cache or None -> y (B, T, D), state; the one handed in stays as it was."""
        cache = self._new_cache(config=self.lm.config) if state is None else _copied(state)
        return self.lm(inputs_embeds=x, cache=cache, use_cache=True).last_hidden_state, cache


def _copied(cache: Any) -> Any:
    """A cache that can go on without changing the first.

    Keys and values are only ever replaced by longer ones, so they are shared; the windows of the convolutions (a few
    kilobytes) are written in place, so they are copied.
    """
    twin = copy.copy(cache)
    twin.layers = [copy.copy(layer) for layer in cache.layers]
    for layer in twin.layers:
        for name, value in vars(layer).items():
            if isinstance(value, dict):
                setattr(layer, name, {k: v.clone() if isinstance(v, torch.Tensor) else v for k, v in value.items()})
    return twin
