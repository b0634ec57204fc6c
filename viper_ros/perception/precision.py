"""Numbers that a model computes with: float32, bfloat16, or int8 weights for a CPU."""

from __future__ import annotations

import warnings

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

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


def for_inference(model: ViperF1) -> ViperF1:
    """Change a model in place so that it computes the same faster, and return it: it cannot be trained or saved then.

    Batch normalisations go into the convolutions before them; channels come last, which CPUs like.
    """
    for layers in [module for module in model.modules() if isinstance(module, nn.Sequential)]:
        for i in range(len(layers) - 1):
            if isinstance(layers[i], nn.Conv2d) and isinstance(layers[i + 1], nn.BatchNorm2d):
                layers[i], layers[i + 1] = fuse_conv_bn_eval(layers[i], layers[i + 1]), nn.Identity()
    return model.to(memory_format=torch.channels_last)


def _quantised(model: ViperF1) -> ViperF1:
    with warnings.catch_warnings():
        # It asks to move to torchao, whose int8 kernels are slower than float32 on CPUs (the decision has the numbers).
        warnings.simplefilter("ignore", DeprecationWarning)
        from torch.ao.quantization import per_channel_dynamic_qconfig, quantize_dynamic

        return quantize_dynamic(model, {nn.Linear: per_channel_dynamic_qconfig}, inplace=True)
