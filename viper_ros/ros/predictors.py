"""Loads the node's model as its parameters say; nodes of one process that ask for the same model share one.

Weights are large and only read, so a second node with the same checkpoint, device and precision gets a predictor of its
own over the model that the first one holds. Nothing here keeps a model: when the last node lets go, its memory is free.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from copy import copy
from pathlib import Path
from weakref import WeakSet

import torch

from viper_ros.perception import Predictor
from viper_ros.perception.checkpoint import find_checkpoint
from viper_ros.ros.parameters import Settings

_HELD: defaultdict[tuple, WeakSet[Predictor]] = defaultdict(WeakSet)
_LOADING = threading.Lock()


def load_predictor(settings: Settings) -> Predictor:
    """A predictor as `settings` has it; over another node's model where model, device and precision are the same.

    Raises ValueError when the device is not there, FileNotFoundError or ValueError for a checkpoint that does not load.
    """
    torch.set_num_threads(settings.num_threads)
    device = _device(settings)
    with _LOADING:
        folder = find_checkpoint(settings.model).resolve()
        held = _HELD[folder, _versions(folder), device, settings.precision]
        other = next(iter(held), None)
        predictor = copy(other) if other else Predictor.from_pretrained(folder, device, settings.precision)
        predictor = predictor.at_image_size(settings.image_size or predictor.model.config.image_size)
        held.add(predictor)
        return predictor


def _device(settings: Settings) -> str:
    has_cuda = torch.cuda.is_available()
    device = settings.device
    if device == "auto":
        device = "cuda" if has_cuda else "cpu"
    if device == "cuda" and not has_cuda:
        raise ValueError("device is cuda, but torch finds no usable GPU: install its driver or set device to cpu")
    if settings.require_gpu and device == "cpu":
        raise ValueError("require_gpu is set, but the model would run on the CPU: no GPU was found or device is cpu")
    return device


def _versions(folder: Path) -> tuple:
    """Changes when a file of the checkpoint does: a node that is configured after that gets the new model."""
    stats = [(path.name, path.stat()) for path in sorted(folder.iterdir()) if path.is_file()]
    return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats)
