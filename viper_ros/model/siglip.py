"""The grid of the released checkpoints: SigLIP's vision tower on the whole image and on tiles of it.

B batch, H x W input pixels, Dv width of an embedding, P patches of the whole view along a side, n tiles.
Needs the optional ``transformers`` (``pip install viper_ros[base]``).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from viper_ros.model.config import GridEncoderConfig
from viper_ros.model.grid import Grid
from viper_ros.model.optional import require_transformers


class SiglipTilesGridEncoder(nn.Module):
    """One pooled embedding of the whole view, then one of each tile; beside them a dense grid to point with.

    The dense grid costs no further pass: each patch token of the whole view goes alone through the pooling head,
    which then has one key to attend to and returns what the pooled embedding would be if the image showed only that
    patch (docs/decisions/0003-dense-relevance.md).
    """

    any_size = False
    cells_are_a_map = False

    def __init__(self, config: GridEncoderConfig) -> None:
        super().__init__()
        transformers = require_transformers("the grid encoder 'siglip_tiles'")
        self.config = config
        self.vision = transformers.SiglipVisionModel(transformers.SiglipVisionConfig(**(config.backbone or {})))
        patch = self.vision.config.patch_size
        if self.vision.config.hidden_size != config.width or config.whole_px % patch or config.tile_px % patch:
            raise ValueError(
                f"grid.width {config.width}, whole_px {config.whole_px}, tile_px {config.tile_px} must fit a vision "
                f"tower of width {self.vision.config.hidden_size} with patches of {patch} px"
            )

    def forward(self, pixel_values: Tensor) -> Grid:
        """Pixels (B, 3, H, W), normalised -> :class:`Grid` of 1 + n cells and P * P dense ones."""
        side = self.config.whole_px
        whole = nn.functional.interpolate(pixel_values, size=(side, side), mode="bilinear", align_corners=False)
        seen = self.vision(whole, interpolate_pos_encoding=True)
        tiles = self.vision(self.tiles(pixel_values).flatten(0, 1), interpolate_pos_encoding=True).pooler_output
        tiles = tiles.view(len(whole), -1, tiles.shape[-1])  # (B, n, Dv)
        cells = torch.cat([seen.pooler_output.unsqueeze(1), tiles], dim=1)  # (B, 1 + n, Dv)
        patches = side // self.vision.config.patch_size
        return Grid(cells, (patches, patches), None, self.pool_each(seen.last_hidden_state))

    def tiles(self, pixel_values: Tensor) -> Tensor:
        """Pixels (B, 3, H, W) -> tiles (B, n, 3, tile_px, tile_px), row by row; the border is replicated where short.

        The last tile of a row is the one that ends nearest to the border, so 256 px have two (and lose 2 px).
        """
        window, stride = self.config.tile_px, self.config.tile_stride_px
        covered = [max(0, round((s - window) / stride)) * stride + window for s in pixel_values.shape[2:]]
        bottom, right = (max(0, c - s) for c, s in zip(covered, pixel_values.shape[2:], strict=True))
        padded = nn.functional.pad(pixel_values, (0, right, 0, bottom), mode="replicate")
        tiles = padded.unfold(2, window, stride).unfold(3, window, stride)  # (B, 3, rows, columns, window, window)
        return tiles.permute(0, 2, 3, 1, 4, 5).flatten(1, 2)

    def pool_each(self, patches: Tensor) -> Tensor:
        """Patch tokens (B, P * P, Dv) -> each of them pooled alone, (B, P * P, Dv).

        The softmax over one key is one, so queries and keys drop out and attention is its value and output maps.
        """
        head = self.vision.head
        _, _, value = head.attention.in_proj_weight.chunk(3)
        _, _, value_bias = head.attention.in_proj_bias.chunk(3)
        attended = head.attention.out_proj(nn.functional.linear(patches, value, value_bias))
        return attended + head.mlp(head.layernorm(attended))
