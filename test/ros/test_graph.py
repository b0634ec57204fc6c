"""The graph and the plain-process front door: real processes, real DDS."""

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from xml.etree import ElementTree

import pytest
import rclpy
from rclpy.node import Node

from viper_ros.ros import bringup, graph
from viper_ros.ros.graph import demo_graph, sim_camera, two_cameras_graph, viper, vipers
from viper_ros.ros.processes import Processes

SLEEPER = [sys.executable, "-c", "import time; print('awake', flush=True); time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nprint('deaf', flush=True)\ntime.sleep(600)",
]


def options(*arguments):
    parser = argparse.ArgumentParser()
    bringup.add_subcommands(parser.add_subparsers())
    return parser.parse_args(arguments)


def until(condition, timeout_s=20.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_graph_imports_neither_rclpy_nor_launch():
    code = (
        "import sys, viper_ros.ros.graph, viper_ros.ros.bringup; print({'rclpy', 'launch', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_names_follow_the_namespace():
    assert viper().full_name == "/viper"
    assert viper("/left/").full_name == "/left/viper"
    assert [spec.full_name for spec in two_cameras_graph()] == [
        "/left/sim_camera",
        "/left/viper",
        "/right/sim_camera",
        "/right/viper",
    ]


def test_the_two_cameras_differ_in_scene_and_frames():
    left, _, right, _ = two_cameras_graph()
    for name in ("seed", "frame_id", "world_frame"):
        assert left.parameters[name] != right.parameters[name]


def test_two_cameras_in_one_process_are_one_command_with_both_namespaces():
    left, right, both = two_cameras_graph(one_process=True, autostart=True)
    assert [left.full_name, right.full_name] == ["/left/sim_camera", "/right/sim_camera"]
    assert (both.module, both.full_name) == ("viper_ros.ros.viper_nodes", "/viper_nodes")
    assert both.command_line()[:3] == ["left", "right", "--ros-args"]
    assert not [part for part in both.command_line() if part.startswith("__n")]  # that would rename both nodes


def test_nodes_of_one_process_are_remapped_one_by_one_by_full_name():
    spec = vipers(["left", "right"], remappings={"/left/image": "/left_camera/color/image_raw"}, max_regions=2)
    context = rclpy.Context()
    rclpy.init(args=["program", *spec.command_line()], context=context)
    more = {"context": context, "automatically_declare_parameters_from_overrides": True}
    nodes = [Node("viper", namespace=name, **more) for name in ("/left", "/right")]
    try:
        topics = [node.resolve_topic_name("image") for node in nodes]
        assert topics == ["/left_camera/color/image_raw", "/right/image"]
        assert [node.get_parameter("max_regions").value for node in nodes] == [2, 2]
    finally:
        for node in nodes:
            node.destroy_node()
        context.try_shutdown()


def test_command_line_arguments_are_read_back_by_ros():
    spec = viper(
        "arm", remappings={"image": "/camera/image"}, autostart=True, max_rate_hz=2.5, instruction="the 'red' mug: now"
    )
    context = rclpy.Context()
    rclpy.init(args=["program", *spec.command_line()], context=context)
    node = Node("any_name", context=context, automatically_declare_parameters_from_overrides=True)
    try:
        assert node.get_fully_qualified_name() == "/arm/viper"
        assert node.resolve_topic_name("image") == "/camera/image"
        values = {name: node.get_parameter(name).value for name in ("autostart", "max_rate_hz", "instruction")}
        assert values == {"autostart": True, "max_rate_hz": 2.5, "instruction": "the 'red' mug: now"}
        assert node.get_parameter("model").value == "nano"  # from config/viper.yaml
    finally:
        node.destroy_node()
        context.try_shutdown()


def test_every_node_of_the_graph_is_a_module_and_an_installed_executable():
    cmake = (graph.share_folder() / "CMakeLists.txt").read_text()
    for spec in [*demo_graph(), *two_cameras_graph(one_process=True)]:
        assert (graph.share_folder() / "viper_ros" / "ros" / f"{spec.executable}.py").is_file()
        assert spec.executable in cmake


def test_the_share_folder_of_an_installed_package_is_found(tmp_path, monkeypatch):
    share = tmp_path / "share" / "viper_ros"
    share.mkdir(parents=True)
    (share / "package.xml").write_text("<package/>")
    monkeypatch.setattr(graph, "__file__", str(tmp_path / "lib" / "site" / "viper_ros" / "ros" / "graph.py"))
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"/nowhere{os.pathsep}{tmp_path}")
    assert graph.share_folder() == share
    monkeypatch.setenv("AMENT_PREFIX_PATH", "/nowhere")
    monkeypatch.setattr(graph.sys, "prefix", "/nowhere")
    with pytest.raises(FileNotFoundError, match="source the workspace"):
        graph.share_folder()


def test_nodes_get_shared_memory_that_images_fit_into_unless_the_user_has_chosen_a_profile(monkeypatch):
    for name in ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE", "ROS_DISTRO"):
        monkeypatch.delenv(name, raising=False)
    (profile,) = graph.large_image_environment().values()
    segment = ElementTree.parse(profile).find(".//{http://www.eprosima.com}segment_size")
    assert int(segment.text) > 4 * 640 * 480 * (3 + 4)
    monkeypatch.setenv("ROS_DISTRO", "humble")
    assert list(graph.large_image_environment()) == ["FASTRTPS_DEFAULT_PROFILES_FILE"]
    monkeypatch.setenv("FASTDDS_DEFAULT_PROFILES_FILE", "mine.xml")
    assert graph.large_image_environment() == {}


def test_up_takes_remappings_and_refuses_what_is_none():
    chosen = options("up", "-r", "image:=/camera/image", "--no-autostart", "--namespace", "arm")
    (spec,) = bringup._up_graph(chosen)
    assert spec.remappings == (("image", "/camera/image"),)
    assert spec.parameters["autostart"] is False and spec.full_name == "/arm/viper"
    with pytest.raises(ValueError, match="FROM:=TO"):
        bringup._up_graph(options("up", "-r", "image=/camera/image"))


def test_what_is_said_before_pick_holds_for_the_pick_and_its_own_defaults_for_the_rest():
    chosen = options("demo", "--seed", "7", "--model", "giant", "pick", "the mug", "--depth-noise", "0.002")
    assert (chosen.seed, chosen.model, chosen.depth_noise, chosen.instruction) == (7, "giant", 0.002, "the mug")
    assert chosen.scenes is None and chosen.out is None and not chosen.oracle
    assert options("demo", "pick", "--seed", "3").seed == 3 and options("demo", "pick").seed == 0
    assert options("demo", "--seed", "7", "pick", "--seed", "3").seed == 3


def test_stopping_ends_all_processes_also_one_that_ignores_the_interrupt(tmp_path, monkeypatch):
    monkeypatch.setattr("viper_ros.ros.processes.INTERRUPT_S", 0.5)
    with Processes(tmp_path) as processes:
        sleeper, stubborn = processes.start("sleeper", SLEEPER), processes.start("stubborn", STUBBORN)
        until(lambda: "awake" in sleeper.log.read_text() and "deaf" in stubborn.log.read_text())
    assert sleeper.process.returncode != 0
    assert stubborn.process.returncode == -signal.SIGTERM


def test_the_end_of_a_process_is_told_with_its_status_and_the_end_of_its_log(tmp_path):
    with Processes(tmp_path) as processes:
        processes.start("sleeper", SLEEPER)
        processes.start("failing", [sys.executable, "-c", "raise SystemExit('no camera here')"])
        first = processes.wait_for_first()
    assert first.name == "failing"
    assert "status 1" in first.describe_exit() and "no camera here" in first.describe_exit()


def test_children_end_when_their_parent_is_killed(tmp_path):
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom viper_ros.ros.processes import Processes\n"
        f"processes = Processes(Path({str(tmp_path)!r}))\n"
        f"print(processes.start('sleeper', {SLEEPER!r}).process.pid, flush=True)\ntime.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())
    until(lambda: "awake" in (tmp_path / "sleeper.log").read_text())
    parent.kill()
    parent.wait()
    until(lambda: not is_running(child))


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_viper_up_runs_a_simulated_camera_until_it_is_interrupted(tmp_path):
    command = [sys.executable, "-m", "viper_ros.cli", "up", "--sim", "--no-autostart", "--namespace", "upped"]
    up = subprocess.Popen([*command, "--log-dir", str(tmp_path)], stderr=subprocess.PIPE, text=True)
    context = rclpy.Context()
    rclpy.init(context=context)
    node = Node("looker", context=context)
    try:
        until(
            lambda: (
                {"viper", "sim_camera"}
                <= {name for name, space in node.get_node_names_and_namespaces() if space == "/upped"}
            ),
            60,
        )
        until(lambda: node.count_publishers("/upped/image") and node.count_publishers("/upped/depth/image"))
        until(lambda: "scene 0" in (tmp_path / "upped.sim_camera.log").read_text(), 60)
    finally:
        up.send_signal(signal.SIGINT)
        status = up.wait(20)
        node.destroy_node()
        context.try_shutdown()
    assert status == 128 + signal.SIGINT
    assert "Traceback" not in (tmp_path / "upped.sim_camera.log").read_text()


def test_viper_up_tells_why_a_node_ended(tmp_path):
    params = tmp_path / "wrong.yaml"
    params.write_text("/**:\n  ros__parameters:\n    max_regions: 0\n")
    command = [sys.executable, "-m", "viper_ros.cli", "up", "--params-file", str(params), "--log-dir", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "/viper ended with status 1" in done.stderr and "max_regions" in done.stderr


def test_an_interrupt_during_start_leaves_nothing_behind(tmp_path):
    processes = Processes(tmp_path)
    started = []

    def stop_soon():
        time.sleep(0.2)
        processes.stop()

    stopper = threading.Thread(target=stop_soon)
    with processes:
        started.append(processes.start_node(sim_camera("early")))
        stopper.start()
        processes.wait_for_first()
    stopper.join()
    assert all(child.process.poll() is not None for child in started)
