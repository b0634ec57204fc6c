"""Configuration of Viper-F1: frozen dataclasses that live as ``config.json`` beside the weights.

Every part with variants (grid encoder, state space, decoder) is chosen by name; the registries stand beside the
parts. A configuration holds numbers only: building a model from it executes nothing that comes with the file.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class GridEncoderConfig:
    """Image -> grid of embeddings."""

    name: str = "efficientnet_lite0"  # or "conv", "siglip_tiles"
    width: int = 96  # Dv, channels of a grid embedding
    fine_width: int = 32  # channels of the fine features at stride 4; not of siglip_tiles
    mixers: int = 2  # residual blocks over the cells at stride 8; not of siglip_tiles
    # conv
    widths: tuple[int, int, int, int] = (32, 80, 144, 192)  # channels at strides 4, 8, 16 and 32
    depths: tuple[int, int, int, int] = (1, 2, 2, 2)
    # siglip_tiles
    whole_px: int = 256  # side of the view of the whole image
    tile_px: int = 128
    tile_stride_px: int = 126
    backbone: dict[str, Any] | None = None  # arguments of transformers' SiglipVisionConfig


@dataclass(frozen=True)
class ModulatorConfig:
    """Token-grid correlation + FiLM + state space, stacked ``blocks`` times."""

    block: str = "modulation"  # or "cross_attention", the Transformer that Viper-F1 is compared with
    blocks: int = 3
    heads: int = 4  # H
    head_width: int = 32  # d_h
    top_k: int | None = None  # cells kept by each head and token; None keeps all
    state_space: str = "liquid"  # or "constant_dt", "s4", "s4d"
    state_size: int = 8  # N
    kernel_taps: int = 512  # s4: L, the convolution ends here; 0: it never ends
    ffn_ratio: int = 2
    mass: bool = True  # add each head's log(1 + expected number of relevant cells) to the context: what counting needs
    pointer: bool = True  # every word of the instruction has a say in where to point, not only the token that closes it
    anchors: bool = True  # words also point at what they mention on the way; needs a pointer and a modulated grid
    grid_pool: int = 2  # cells each way that the modulation of the grid between two blocks takes together
    correlation: bool = True  # False: no word chooses cells, each sees the mean of the grid (ablation)
    film: bool = True  # False: what was found steers only the state space's time constants (ablation)


@dataclass(frozen=True)
class DecoderConfig:
    """Causal decoder that writes the answer."""

    name: str = "short_conv"  # or "lfm2"
    # short_conv
    layers: int = 3
    kernel: int = 4  # taps of the gated short convolution
    ffn_width: int = 384
    # lfm2
    backbone: dict[str, Any] | None = None  # arguments of transformers' Lfm2Config


@dataclass(frozen=True)
class CalibrationConfig:
    """Platt scaling fitted on validation scenes: probability = sigmoid(scale * logit + bias).

    Presence has two logits: that of its head, and that of the answer's beginning with anything but a denial.
    """

    presence_scale: float = 1.0
    affirmation_scale: float = 0.0
    presence_bias: float = 0.0
    cell_scale: float = 1.0
    cell_bias: float = 0.0
    threshold: float = 0.5  # presence is reported at or above this probability


@dataclass(frozen=True)
class ViperConfig:
    """A whole Viper-F1."""

    model_type: str = "viper_f1"
    name: str = "nano"
    vocab_size: int = 2048
    width: int = 192  # D
    image_size: int = 384  # longer side of the network's input [px]
    stride: int = 32  # the input is padded to a multiple of this [px]
    # RGB statistics of [0, 1] that the input is normalised with; those that EfficientNet-Lite was trained with
    pixel_mean: tuple[float, float, float] = (0.498, 0.498, 0.498)
    pixel_std: tuple[float, float, float] = (0.502, 0.502, 0.502)
    ground_token_id: int = 1  # closes the instruction; its relevance is the instruction's
    image_token_id: int | None = None  # opens the instruction, where a template surrounds it
    eos_token_id: int = 2
    stop_token_ids: tuple[int, ...] = ()  # these end an answer as well
    # answers that deny begin with these: said if and only if nothing is present
    absent_answer_ids: tuple[int, ...] = ()
    pad_token_id: int = 0
    max_tokens: int = 96  # longest instruction plus answer that the node accepts
    grid: GridEncoderConfig = field(default_factory=GridEncoderConfig)
    modulator: ModulatorConfig = field(default_factory=ModulatorConfig)
    decoder: DecoderConfig = field(default_factory=DecoderConfig)
    target_head: str = "learned"  # or "relevance"
    embed_norm: bool = True  # layer norm of the token embeddings
    calibration: CalibrationConfig = field(default_factory=CalibrationConfig)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ViperConfig:
        """Inverse of :meth:`to_dict`; an unknown key is an error that lists the valid ones."""
        return from_values(cls, values, "config")

    @classmethod
    def from_saved(cls, values: dict[str, Any]) -> ViperConfig:
        """Of a checkpoint's ``config.json``, which has every key that there was when it was written.

        One without ``modulator.anchors`` is from before there were any.
        """
        modulator = values.get("modulator")
        older = {"modulator": {"anchors": False} | modulator} if isinstance(modulator, dict) else {}
        return cls.from_dict(values | older)


_NESTED = {
    "grid": GridEncoderConfig,
    "modulator": ModulatorConfig,
    "decoder": DecoderConfig,
    "calibration": CalibrationConfig,
}


def from_values(cls: type, values: dict[str, Any], where: str) -> Any:
    """A configuration class of JSON values, lists as tuples; ValueError that names ``where`` for an unknown key."""
    known = {f.name for f in dataclasses.fields(cls)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise ValueError(f"{where} has unknown keys {unknown}; known are {sorted(known)}")
    built = {}
    for key, value in values.items():
        if key in _NESTED and isinstance(value, dict):
            value = from_values(_NESTED[key], value, f"{where}.{key}")
        elif isinstance(value, list):
            value = tuple(value)
        built[key] = value
    return cls(**built)


def lookup(registry: dict[str, type], name: str, what: str) -> type:
    """``registry[name]``, with an error that lists the valid names."""
    if name not in registry:
        raise ValueError(f"unknown {what} {name!r}; valid are {sorted(registry)}")
    return registry[name]
