"""The planner's client against a real node, and the node as a process of its own."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from viper_ros.msg import Status
from viper_ros.ros.client import ViperClient, ViperError
from viper_ros.ros.ground import MAX_GOALS


@pytest.fixture
def client(rig, context):
    with ViperClient(rig.viper.get_fully_qualified_name(), context) as client:
        client.wait_until_ready(timeout_s=10.0)
        yield client


def test_a_query_gives_the_grounding(rig, client):
    header = rig.shoot(depth_m=1.0)
    found = client.query("the red mug", want_3d=True)
    assert found.header == header and found.present
    assert found.regions[0].has_position


def test_not_found_is_an_answer(rig, client):
    rig.shoot()
    found = client.query("the red mug", threshold=0.6)
    assert (found.present, found.status.code) == (False, Status.NOT_FOUND)


def test_a_request_with_an_image_of_its_own(rig, client):
    found = client.query("the red mug", image=np.zeros((20, 30, 3), np.uint8))
    assert list(found.regions[0].box_xyxy_px) == [0, 0, 30, 20]
    with pytest.raises(ValueError, match=r"got \(20, 30\) uint8"):
        client.query("the red mug", image=np.zeros((20, 30), np.uint8))


def test_a_refusal_raises_with_its_code_and_the_reason_of_the_node(client):
    with pytest.raises(ViperError, match="BAD_REQUEST: instruction is empty") as error:
        client.query(" ")
    assert error.value.code == Status.BAD_REQUEST
    with pytest.raises(ViperError, match="NO_IMAGE") as error:
        client.query("the mug", timeout_s=0.2)
    assert error.value.code == Status.NO_IMAGE


def test_ground_finds_and_gives_feedback(rig, client):
    heard = []
    shooter = threading.Timer(0.3, rig.shoot)
    shooter.start()
    result = client.ground("the red mug", on_feedback=heard.append)
    assert result.grounding.status.code == Status.OK
    assert result.frames == 1
    rig.wait_for(lambda: heard)


def test_ground_can_be_cancelled_by_the_caller(rig, client):
    rig.shoot()
    heard = []
    result = client.ground("it", watch=True, timeout_s=600.0, on_feedback=heard.append, should_cancel=lambda: heard)
    assert result.grounding.status.code == Status.CANCELED
    assert result.frames == 1


def test_a_caller_that_fails_while_it_waits_leaves_its_place_to_others(rig, client):
    rig.shoot()

    def fail():
        raise KeyError("the planner's own fault")

    for _ in range(2 * MAX_GOALS):
        with pytest.raises(KeyError, match="own fault"):
            client.ground("it", watch=True, timeout_s=600.0, should_cancel=fail)
    assert client.ground("it", timeout_s=5.0).frames >= 1


@pytest.mark.parametrize("timeout_s", [0.0, -1.0, float("nan")])
def test_a_timeout_that_is_none_is_refused(client, timeout_s):
    for ask in (client.query, client.ground):
        with pytest.raises(ValueError, match="timeout_s must be above 0"):
            ask("it", timeout_s=timeout_s)


def test_ground_that_finds_nothing_is_a_result(rig, client):
    rig.shoot()
    result = client.ground("it", threshold=0.6, timeout_s=0.4)
    assert result.grounding.status.code == Status.NOT_FOUND


def test_a_process_without_ros_may_open_one_client_after_another():
    code = (
        "import rclpy; from viper_ros.ros.client import ViperClient\n"
        "for name in ('left/viper', 'right/viper'):\n"
        "    with ViperClient(name) as client: print(client.name, rclpy.ok())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=os.environ)
    assert done.stdout.split() == ["/left/viper", "False", "/right/viper", "False"], done.stderr


def test_an_absent_node_is_told_within_the_timeout(context):
    with ViperClient("/nobody/viper", context) as client:
        with pytest.raises(ViperError, match="/nobody/viper is not there or not answering"):
            client.wait_until_ready(timeout_s=0.3)
        with pytest.raises(ViperError, match="/nobody/viper/query is not there") as error:
            client.query("the mug", timeout_s=0.3)
        assert error.value.code is None
        with pytest.raises(ViperError, match="/nobody/viper/ground is not there"):
            client.ground("the mug", timeout_s=0.3)


def test_an_inactive_node_is_told_by_its_state(resting_rig, context):
    with ViperClient(resting_rig.viper.get_fully_qualified_name(), context) as client:
        with pytest.raises(ViperError, match="is unconfigured after"):
            client.wait_until_ready(timeout_s=1.0)
        with pytest.raises(ViperError, match="NOT_ACTIVE"):
            client.query("the mug")


def test_twenty_clients_with_default_qos_are_all_answered(rig, context):
    """As planners are: each with a node of its own, and the depth of 10 that services have by default."""
    from rclpy.executors import MultiThreadedExecutor
    from rclpy.node import Node

    from viper_ros.srv import Query

    nodes = [Node(f"planner_{i}", context=context, namespace=rig.user.get_namespace()) for i in range(20)]
    clients = [node.create_client(Query, "viper/query") for node in nodes]
    executor = MultiThreadedExecutor(2, context=context)
    for node in nodes:
        executor.add_node(node)
    spinner = threading.Thread(target=executor.spin, daemon=True)
    spinner.start()
    rig.wait_for(lambda: all(client.service_is_ready() for client in clients))
    time.sleep(0.5)
    rig.shoot()
    futures = [client.call_async(Query.Request(instruction=f"mug {i}")) for i, client in enumerate(clients)]
    answers = [rig.finish(future).grounding for future in futures]
    executor.shutdown()
    spinner.join(timeout=5.0)
    for node in nodes:
        node.destroy_node()
    assert [answer.instruction for answer in answers] == [f"mug {i}" for i in range(20)]
    assert {answer.status.code for answer in answers} == {Status.OK}


@pytest.fixture
def process(viper_checkpoint):
    """The node as `ros2 run` starts it, brought up by itself."""
    arguments = ["-r", "__ns:=/alone", "-p", f"model:={viper_checkpoint}", "-p", "autostart:=true"]
    command = [sys.executable, "-m", "viper_ros.ros.viper_node", "--ros-args", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ)
    yield process
    process.kill()
    process.wait()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_the_process_serves_planners_and_ends_cleanly_with_pending_requests_answered(process, context, how):
    with ViperClient("/alone/viper", context) as client:
        client.wait_until_ready(timeout_s=60.0)
        found = client.query("the mug", image=np.zeros((12, 16, 3), np.uint8))
        assert found.present and found.model == "tiny"
        errors = []

        def wait_for_an_image():
            try:
                client.query("the mug", timeout_s=60.0)
            except ViperError as error:
                errors.append(error)

        waiting = threading.Thread(target=wait_for_an_image)
        waiting.start()
        time.sleep(1.0)
        process.send_signal(how)
        assert process.wait(timeout=20.0) == 0
        waiting.join(timeout=10.0)
        assert [error.code for error in errors] == [Status.NOT_ACTIVE]
    assert "Traceback" not in process.stdout.read()


def test_a_process_with_a_bad_parameter_ends_with_the_reason(viper_checkpoint):
    command = [sys.executable, "-m", "viper_ros.ros.viper_node", "--ros-args", "-p", "threshold:=7.0"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, env=os.environ)
    assert ended.returncode == 1
    assert "threshold" in ended.stderr and "Traceback" not in ended.stderr
