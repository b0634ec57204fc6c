"""Images in, frozen dataclasses out: what a user without ROS imports.

Names are imported when they are first used (PEP 562), so that a planner's client or a camera that needs the geometry
alone does not wait for torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from viper_ros.perception.checkpoint import find_checkpoint, load_checkpoint, load_tokenizer, save_checkpoint
    from viper_ros.perception.heatmap import heatmap_from_grid, overlay_heatmap
    from viper_ros.perception.letterbox import GridMapping, Letterbox
    from viper_ros.perception.predictor import EncodedImage, Grounding, Predictor
    from viper_ros.perception.regions import Region, find_regions
    from viper_ros.perception.tokenizer import Tokenizer

__all__ = [
    "EncodedImage",
    "GridMapping",
    "Grounding",
    "Letterbox",
    "Predictor",
    "Region",
    "Tokenizer",
    "find_checkpoint",
    "find_regions",
    "heatmap_from_grid",
    "load_checkpoint",
    "load_tokenizer",
    "overlay_heatmap",
    "save_checkpoint",
]

_HOMES = {
    "EncodedImage": "predictor",
    "GridMapping": "letterbox",
    "Grounding": "predictor",
    "Letterbox": "letterbox",
    "Predictor": "predictor",
    "Region": "regions",
    "Tokenizer": "tokenizer",
    "find_checkpoint": "checkpoint",
    "find_regions": "regions",
    "heatmap_from_grid": "heatmap",
    "load_checkpoint": "checkpoint",
    "load_tokenizer": "checkpoint",
    "overlay_heatmap": "heatmap",
    "save_checkpoint": "checkpoint",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {sorted(__all__)}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
