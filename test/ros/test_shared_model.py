"""Nodes of one process with one checkpoint: one model in memory, given back when the last node lets go of it."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from viper_ros.model import CalibrationConfig, DecoderConfig, ViperF1
from viper_ros.msg import Status
from viper_ros.perception import Predictor, save_checkpoint
from viper_ros.ros.predictors import load_predictor
from viper_ros.ros.spinning import spin_on
from viper_ros.ros.viper_nodes import parse_namespaces

MB = 1e6


def until(condition, timeout_s=60.0):
    ends_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < ends_s
        time.sleep(0.01)


@pytest.fixture(scope="module")
def large_checkpoint(viper_checkpoint, tmp_path_factory):
    """The tiny checkpoint with a decoder of 160 MB and the calibration of an untrained model."""
    small = Predictor.from_pretrained(viper_checkpoint)
    config = replace(
        small.model.config,
        width=128,
        decoder=DecoderConfig(layers=10, ffn_width=10240),
        calibration=CalibrationConfig(),
    )
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models") / "large"
    save_checkpoint(folder, ViperF1(config), small.tokenizer)
    return folder


def model_of(rig):
    return rig.viper.engine._predictor.model


def test_two_nodes_with_one_checkpoint_hold_one_model_and_see_each_their_own_camera(make_rig):
    left, right = make_rig(), make_rig()
    for rig in (left, right):
        rig.activate()
    assert model_of(left) is model_of(right)
    headers = left.shoot(grey=40), right.shoot(grey=200)
    answers = left.ask("the mug"), right.ask("the mug")
    assert [found.header for found in answers] == list(headers)
    assert [rig.viper.engine.images_encoded for rig in (left, right)] == [1, 1]


def test_the_model_lives_until_the_last_node_lets_go_of_it(make_rig):
    left, right = make_rig(), make_rig()
    for rig in (left, right):
        rig.activate()
        rig.shoot()
        rig.ask(want_answer=True)
    model = weakref.ref(model_of(left))
    assert left.transition("deactivate") and left.transition("cleanup")
    assert model() is model_of(right)
    right.shoot()
    assert right.ask().status.code == Status.OK
    assert right.transition("deactivate") and right.transition("cleanup")
    assert model() is None


def test_another_precision_and_a_changed_file_are_other_models(make_rig, viper_checkpoint):
    settings = make_rig().viper.settings
    first = load_predictor(settings)
    assert load_predictor(settings).model is first.model
    assert load_predictor(replace(settings, precision="bfloat16")).dtype == torch.bfloat16
    assert first.dtype == torch.float32
    os.utime(Path(viper_checkpoint) / "config.json")
    assert load_predictor(settings).model is not first.model


def test_threads_that_share_a_model_get_what_one_alone_gets(large_checkpoint):
    predictor = Predictor.from_pretrained(large_checkpoint)
    images = np.random.default_rng(0).integers(0, 256, (4, 48, 64, 3), dtype=np.uint8)
    found: dict[int, list] = {}

    def work(index):
        found[index] = [predictor.query(images[index], "pick up the red mug", max_answer_tokens=3) for _ in range(2)]

    threads = [threading.Thread(target=work, args=(index,)) for index in range(len(images))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    alone = [predictor.query(image, "pick up the red mug", max_answer_tokens=3) for image in images]
    for index, expected in enumerate(alone):
        for answer in found[index]:
            assert answer.answer == expected.answer
            np.testing.assert_allclose(answer.relevance, expected.relevance, atol=1e-5)
    assert not np.allclose(alone[0].relevance, alone[1].relevance, atol=1e-4)


# ---- a process of its own


class TwoNodes:
    """`viper_nodes` with two namespaces as a process, and a lifecycle manager."""

    def __init__(self, context, checkpoint, log):
        name = f"p{os.getpid()}"
        self.log = log
        command = ["-m", "viper_ros.ros.viper_nodes", f"{name}/left", f"{name}/right"]
        ros = ["--ros-args", "-p", f"model:={checkpoint}"]
        with log.open("wb") as output:
            self.process = subprocess.Popen([sys.executable, *command, *ros], stdout=output, stderr=subprocess.STDOUT)
        self.node = Node("manager", context=context)
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=spin_on, args=(self._executor, self.node), daemon=True)
        self._thread.start()
        self._clients = {
            side: self.node.create_client(ChangeState, f"/{name}/{side}/viper/change_state")
            for side in ("left", "right")
        }
        for side in ("left", "right"):
            self._make_contact(self.node.create_client(GetState, f"/{name}/{side}/viper/get_state"))

    def _make_contact(self, client):
        """Ask what may be asked again until an answer comes: a service may be seen before it sees who asks."""
        assert client.wait_for_service(timeout_sec=60.0)
        ends_s, done = time.monotonic() + 60.0, False
        while not done:
            assert time.monotonic() < ends_s, self.log.read_text()
            future = client.call_async(GetState.Request())
            waits_until_s = time.monotonic() + 2.0
            while time.monotonic() < waits_until_s and not (done := future.done()):
                time.sleep(0.05)

    def change(self, side, *labels):
        for label in labels:
            client = self._clients[side]
            assert client.wait_for_service(timeout_sec=60.0)
            future = client.call_async(ChangeState.Request(transition=Transition(label=label)))
            until(future.done)
            assert future.result().success, self.log.read_text()
        return self.resident_mb()

    def resident_mb(self):
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / MB

    def close(self):
        self.process.send_signal(signal.SIGINT)
        status = self.process.wait(timeout=60.0)
        self._executor.shutdown(timeout_sec=2.0)
        self._thread.join(timeout=5.0)
        self.node.destroy_node()
        return status


@pytest.fixture
def two_nodes(context, large_checkpoint, tmp_path):
    nodes = TwoNodes(context, large_checkpoint, tmp_path / "log")
    yield nodes
    if nodes.process.poll() is None:
        nodes.close()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the memory of a process is read from /proc")
def test_two_nodes_in_a_process_take_the_memory_of_one_model_and_give_it_back(two_nodes, large_checkpoint):
    model_mb = 2 * (large_checkpoint / "model.safetensors").stat().st_size / MB  # halves on disk, float32 in memory
    assert model_mb > 140
    two_nodes.change("left", "configure", "cleanup")  # what the first load brings in beside the model stays
    empty = two_nodes.change("right", "configure", "cleanup")
    one = two_nodes.change("left", "configure")
    both = two_nodes.change("right", "configure")
    one_again = two_nodes.change("left", "cleanup")
    none = two_nodes.change("right", "cleanup")
    told = f"empty {empty:.0f}, one {one:.0f}, both {both:.0f}, one {one_again:.0f}, none {none:.0f} MB"
    assert one - empty > 0.8 * model_mb, told
    assert both - one < 0.2 * model_mb, told
    assert both - one_again < 0.2 * model_mb, told
    assert none - empty < 0.2 * model_mb, told
    for _ in range(3):
        two_nodes.change("left", "configure", "cleanup")
    assert two_nodes.resident_mb() - empty < 0.2 * model_mb
    assert two_nodes.close() == 0
    before, after = map(float, re.findall(r"model released; .*?: (\d+) MB -> (\d+) MB", two_nodes.log.read_text())[-1])
    assert before - after > 0.8 * model_mb
    print(f"model {model_mb:.0f} MB: {told}; log of the last cleanup: {before:.0f} -> {after:.0f} MB")


@pytest.mark.parametrize(
    "arguments, reason",
    [
        ([], "name the namespaces"),
        (["a", "/a/"], "more than once"),
        (["a b"], "is no namespace"),
        (["1"], "no namespace"),
    ],
)
def test_a_wrong_list_of_namespaces_is_refused_with_the_reason(arguments, reason):
    with pytest.raises(ValueError, match=reason):
        parse_namespaces(arguments)


def test_namespaces_may_be_written_with_or_without_slashes():
    assert parse_namespaces(["left", "/arm/right/"]) == ["/left", "/arm/right"]
