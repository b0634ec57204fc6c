"""Loads the node's model as its parameters say."""

from __future__ import annotations

import torch

from viper_ros.perception import Predictor
from viper_ros.ros.parameters import Settings


def load_predictor(settings: Settings) -> Predictor:
    """The predictor of `settings`: model, device, threads.

    Raises ValueError when the device is not there, FileNotFoundError or ValueError for a checkpoint that does not load.
    """
    torch.set_num_threads(settings.num_threads)
    has_cuda = torch.cuda.is_available()
    device = settings.device
    if device == "auto":
        device = "cuda" if has_cuda else "cpu"
    if device == "cuda" and not has_cuda:
        raise ValueError("device is cuda, but torch finds no usable GPU: install its driver or set device to cpu")
    if settings.require_gpu and device == "cpu":
        raise ValueError("require_gpu is set, but the model would run on the CPU: no GPU was found or device is cpu")
    return Predictor.from_pretrained(settings.model, device=device)
