"""The two sizes of Viper-F1 as configurations."""

from __future__ import annotations

from viper_ros.model.config import DecoderConfig, GridEncoderConfig, ModulatorConfig, ViperConfig

SIGLIP_MEAN_STD = (0.5, 0.5, 0.5)

SIGLIP_BASE = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "image_size": 256,
    "patch_size": 16,
}
LFM2_350M = {
    "hidden_size": 1024,
    "intermediate_size": 6656,  # adjusted to 4608 by LFM2's own rule
    "num_hidden_layers": 16,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "full_attn_idxs": [2, 5, 8, 10, 12, 14],
    "max_position_embeddings": 128_000,
}


def nano_config() -> ViperConfig:
    """Ours: a small convolutional grid, liquid state spaces, no attention; small enough for a robot's CPU."""
    return ViperConfig()


def base_config() -> ViperConfig:
    """The released size: SigLIP base (256 px, patches of 16), one S4 modulator, LFM2-350M."""
    return released_layout(SIGLIP_BASE, LFM2_350M, vocab_size=65536, image_token_id=396, eos_token_id=7)


def released_layout(
    vision: dict, lm: dict, vocab_size: int, image_token_id: int | None, eos_token_id: int, **others
) -> ViperConfig:
    """Configuration of a checkpoint in the released layout (fuse strategy ``cossm``).

    Args:
        vision: arguments of transformers' ``SiglipVisionConfig``.
        lm: arguments of transformers' ``Lfm2Config``.
        vocab_size: rows of the token embedding.
        image_token_id: opens the user's words in the chat template.
        eos_token_id: closes them, and the answer.
        **others: further fields of :class:`ViperConfig`; a ``modulator`` replaces the whole of it.
    """
    settings = {
        "name": "base",
        "modulator": released_modulator(),
        "image_size": 256,
        "max_tokens": 512,
        "pixel_mean": SIGLIP_MEAN_STD,
        "pixel_std": SIGLIP_MEAN_STD,
    }
    return ViperConfig(
        vocab_size=vocab_size,
        width=lm["hidden_size"],
        ground_token_id=eos_token_id,
        image_token_id=image_token_id,
        eos_token_id=eos_token_id,
        grid=GridEncoderConfig(name="siglip_tiles", width=vision["hidden_size"], backbone=vision),
        decoder=DecoderConfig(name="lfm2", backbone=lm),
        target_head="relevance",
        embed_norm=False,
        **(settings | others),
    )


def released_modulator(kernel_taps: int = 512) -> ModulatorConfig:
    """The modulator of the released checkpoints."""
    return ModulatorConfig(
        blocks=1,
        heads=4,
        head_width=32,
        top_k=4,
        state_space="s4",
        state_size=64,
        kernel_taps=kernel_taps,
        ffn_ratio=4,
        mass=False,
        pointer=False,
    )
