"""The launch files through the real `launch`, up to the command lines of the nodes; nothing is started.

Skipped where launch_ros is not installed, as with ROS 2 from wheels. The graph behind the launch files is tested
everywhere, in test_graph.py.
"""

from contextlib import contextmanager
from pathlib import Path

import pytest
import rclpy
from rclpy.node import Node as RosNode

from viper_ros.ros.graph import INPUTS, demo_graph, share_folder, two_cameras_graph

# Not `launch`: the checkout's folder of that name passes for an empty package.
pytest.importorskip("launch_ros")

from launch import LaunchContext
from launch.actions import DeclareLaunchArgument, ExecuteLocal, OpaqueFunction
from launch.launch_description_sources import get_launch_description_from_python_launch_file
from launch.utilities import perform_substitutions
from launch_ros.actions import Node

FOLDER = share_folder() / "launch"
OWN_ARGUMENTS = {
    "demo.launch.py": {"namespace", "seed", "rate_hz", "depth_noise", "rviz"},
    "two_cameras.launch.py": {"one_process"},
    "viper.launch.py": {"namespace", "image", "camera_info", "depth_image", "depth_camera_info"},
}
COMMON_ARGUMENTS = {"params_file", "autostart", "use_sim_time", "log_level"}


@pytest.fixture(autouse=True)
def _nothing_is_started(monkeypatch):
    """Actions get as far as the command line and environment of their process."""
    monkeypatch.setattr(ExecuteLocal, "execute", lambda action, context: action.prepare(context))


def load(name):
    return get_launch_description_from_python_launch_file(str(FOLDER / name))


def launch(name, **arguments):
    """What `ros2 launch viper_ros NAME ARGUMENT:=VALUE ...` would start: the process details of each node."""
    context = LaunchContext()
    context.launch_configurations.update(arguments)
    return [details(node, context) for node in nodes(load(name).entities, context)]


def nodes(entities, context):
    for entity in entities:
        if isinstance(entity, DeclareLaunchArgument | OpaqueFunction):
            yield from nodes(entity.visit(context) or (), context)
        elif entity.condition is None or entity.condition.evaluate(context):
            assert isinstance(entity, Node)
            yield entity


def details(node, context):
    node.visit(context)
    return node.process_details


@contextmanager
def as_ros_sees_it(process):
    """A node that takes name, remappings and parameters from the process's command line."""
    context = rclpy.Context()
    rclpy.init(args=process["cmd"], context=context)
    node = RosNode("any_name", context=context, automatically_declare_parameters_from_overrides=True)
    try:
        yield node
    finally:
        node.destroy_node()
        context.try_shutdown()


def full_names(processes):
    names = []
    for process in processes:
        with as_ros_sees_it(process) as node:
            names.append((Path(process["cmd"][0]).name, node.get_fully_qualified_name()))
    return names


def parameters(process, *wanted):
    with as_ros_sees_it(process) as node:
        return [node.get_parameter(name).value for name in wanted]


def test_every_launch_file_is_looked_at():
    assert {path.name for path in FOLDER.glob("*.launch.*")} == set(OWN_ARGUMENTS)


@pytest.mark.parametrize("name", OWN_ARGUMENTS)
def test_each_argument_has_a_description_and_a_default(name):
    declared = {argument.name: argument for argument in load(name).get_launch_arguments()}
    assert set(declared) == OWN_ARGUMENTS[name] | COMMON_ARGUMENTS
    for argument in declared.values():
        assert argument.description != "no description given"
        assert argument.default_value is not None


@pytest.mark.parametrize("name", OWN_ARGUMENTS)
def test_the_default_parameter_file_exists(name):
    (argument,) = (one for one in load(name).get_launch_arguments() if one.name == "params_file")
    assert Path(perform_substitutions(LaunchContext(), argument.default_value)).is_file()


def test_the_demo_is_the_demo_graph():
    assert full_names(launch("demo.launch.py")) == [(spec.executable, spec.full_name) for spec in demo_graph()]


def test_two_cameras_are_the_two_cameras_graph():
    processes = launch("two_cameras.launch.py")
    expected = two_cameras_graph()
    assert full_names(processes) == [(spec.executable, spec.full_name) for spec in expected]
    for process, spec in zip(processes, expected, strict=True):
        assert parameters(process, *spec.parameters) == list(spec.parameters.values())


def test_two_cameras_share_a_process_when_asked_to():
    *cameras, vipers = launch("two_cameras.launch.py", one_process="true", autostart="false")
    assert full_names(cameras) == [("sim_camera_node", f"/{side}/sim_camera") for side in ("left", "right")]
    assert Path(vipers["cmd"][0]).name == "viper_nodes"
    assert vipers["cmd"][1:3] == ["left", "right"]
    assert parameters(vipers, "autostart", "model") == [False, "nano"]
    assert not [part for part in vipers["cmd"] if part.startswith(("__ns:=", "__node:="))]  # of all its nodes


def test_arguments_of_the_demo_reach_its_nodes():
    camera, viper = launch("demo.launch.py", namespace="arm", seed="3", rate_hz="5", depth_noise="0", autostart="false")
    assert full_names([camera, viper]) == [("sim_camera_node", "/arm/sim_camera"), ("viper_node", "/arm/viper")]
    assert parameters(camera, "seed", "rate_hz", "depth_noise") == [3, 5.0, 0.0]
    assert parameters(viper, "autostart", "model") == [False, "nano"]


def test_the_viper_node_comes_up_active_with_the_parameters_of_the_file_given(tmp_path):
    params_file = tmp_path / "mine.yaml"
    params_file.write_text("/**:\n  ros__parameters:\n    autostart: false\n    max_regions: 2\n")
    (viper,) = launch("viper.launch.py", params_file=str(params_file), use_sim_time="true", log_level="debug")
    assert parameters(viper, "autostart", "max_regions", "use_sim_time") == [True, 2, True]
    assert viper["cmd"][viper["cmd"].index("--log-level") + 1] == "debug"


def test_inputs_are_remapped_one_by_one():
    (viper,) = launch("viper.launch.py", namespace="arm", image="/camera/color/image_raw", depth_image="aligned/depth")
    with as_ros_sees_it(viper) as node:
        assert [node.resolve_topic_name(topic) for topic in INPUTS] == [
            "/camera/color/image_raw",
            "/arm/camera_info",
            "/arm/aligned/depth",
            "/arm/depth/camera_info",
        ]


def test_a_truth_value_that_is_none_is_refused():
    with pytest.raises(ValueError, match="autostart must be true or false, got 'maybe'"):
        launch("viper.launch.py", autostart="maybe")


def test_nodes_get_shared_memory_for_large_images_unless_a_profile_is_set(monkeypatch):
    old, new = "FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE"
    for name in (old, new):
        monkeypatch.delenv(name, raising=False)
    for process in launch("demo.launch.py"):
        assert Path(process["env"].get(new) or process["env"][old]).name == "fastdds.xml"
    monkeypatch.setenv(new, "mine.xml")
    for process in launch("demo.launch.py"):
        assert process["env"][new] == "mine.xml"
        assert old not in process["env"]


@pytest.mark.parametrize("asked", [False, True])
def test_rviz_opens_only_when_asked_for(asked):
    context = LaunchContext()
    if asked:
        context.launch_configurations["rviz"] = "true"
    packages = [node.node_package for node in nodes(load("demo.launch.py").entities, context)]
    assert ("rviz2" in packages) == asked
    assert packages.count("viper_ros") == 2
