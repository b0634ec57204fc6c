"""Viper-F1 in PyTorch: tensors in, tensors out. Knows neither image files nor ROS."""

from viper_ros.model.config import CalibrationConfig, DecoderConfig, GridEncoderConfig, ModulatorConfig, ViperConfig
from viper_ros.model.grid import Grid
from viper_ros.model.presets import base_config, nano_config
from viper_ros.model.sampling import GREEDY, Sampling
from viper_ros.model.viper_f1 import ViperF1, ViperOutput, ViperState

__all__ = [
    "GREEDY",
    "CalibrationConfig",
    "DecoderConfig",
    "Grid",
    "GridEncoderConfig",
    "ModulatorConfig",
    "Sampling",
    "ViperConfig",
    "ViperF1",
    "ViperOutput",
    "ViperState",
    "base_config",
    "nano_config",
]
