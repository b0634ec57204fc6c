"""EfficientNet-Lite0 without its classifier: the mobile backbone that ImageNet weights can be had for.

EfficientNet (arXiv 1905.11946) without squeeze-and-excitation and with ReLU6, for CPUs and accelerators that like
neither sigmoids nor swish. B batch, H x W pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

# kernel, stride, expansion, output channels, repeats
_STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
_LAST_OF_STRIDE = (1, 2, 4, 6)  # the stages whose outputs are the features at strides 4, 8, 16, 32


class EfficientNetLite0(nn.Module):
    """Pixels -> features at strides 4, 8, 16 and 32."""

    channels = (24, 40, 112, 320)

    def __init__(self) -> None:
        super().__init__()
        self.stem = _convolution(3, 32, 3, 2)
        width, stages = 32, []
        for kernel, stride, expansion, outputs, repeats in _STAGES:
            blocks = []
            for index in range(repeats):
                blocks.append(InvertedResidual(width, outputs, kernel, stride if index == 0 else 1, expansion))
                width = outputs
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)

    def forward(self, pixel_values: Tensor) -> tuple[Tensor, ...]:
        """Pixels (B, 3, H, W), normalised -> four feature maps (B, C, H / stride, W / stride)."""
        x, features = torch.nn.functional.relu6(self.stem(pixel_values)), []
        for index, stage in enumerate(self.stages):
            x = stage(x)
            if index in _LAST_OF_STRIDE:
                features.append(x)
        return tuple(features)


class InvertedResidual(nn.Module):
    """Expand, depthwise convolution, project; added to the input where the shapes allow (MobileNetV2)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.expand = _convolution(inputs, hidden, 1, 1) if expansion > 1 else None
        self.depthwise = _convolution(hidden, hidden, kernel, stride, groups=hidden)
        self.project = _convolution(hidden, outputs, 1, 1)
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H / stride, W / stride)."""
        y = nn.functional.relu6(self.expand(x)) if self.expand is not None else x
        y = self.project(nn.functional.relu6(self.depthwise(y)))
        return x + y if self.adds else y


def _convolution(inputs: int, outputs: int, kernel: int, stride: int, groups: int = 1) -> nn.Sequential:
    """Convolution and batch normalisation, padded as TensorFlow's "same", which the weights were trained with.

    With an even input, stride 2 pads one less before than after.
    """
    before = (kernel - stride) // 2 if stride > 1 else kernel // 2
    after = kernel - stride - before if stride > 1 else kernel // 2
    symmetric = before == after
    convolution = nn.Conv2d(
        inputs, outputs, kernel, stride, padding=before if symmetric else 0, groups=groups, bias=False
    )
    layers = [convolution, nn.BatchNorm2d(outputs, eps=1e-3)]
    return nn.Sequential(*layers) if symmetric else nn.Sequential(nn.ZeroPad2d((before, after, before, after)), *layers)
