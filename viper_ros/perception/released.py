"""Checkpoints as the authors of Viper-F1 write them (model_type ``fireboltlm``, fuse strategy ``cossm``).

Their tensors are read under our names; everything else then is a model like ours. Loading executes nothing: JSON and
safetensors, and of the backbones only their ``config.json``, beside the checkpoint or from the Hugging Face hub.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from viper_ros.model import ViperConfig, ViperF1
from viper_ros.model.presets import released_layout, released_modulator
from viper_ros.perception import checkpoint
from viper_ros.perception.chat import TEMPLATE, TOKENIZER_CONFIG

_VISION_KEYS = {
    "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_channels", "image_size",
    "patch_size", "hidden_act", "layer_norm_eps",
}  # fmt: skip
_LM_KEYS = {
    "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "norm_eps",
    "max_position_embeddings", "conv_bias", "conv_L_cache", "block_multiple_of", "block_ffn_dim_multiplier",
    "block_auto_adjust_ff_dim", "block_ff_dim", "full_attn_idxs", "layer_types", "rope_theta", "rope_parameters",
}  # fmt: skip

_FUSER = "model.fuser.fuser.model."
_VISION = "model.vision_encoder.encoder.model."
_L_KERNEL = f"{_FUSER}s4.layer.kernel.l_kernel"
_LM_HEAD, _EMBED = "base_lm.lm_head.weight", "base_lm.model.embed_tokens.weight"
_UNUSED = (f"{_VISION}text_model.", f"{_VISION}logit_", "model.projector.", "model.fuser.fuser.importance.", _L_KERNEL)

_RENAMED = {  # their beginning of a name -> ours, the most special first
    _EMBED: "embed.weight",
    "base_lm.model.": "decoder.lm.",
    f"{_VISION}vision_model.": "grid_encoder.vision.",
    f"{_FUSER}s4.layer.kernel.A_real": "blocks.0.space.log_a_real",
    f"{_FUSER}s4.layer.kernel.A_imag": "blocks.0.space.a_imag",
    f"{_FUSER}s4.layer.kernel.B": "blocks.0.space.b",
    f"{_FUSER}s4.layer.kernel.C": "blocks.0.space.c",
    f"{_FUSER}s4.layer.kernel.P": "blocks.0.space.p",
    f"{_FUSER}s4.layer.kernel.inv_dt": "blocks.0.space.log_dt",
    f"{_FUSER}s4.layer.D": "blocks.0.space.skip",
    f"{_FUSER}s4.output_linear.0.": "blocks.0.space.out_proj.",
    f"{_FUSER}q_proj.": "blocks.0.correlation.q_proj.",
    f"{_FUSER}k_proj.": "blocks.0.correlation.k_proj.",
    f"{_FUSER}v_proj.": "blocks.0.correlation.v_proj.",
    f"{_FUSER}mod_gate": "blocks.0.gate",
    f"{_FUSER}film_in.": "blocks.0.film_in.proj.",
    f"{_FUSER}film_out.": "blocks.0.film_out.proj.",
    f"{_FUSER}ffn.4.": "blocks.0.ffn.3.",  # theirs counts the dropout
    _FUSER: "blocks.0.",
}


def is_released(folder: Path) -> bool:
    """Whether a checkpoint folder has the authors' layout."""
    return checkpoint.read_json(folder / checkpoint.CONFIG).get("model_type") == "fireboltlm"


def released_config(folder: Path) -> ViperConfig:
    """Our configuration of a released checkpoint.

    Raises:
        ValueError: another fuse strategy than ``cossm``.
        FileNotFoundError: the configuration of a backbone is neither beside the checkpoint nor on the hub.
    """
    theirs = checkpoint.read_json(folder / checkpoint.CONFIG)
    if (strategy := theirs.get("fuse_strategy", "cossm")) != "cossm":
        raise ValueError(f"{folder} has fuse_strategy {strategy!r}; only 'cossm', Viper-F1's, can be loaded")
    lm = _backbone(folder, "lm", theirs.get("lm_name_or_path"))
    vision = _backbone(folder, "vision", theirs.get("vision_ckpt_path"))
    vision = vision.get("vision_config", vision)
    ends = theirs.get("eos_token_id", lm.get("eos_token_id", 7))
    ends = tuple(ends) if isinstance(ends, list) else (ends,)
    return released_layout(
        {"hidden_size": theirs.get("vision_hidden_size", 768)} | _only(vision, _VISION_KEYS),
        _only(lm, _LM_KEYS),
        vocab_size=theirs.get("vocab_size", lm.get("vocab_size")),
        image_token_id=theirs.get("image_token_id"),
        eos_token_id=ends[0],
        stop_token_ids=ends[1:],
        pad_token_id=theirs.get("pad_token_id") or 0,
        modulator=released_modulator(_kernel_taps(folder)),
        name=folder.resolve().name,
    )


def released_tensors(folder: Path, model: ViperF1) -> dict[str, torch.Tensor]:
    """Tensors of a released checkpoint under our names and in our shapes, in the type of the file.

    Raises:
        ValueError: names the tensors, as the file calls them, that are missing, extra or misshapen.
    """
    path = folder / checkpoint.WEIGHTS
    found = checkpoint.read_tensors(path, lambda name: not name.startswith(_UNUSED))
    head = found.pop(_LM_HEAD, None)
    if head is not None and _EMBED in found and not torch.equal(head, found[_EMBED]):
        raise ValueError(f"{path}: {_LM_HEAD} differs from {_EMBED}; only tied embeddings can be loaded")
    expected = {_their_name(name): (name, tensor) for name, tensor in model.state_dict().items()}
    checkpoint.check_tensors(
        {name: _without_ones(tensor) for name, (_, tensor) in expected.items()},
        {name: _without_ones(tensor) for name, tensor in found.items()},
        path,
    )
    return {ours: found[name].reshape(tensor.shape) for name, (ours, tensor) in expected.items()}


def import_released(source: str | Path, target: str | Path) -> list[str]:
    """Write a released checkpoint in our layout, tokenizer and chat template included.

    The tokenizer is looked for in the checkpoint, then beside it in ``lm/``, then at the language model's address.
    Without one the checkpoint is written all the same: it loads, but a Predictor has no words for it.

    Returns:
        Names of the files without which a Predictor cannot use it: empty, or the tokenizer's.
    """
    source, target = checkpoint.find_checkpoint(source), Path(target)
    if not is_released(source):
        raise ValueError(f"{source} is not in the released layout: its model_type is not 'fireboltlm'")
    config = released_config(source)
    tensors = released_tensors(source, ViperF1(config))
    target.mkdir(parents=True, exist_ok=True)
    (target / checkpoint.CONFIG).write_text(json.dumps(config.to_dict(), indent=2) + "\n")
    save_file({name: t.contiguous() for name, t in tensors.items()}, str(target / checkpoint.WEIGHTS), {"format": "pt"})
    for name in (checkpoint.TOKENIZER, TOKENIZER_CONFIG, TEMPLATE):
        if found := find_beside(source, name):
            (target / name).write_bytes(found.read_bytes())
    return [name for name in (checkpoint.TOKENIZER,) if not (target / name).is_file()]


def find_beside(folder: Path, name: str) -> Path | None:
    """A file of the tokenizer: in the checkpoint, in its ``lm/``, or at the language model's address."""
    address = checkpoint.read_json(folder / checkpoint.CONFIG).get("lm_name_or_path")
    local = [folder, folder / "lm", *([folder / address] if address else [])]
    for place in local:
        if (place / name).is_file():
            return place / name
    if any(place.is_dir() for place in local[1:]):  # everything is local, so do not ask the hub
        return None
    try:
        return _fetch(address, name)
    except OSError:
        return None


def _their_name(ours: str) -> str:
    for theirs, beginning in _RENAMED.items():
        if ours.startswith(beginning):
            return theirs + ours[len(beginning) :]
    return ours


def _without_ones(tensor: torch.Tensor) -> torch.Tensor:
    """Axes of length one do not count: the authors' S4 has some more."""
    return tensor.squeeze()


def _only(values: dict[str, Any], keys: set[str]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key in keys and value is not None}


def _kernel_taps(folder: Path) -> int:
    found = checkpoint.read_tensors(folder / checkpoint.WEIGHTS, lambda name: name == _L_KERNEL)
    return int(found.get(_L_KERNEL, 512))


def _backbone(folder: Path, beside: str, address: str | None) -> dict[str, Any]:
    """``config.json`` of a backbone."""
    for candidate in (folder / beside, folder / str(address)):
        if (candidate / checkpoint.CONFIG).is_file():
            return checkpoint.read_json(candidate / checkpoint.CONFIG)
    try:
        return checkpoint.read_json(_fetch(address, checkpoint.CONFIG))
    except OSError as error:
        raise FileNotFoundError(
            f"{folder} names {address!r} as its {beside} model, which could not be fetched "
            f"({str(error).splitlines()[0]}); put that model's {checkpoint.CONFIG} into {folder / beside}"
        ) from error


def _fetch(address: str | None, name: str) -> Path:
    """A file from the Hugging Face hub (or its cache); OSError if it cannot be had."""
    if not address:
        raise OSError("no address is given")
    from transformers.utils import cached_file

    return Path(cached_file(address, name))
