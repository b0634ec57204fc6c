"""Other systems at their published sizes, from their configurations in ``transformers``, with random weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import transformers
from torch import nn

from viper_ros.model.presets import LFM2_350M, SIGLIP_BASE

QUESTION_TOKENS = 16


@dataclass(frozen=True)
class System:
    """What is timed of a system; None where it has no such output."""

    module: nn.Module
    heatmap: Callable[[], object] | None = None
    write: Callable[[int], object] | None = None  # an answer of that many tokens, from the image on


def clipseg() -> System:
    """CLIPSeg rd64-refined at 352 px: image and text -> heatmap."""
    vision = {"image_size": 352, "patch_size": 16, "hidden_size": 768, "num_hidden_layers": 12}
    config = transformers.CLIPSegConfig(
        vision_config=vision, reduce_dim=64, extract_layers=[3, 6, 9], use_complex_transposed_convolution=True
    )
    model = transformers.CLIPSegForImageSegmentation(config).eval()
    ids, pixels = torch.randint(1, 40_000, (1, QUESTION_TOKENS)), torch.randn(1, 3, 352, 352)
    return System(model, heatmap=lambda: model(input_ids=ids, pixel_values=pixels).logits)


def lfm2_vl(side_px: int, model: nn.Module | None = None) -> System:
    """LFM2-VL-450M: SigLIP2 base, four patches to a token, LFM2-350M."""
    config = transformers.Lfm2VlConfig(
        vision_config=transformers.Siglip2VisionConfig(**{k: v for k, v in SIGLIP_BASE.items() if k != "image_size"}),
        text_config=transformers.Lfm2Config(**LFM2_350M),
        downsample_factor=2,
        projector_hidden_size=2560,
    )
    model = model or transformers.Lfm2VlForConditionalGeneration(config).eval()
    patches = side_px // SIGLIP_BASE["patch_size"]
    images = {
        "pixel_values": torch.randn(1, patches**2, 3 * SIGLIP_BASE["patch_size"] ** 2),
        "spatial_shapes": torch.tensor([[patches, patches]]),
        "pixel_attention_mask": torch.ones(1, patches**2, dtype=torch.long),
    }
    return System(model, write=_writer(model, config.image_token_id, (patches // 2) ** 2, images))


def smolvlm2() -> System:
    """SmolVLM2-256M at 512 px, one view: SigLIP base, sixteen patches to a token, SmolLM2-135M."""
    config = transformers.SmolVLMConfig(
        vision_config=SIGLIP_BASE | {"image_size": 512},
        text_config={
            "model_type": "llama",
            "hidden_size": 576,
            "intermediate_size": 1536,
            "num_hidden_layers": 30,
            "num_attention_heads": 9,
            "num_key_value_heads": 3,
            "vocab_size": 49_280,
            "pad_token_id": 2,
        },
        scale_factor=4,
        image_token_id=49_190,
    )
    model = transformers.SmolVLMForConditionalGeneration(config).eval()
    images = {"pixel_values": torch.randn(1, 1, 3, 512, 512)}
    return System(model, write=_writer(model, config.image_token_id, 64, images))


def _writer(model: nn.Module, image_token_id: int, image_tokens: int, images: dict) -> Callable[[int], object]:
    words = torch.randint(1000, 30_000, (1, QUESTION_TOKENS))
    ids = torch.cat([torch.full((1, image_tokens), image_token_id), words], dim=1)

    def write(tokens: int) -> object:
        """With their own cache; ``min_new_tokens`` keeps random weights from ending early."""
        return model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=tokens,
            min_new_tokens=tokens,
            do_sample=False,
            pad_token_id=0,
            **images,
        )

    return write
