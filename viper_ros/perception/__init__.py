"""Images in, frozen dataclasses out: what a user without ROS imports."""

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
