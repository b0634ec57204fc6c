"""Numbers that a model computes with: float32, bfloat16, or int8 weights for a CPU."""

from __future__ import annotations

import warnings

import torch
from torch import nn

from viper_ros.model import ViperF1

PRECISIONS = ("float32", "bfloat16", "int8")


def with_precision(model: ViperF1, precision: str) -> ViperF1:
    """Change a model in place and return it.

    ``bfloat16`` halves the memory; S4's kernel parameters stay in float32. ``int8`` stores the weights of linear maps
    in a byte each, per output channel, and quantises their inputs as they come; the rest stays float32; CPU only.
    What each costs and gains is in docs/decisions/0006-precision.md.

    Raises:
        ValueError: an unknown precision, or int8 on another device than a CPU.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"unknown precision {precision!r}; valid are {list(PRECISIONS)}")
    if precision == "float32":
        return model.float()
    if precision == "bfloat16":
        return model.to(torch.bfloat16)
    if (device := next(model.parameters()).device.type) != "cpu":
        raise ValueError(f"int8 runs on a CPU only, the model is on {device}; use bfloat16 there")
    return _quantised(model)


def _quantised(model: ViperF1) -> ViperF1:
    with warnings.catch_warnings():
        # It asks to move to torchao, whose int8 kernels are slower than float32 on CPUs (the decision has the numbers).
        warnings.simplefilter("ignore", DeprecationWarning)
        from torch.ao.quantization import per_channel_dynamic_qconfig, quantize_dynamic

        return quantize_dynamic(model, {nn.Linear: per_channel_dynamic_qconfig}, inplace=True)
