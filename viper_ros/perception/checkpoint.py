"""Checkpoints: a folder with config.json, model.safetensors and tokenizer.json. Loading one executes nothing.

Folders in the layout of the authors' code load as well (released.py).
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from viper_ros.model import ViperConfig, ViperF1
from viper_ros.perception.chat import TEMPLATE, TOKENIZER_CONFIG, ChatTokenizer
from viper_ros.perception.tokenizer import Tokenizer

CONFIG, WEIGHTS, TOKENIZER = "config.json", "model.safetensors", "tokenizer.json"


def find_checkpoint(name_or_folder: str | Path) -> Path:
    """Folder of a checkpoint: a path as it is, or a name looked up under every known ``models`` folder.

    Raises:
        FileNotFoundError: with every place that was looked at.
    """
    named = Path(name_or_folder).expanduser()
    candidates = [named] if named.is_absolute() else [named, *(root / named for root in _model_roots())]
    for folder in candidates:
        if (folder / CONFIG).is_file():
            return folder
    looked = ", ".join(str(c) for c in candidates)
    raise FileNotFoundError(f"no checkpoint {str(name_or_folder)!r}: no {CONFIG} in any of {looked}")


def load_checkpoint(name_or_folder: str | Path, device: str = "cpu") -> ViperF1:
    """Model of a checkpoint (ours, or in the released layout), in evaluation mode, float32.

    Raises:
        FileNotFoundError: no such checkpoint, or no configuration of a released one's backbones.
        ValueError: the tensors do not fit the configuration; the message names those missing, extra or misshapen. Or
            there is no such device.
        ImportError: the checkpoint needs the optional ``transformers``.
    """
    from viper_ros.perception.released import is_released, released_config, released_tensors

    folder = find_checkpoint(name_or_folder)
    released = is_released(folder)
    model = ViperF1(released_config(folder) if released else ViperConfig.from_saved(read_json(folder / CONFIG)))
    tensors = released_tensors(folder, model) if released else read_tensors(folder / WEIGHTS)
    check_tensors(model.state_dict(), tensors, folder / WEIGHTS)
    model.load_state_dict({name: tensor.float() if tensor.is_floating_point() else tensor
                           for name, tensor in tensors.items()}, assign=True)  # fmt: skip
    try:
        return model.to(device).eval()
    except (RuntimeError, AssertionError) as error:  # torch's, for a wrong name and for a device that is not there
        raise ValueError(f"no device {device!r} here: {str(error).splitlines()[0]}; cpu always works") from error


def load_tokenizer(name_or_folder: str | Path) -> Tokenizer | ChatTokenizer:
    """Tokenizer of a checkpoint: with a chat template where its instructions are opened by an image token.

    Raises:
        FileNotFoundError: the checkpoint has none.
    """
    from viper_ros.perception.released import find_beside, is_released, released_config

    folder = find_checkpoint(name_or_folder)
    released = is_released(folder)
    config = released_config(folder) if released else ViperConfig.from_saved(read_json(folder / CONFIG))
    files = [folder / name for name in (TOKENIZER, TOKENIZER_CONFIG, TEMPLATE)]
    if released:
        files = [find_beside(folder, path.name) or path for path in files]
    if not files[0].is_file():
        raise FileNotFoundError(f"{folder} has no {TOKENIZER}; copy the language model's there")
    if config.image_token_id is None:
        return Tokenizer.from_file(files[0])
    return ChatTokenizer.from_files(*(path if path.is_file() else None for path in files), config.image_token_id)


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
    (folder / WEIGHTS).chmod((folder / CONFIG).stat().st_mode)  # safetensors leaves it to its owner alone
    tokenizer.save(folder / TOKENIZER)


def read_tensors(path: Path, wanted: Callable[[str], bool] = lambda name: True) -> dict[str, torch.Tensor]:
    """Tensors of a safetensors file whose names are wanted; ValueError if it cannot be read."""
    try:
        with safe_open(str(path), "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys() if wanted(name)}
    except SafetensorError as error:
        raise ValueError(f"{path} is no readable safetensors file ({error}); copy it again") from error


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file; ValueError that names the file if it holds anything else."""
    try:
        values = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path} must hold a JSON object, got {type(values).__name__}")
    return values


def _model_roots() -> list[Path]:
    package = Path(__file__).resolve().parents[1]
    roots = [Path(p) for p in [os.environ.get("VIPER_MODELS", "")] if p]
    roots.append(package.parent / "models")  # a source tree
    prefixes = [p for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
    roots += [Path(prefix) / "share" / "viper_ros" / "models" for prefix in [*prefixes, sys.prefix]]
    return roots


def check_tensors(expected: dict[str, torch.Tensor], found: dict[str, torch.Tensor], path: Path) -> None:
    """Raise ValueError that names the tensors of a file which are missing, extra or misshapen."""
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
