"""The parts that a configuration chooses by name. Add a variant here and it can be named in ``config.json``."""

from __future__ import annotations

from torch import nn

from viper_ros.model.cross_attention import CrossAttentionBlock
from viper_ros.model.decoder import ShortConvDecoder
from viper_ros.model.grid import ConvGridEncoder, EfficientNetGridEncoder
from viper_ros.model.lfm2 import Lfm2Decoder
from viper_ros.model.modulator import ModulatorBlock
from viper_ros.model.s4 import S4StateSpace
from viper_ros.model.s4d import S4DStateSpace
from viper_ros.model.siglip import SiglipTilesGridEncoder
from viper_ros.model.state_space import ConstantStepStateSpace, LiquidStateSpace
from viper_ros.model.target import RelevanceHead, TargetHead

GRID_ENCODERS: dict[str, type[nn.Module]] = {
    "conv": ConvGridEncoder,
    "efficientnet_lite0": EfficientNetGridEncoder,
    "siglip_tiles": SiglipTilesGridEncoder,
}
BLOCKS: dict[str, type[nn.Module]] = {"modulation": ModulatorBlock, "cross_attention": CrossAttentionBlock}
STATE_SPACES: dict[str, type[nn.Module]] = {
    "liquid": LiquidStateSpace,
    "constant_dt": ConstantStepStateSpace,
    "s4": S4StateSpace,
    "s4d": S4DStateSpace,
}
DECODERS: dict[str, type[nn.Module]] = {"short_conv": ShortConvDecoder, "lfm2": Lfm2Decoder}
TARGET_HEADS: dict[str, type[nn.Module]] = {"learned": TargetHead, "relevance": RelevanceHead}
