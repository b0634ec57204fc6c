"""Checkpoints: a folder with config.json, model.safetensors and tokenizer.json. Loading one executes nothing."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from viper_ros.model import ViperConfig, ViperF1
from viper_ros.perception.tokenizer import Tokenizer

CONFIG, WEIGHTS, TOKENIZER = "config.json", "model.safetensors", "tokenizer.json"


def find_checkpoint(name_or_folder: str | Path) -> Path:
    """Folder of a checkpoint: a path as it is, or a name looked up under every known ``models`` folder.

    Raises:
        FileNotFoundError: with every place that was looked at.
    """
    candidates = [Path(name_or_folder).expanduser(), *(root / str(name_or_folder) for root in _model_roots())]
    for folder in candidates:
        if (folder / CONFIG).is_file():
            return folder
    looked = ", ".join(str(c) for c in candidates)
    raise FileNotFoundError(f"no checkpoint {str(name_or_folder)!r}: no {CONFIG} in any of {looked}")


def load_checkpoint(name_or_folder: str | Path, device: str = "cpu") -> ViperF1:
    """Model of a checkpoint, in evaluation mode, float32.

    Raises:
        FileNotFoundError: no such checkpoint.
        ValueError: the tensors do not fit the configuration; the message names those missing, extra or misshapen.
    """
    folder = find_checkpoint(name_or_folder)
    model = ViperF1(ViperConfig.from_json(folder / CONFIG))
    tensors = load_file(str(folder / WEIGHTS))
    _check_tensors(model.state_dict(), tensors, folder / WEIGHTS)
    model.load_state_dict({name: tensor.float() if tensor.is_floating_point() else tensor
                           for name, tensor in tensors.items()})  # fmt: skip
    return model.to(device).eval()


def load_tokenizer(name_or_folder: str | Path) -> Tokenizer:
    """Tokenizer of a checkpoint."""
    return Tokenizer.from_file(find_checkpoint(name_or_folder) / TOKENIZER)


def save_checkpoint(
    folder: str | Path, model: ViperF1, tokenizer: Tokenizer, dtype: torch.dtype = torch.float16
) -> None:
    """Write a checkpoint; half precision by default, which halves the file and costs no measurable accuracy."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG).write_text(json.dumps(model.config.to_dict(), indent=2) + "\n")
    tensors = {
        name: tensor.detach().cpu().to(dtype if tensor.is_floating_point() else tensor.dtype).contiguous()
        for name, tensor in model.state_dict().items()
    }
    save_file(tensors, str(folder / WEIGHTS), metadata={"format": "pt"})
    tokenizer.save(folder / TOKENIZER)


def _model_roots() -> list[Path]:
    package = Path(__file__).resolve().parents[1]
    roots = [Path(p) for p in [os.environ.get("VIPER_MODELS", "")] if p]
    roots.append(package.parent / "models")  # a source tree
    prefixes = [p for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
    roots += [Path(prefix) / "share" / "viper_ros" / "models" for prefix in [*prefixes, sys.prefix]]
    return roots


def _check_tensors(expected: dict[str, torch.Tensor], found: dict[str, torch.Tensor], path: Path) -> None:
    faults = []
    if missing := sorted(set(expected) - set(found)):
        faults.append(f"missing {missing}")
    if extra := sorted(set(found) - set(expected)):
        faults.append(f"extra {extra}")
    faults += [
        f"{name} is {tuple(found[name].shape)}, expected {tuple(expected[name].shape)}"
        for name in sorted(set(expected) & set(found))
        if found[name].shape != expected[name].shape
    ]
    if faults:
        raise ValueError(f"{path} does not fit its {CONFIG}: " + "; ".join(faults))
