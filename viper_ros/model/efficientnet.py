"""EfficientNet-Lite0 without its classifier: the mobile backbone that ImageNet weights can be had for.

EfficientNet (arXiv 1905.11946) without squeeze-and-excitation and with ReLU6, for CPUs and accelerators that like
neither sigmoids nor swish. B batch, H x W pixels.
"""

from __future__ import annotations

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
        x, features = nn.functional.relu6(self.stem(pixel_values), inplace=True), []
        for index, stage in enumerate(self.stages):
            x = stage(x)
            if index in _LAST_OF_STRIDE:
                features.append(x)
        return tuple(features)


class PointwiseConv2d(nn.Conv2d):
    """A 1x1 convolution as a matrix product over channels.

    PyTorch computes those of a single image on one thread by its slowest path, with copies before and after.
    """

    def __init__(self, inputs: int, outputs: int, bias: bool = True) -> None:
        super().__init__(inputs, outputs, 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H, W), channels last in memory."""
        return nn.functional.linear(x.permute(0, 2, 3, 1), self.weight.flatten(1), self.bias).permute(0, 3, 1, 2)


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
        y = nn.functional.relu6(self.expand(x), inplace=True) if self.expand is not None else x
        y = self.project(nn.functional.relu6(self.depthwise(y), inplace=True))
        return x + y if self.adds else y


class SameConv2d(nn.Conv2d):
    """A convolution of stride 2, padded as TensorFlow's "same" pads an even input: one pixel less before than after.

    Zeros go into the kernel's first row and column instead of around the image, which would copy the whole of it.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, 2, padding=kernel // 2, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W), H and W even -> (B, C', H / 2, W / 2)."""
        weight = nn.functional.pad(self.weight, (1, 0, 1, 0))
        return nn.functional.conv2d(x, weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


def _convolution(inputs: int, outputs: int, kernel: int, stride: int, groups: int = 1) -> nn.Sequential:
    """Convolution and batch normalisation, padded as TensorFlow's "same", which the weights were trained with."""
    if kernel == 1 and stride == 1:
        convolution = PointwiseConv2d(inputs, outputs, bias=False)
    elif stride == 2:
        convolution = SameConv2d(inputs, outputs, kernel, groups)
    else:
        convolution = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs, eps=1e-3))
