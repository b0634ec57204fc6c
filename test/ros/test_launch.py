"""The launch files, read by real `launch`, give the nodes of the graph."""

import pytest

from viper_ros.ros.graph import share_folder

pytest.importorskip("launch_ros", reason="launch_ros is not installed")

from launch import LaunchContext
from launch.actions import OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch_ros.actions import Node

EXECUTABLES = {
    "viper": ["viper_node"],
    "demo": ["sim_camera_node", "viper_node"],
    "two_cameras": ["sim_camera_node", "viper_node", "sim_camera_node", "viper_node"],
}


def nodes_of(name, **arguments):
    context = LaunchContext()
    context.launch_configurations.update(arguments)
    path = share_folder() / "launch" / f"{name}.launch.py"
    nodes = []
    for entity in PythonLaunchDescriptionSource(str(path)).get_launch_description(context).entities:
        made = entity.visit(context) if not isinstance(entity, Node) else None
        nodes += made if isinstance(entity, OpaqueFunction) else []
    return nodes


@pytest.mark.parametrize("name", EXECUTABLES)
def test_each_launch_file_gives_the_nodes_of_the_graph(name):
    assert [node.node_executable for node in nodes_of(name)] == EXECUTABLES[name]
    assert all(node.node_package == "viper_ros" for node in nodes_of(name))


def test_every_launch_file_is_tested():
    files = {path.name.removesuffix(".launch.py") for path in (share_folder() / "launch").glob("*.launch.py")}
    assert files == set(EXECUTABLES)


def test_a_switch_that_is_neither_true_nor_false_is_refused():
    with pytest.raises(ValueError, match="autostart must be true or false, got 'maybe'"):
        nodes_of("viper", autostart="maybe")
