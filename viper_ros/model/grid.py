"""Grid encoders: image -> a grid of embeddings that words are correlated with.

B batch, H x W input pixels (multiples of 32), Dv width of a grid embedding; the grid has Gh = H / 8 rows and
Gw = W / 8 columns, the fine features twice as many each way.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from viper_ros.model.config import GridEncoderConfig
from viper_ros.model.efficientnet import EfficientNetLite0, PointwiseConv2d

CELL_PX = 8
"""Side of a cell of the pyramid encoders [px of the input]."""


class Grid(NamedTuple):
    """An encoded image."""

    cells: Tensor  # (B, Gh * Gw, Dv): what the answer is modulated by
    shape: tuple[int, int]  # (Gh, Gw)
    fine: Tensor | None  # (B, Df, 2 Gh, 2 Gw): edges and what they bound, at stride 4
    dense: Tensor | None = None  # (B, Gh * Gw, Dv): cells to point with; then ``cells`` are fewer and coarser


class ConvBlock(nn.Module):
    """Residual block of two 3x3 convolutions with batch normalisation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_conv(width, width), nn.ReLU(), _conv(width, width))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        return torch.relu(x + self.body(x))


class CellMixer(nn.Module):
    """ConvNeXt block (arXiv 2201.03545): depthwise 7x7, then a perceptron in each cell. It starts as the identity.

    What is small shows in the features at stride 8 alone, which are shallow: here they meet what lies around them.
    """

    def __init__(self, width: int, ratio: int = 2) -> None:
        super().__init__()
        self.mix = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, ratio * width)
        self.down = nn.Linear(ratio * width, width)
        nn.init.zeros_(self.down.weight)
        nn.init.zeros_(self.down.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> the same shape."""
        mixed = self.norm(self.mix(x).permute(0, 2, 3, 1))  # (B, H, W, C)
        return x + self.down(nn.functional.relu(self.up(mixed), inplace=True)).permute(0, 3, 1, 2)


class PyramidGridEncoder(nn.Module):
    """A convolutional backbone with a top-down path (FPN, arXiv 1612.03144); works at any size that 32 divides.

    A subclass makes ``self.backbone``, which gives features at strides 4, 8, 16 and 32.
    """

    any_size = True  # not that of training alone
    cells_are_a_map = True  # rows of columns, so that a sentence can modulate them with their neighbours
    backbone: nn.Module

    def __init__(self, config: GridEncoderConfig, channels: tuple[int, int, int, int]) -> None:
        super().__init__()
        c4, c8, c16, c32 = channels
        self.lateral8 = PointwiseConv2d(c8, config.width)
        self.lateral16 = PointwiseConv2d(c16, config.width)
        self.lateral32 = PointwiseConv2d(c32, config.width)
        self.whole = PointwiseConv2d(c32, config.width)  # the pooled image, told to every cell
        self.smooth = nn.Sequential(_conv(config.width, config.width), nn.ReLU())
        self.mixers = nn.Sequential(*(CellMixer(config.width) for _ in range(config.mixers)))
        self.position = nn.Linear(4 * _FREQUENCIES + 2, config.width)
        self.norm = nn.LayerNorm(config.width)
        self.fine_edges = PointwiseConv2d(c4, config.fine_width)
        self.fine_things = PointwiseConv2d(config.width, config.fine_width)
        self.fine = nn.Conv2d(config.fine_width, config.fine_width, 3, padding=1)

    def forward(self, pixel_values: Tensor) -> Grid:
        """Pixels (B, 3, H, W), normalised -> :class:`Grid`."""
        f4, f8, f16, f32 = self.backbone(pixel_values)
        top = self.lateral32(f32) + self.whole(f32.mean(dim=(2, 3), keepdim=True))
        middle = self.lateral16(f16) + _double(top)
        cells = self.mixers(self.smooth(self.lateral8(f8) + _double(middle)))  # (B, Dv, Gh, Gw)
        fine = self.fine(torch.relu(self.fine_edges(f4) + _double(self.fine_things(cells))))  # (B, Df, 2 Gh, 2 Gw)
        gh, gw = cells.shape[-2:]
        cells = cells.flatten(2).transpose(1, 2)  # (B, G, Dv)
        cells = self.norm(cells + self.position(position_features(gh, gw, cells)))
        return Grid(cells, (gh, gw), fine)


class ConvBackbone(nn.Module):
    """A small residual network of plain 3x3 convolutions."""

    def __init__(self, config: GridEncoderConfig) -> None:
        super().__init__()
        c4, c8, c16, c32 = config.widths
        n4, n8, n16, n32 = config.depths
        self.stage4 = nn.Sequential(_conv(3, 24, 2), nn.ReLU(), _stage(24, c4, n4))
        self.stage8 = _stage(c4, c8, n8)
        self.stage16 = _stage(c8, c16, n16)
        self.stage32 = _stage(c16, c32, n32)

    def forward(self, pixel_values: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Pixels (B, 3, H, W) -> features at strides 4, 8, 16, 32."""
        f4 = self.stage4(pixel_values)  # (B, c4, H/4, W/4)
        f8 = self.stage8(f4)
        f16 = self.stage16(f8)
        return f4, f8, f16, self.stage32(f16)


class ConvGridEncoder(PyramidGridEncoder):
    """On a backbone that starts from nothing; any width and depth."""

    def __init__(self, config: GridEncoderConfig) -> None:
        super().__init__(config, config.widths)
        self.backbone = ConvBackbone(config)


class EfficientNetGridEncoder(PyramidGridEncoder):
    """On EfficientNet-Lite0, which can start from ImageNet weights."""

    def __init__(self, config: GridEncoderConfig) -> None:
        super().__init__(config, EfficientNetLite0.channels)
        self.backbone = EfficientNetLite0()


_FREQUENCIES = 4


def position_features(rows: int, columns: int, like: Tensor) -> Tensor:
    """Fourier features of the cells' centres: x, y in [-1, 1] and their sines and cosines -> (G, 18)."""
    y = (torch.arange(rows, device=like.device) + 0.5) / rows * 2 - 1
    x = (torch.arange(columns, device=like.device) + 0.5) / columns * 2 - 1
    xy = torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], dim=-1).reshape(-1, 2)  # (G, 2)
    waves = xy.unsqueeze(-1) * torch.pi * 2.0 ** torch.arange(_FREQUENCIES, device=like.device)  # (G, 2, F)
    return torch.cat([xy, waves.sin().flatten(1), waves.cos().flatten(1)], dim=-1).to(like.dtype)


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(outputs))


def _stage(inputs: int, outputs: int, depth: int) -> nn.Sequential:
    return nn.Sequential(_conv(inputs, outputs, 2), nn.ReLU(), *(ConvBlock(outputs) for _ in range(depth)))


def _double(x: Tensor) -> Tensor:
    return nn.functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
