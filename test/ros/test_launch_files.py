"""The launch files through the real `launch`: they load, declare what they say, and turn into the nodes of the graph.

Nothing is started here. Skipped where launch_ros is not installed, as with ROS 2 from wheels; the graph behind the
launch files is tested everywhere (test_graph.py).
"""

import sys
from importlib import import_module

import pytest

# The checkout's folder `launch/` passes for an empty package of that name, so `launch` itself proves nothing.
pytest.importorskip("launch_ros")

from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.launch_description_sources import get_launch_description_from_python_launch_file
from launch.utilities import perform_substitutions
from launch_ros.actions import Node

from launch import LaunchContext
from viper_ros.ros.graph import INPUTS, default_params_file, demo_graph, share_folder, two_cameras_graph

FOLDER = share_folder() / "launch"
FILES = sorted(path.name for path in FOLDER.glob("*.launch.py"))
COMMON = {"params_file", "autostart", "use_sim_time", "log_level"}


def load(name):
    return get_launch_description_from_python_launch_file(str(FOLDER / name))


def start(name, **arguments):
    """The nodes that `ros2 launch viper_ros NAME ARGUMENT:=VALUE ...` would start, each with its command line."""
    context = LaunchContext()
    context.launch_configurations.update(arguments)
    nodes = []
    waiting = list(load(name).entities)
    while waiting:
        entity = waiting.pop(0)
        if isinstance(entity, (DeclareLaunchArgument, OpaqueFunction)):
            waiting = [*(entity.visit(context) or ()), *waiting]
        elif entity.condition is None or entity.condition.evaluate(context):
            assert isinstance(entity, Node)
            nodes.append((entity, context))
    return nodes
