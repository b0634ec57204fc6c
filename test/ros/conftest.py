"""A viper node and everything around it, over real DDS, in a domain of its own."""

import os
import threading
import time

os.environ.setdefault("ROS_DOMAIN_ID", str(os.getpid() % 100 + 1))
os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
os.environ.setdefault("ROS_LOCALHOST_ONLY", "1")  # the same for Humble

import numpy as np
import pytest
import rclpy
import torch
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.srv import DescribeParameters, GetParameters, SetParameters
from rclpy.action import ActionClient
from rclpy.context import Context
from rclpy.executors import MultiThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from viper_ros.action import Ground
from viper_ros.model import (
    CalibrationConfig,
    DecoderConfig,
    GridEncoderConfig,
    ModulatorConfig,
    ViperConfig,
    ViperF1,
)
from viper_ros.perception import Tokenizer, save_checkpoint
from viper_ros.perception.camera import CameraModel
from viper_ros.ros.conversions import camera_to_ros
from viper_ros.ros.images import array_to_image
from viper_ros.ros.qos import MANY_REQUESTS
from viper_ros.ros.spinning import spin_on
from viper_ros.ros.viper_node import EXECUTOR_THREADS, ViperNode
from viper_ros.srv import Query

WIDTH, HEIGHT = 64, 48
CAMERA = CameraModel(WIDTH, HEIGHT, np.array([[60.0, 0, 31.5], [0, 60.0, 23.5], [0, 0, 1]]))
OPTICAL = "camera_color_optical_frame"


@pytest.fixture(scope="session")
def viper_checkpoint(tmp_path_factory):
    """A random tiny checkpoint that finds everything, everywhere, with probability 0.5: so results are known.

    The calibration takes the model's logits out: confidence is 0.5, relevance 0.5 in each cell, so the one region is
    the whole image. The default threshold is 0.4.
    """
    torch.manual_seed(0)
    tokenizer = Tokenizer.train(["pick up the red mug", "what colour is the blue box?", "yes", "no"], vocab_size=200)
    config = ViperConfig(
        name="tiny",
        vocab_size=len(tokenizer),
        width=24,
        ground_token_id=tokenizer.ground_id,
        eos_token_id=tokenizer.end_id,
        grid=GridEncoderConfig(width=16, fine_width=8, widths=(8, 12, 16, 16), depths=(1, 1, 1, 1), name="conv"),
        modulator=ModulatorConfig(blocks=1, heads=2, head_width=8, state_size=4),
        decoder=DecoderConfig(layers=1, ffn_width=32),
        calibration=CalibrationConfig(presence_scale=0.0, cell_scale=0.0, threshold=0.4),
    )
    folder = tmp_path_factory.mktemp("models") / "tiny"
    save_checkpoint(folder, ViperF1(config), tokenizer, dtype=torch.float32)
    return folder


@pytest.fixture(scope="module")
def context():
    """rclpy's context for one module of tests."""
    context = Context()
    rclpy.init(context=context)
    yield context
    rclpy.shutdown(context=context)


def wait_for(condition, timeout_s=60.0):
    """The first true value of `condition()`; fails the test when there is none within the timeout."""
    ends_s = time.monotonic() + timeout_s
    while time.monotonic() < ends_s:
        if value := condition():
            return value
        time.sleep(0.01)
    raise AssertionError(f"not within {timeout_s} s")


def finish(future, timeout_s=60.0):
    """The result of a future that another thread completes."""
    wait_for(future.done, timeout_s)
    return future.result()


class Rig:
    """One viper node in an executor of its own, with a camera before it and a user beside it, in its own namespace."""

    width, height, optical, camera = WIDTH, HEIGHT, OPTICAL, CAMERA
    wait_for, finish = staticmethod(wait_for), staticmethod(finish)

    def __init__(self, context, checkpoint, namespace, **parameters):
        patience = {"query_timeout": 60.0, "max_image_age": 60.0}  # the machine may be busy with other things
        overrides = {"model": str(checkpoint), **patience, **parameters}
        self.viper = ViperNode(
            context=context,
            namespace=namespace,
            parameter_overrides=[Parameter(name, value=value) for name, value in overrides.items()],
        )
        self.user = Node("user", context=context, namespace=namespace)
        self._executors = [MultiThreadedExecutor(EXECUTOR_THREADS, context=context) for _ in range(2)]
        self._threads = []
        for executor, node in zip(self._executors, (self.viper, self.user), strict=True):
            executor.add_node(node)
            self._threads.append(threading.Thread(target=spin_on, args=(executor, node), daemon=True))
            self._threads[-1].start()
        self.query_client = self.user.create_client(Query, "viper/query", qos_profile=MANY_REQUESTS)
        self.ground_client = ActionClient(self.user, Ground, "viper/ground")
        self._services = {}
        self._publishers = {
            topic: self.user.create_publisher(kind, topic, 5)
            for topic, kind in (("image", Image), ("camera_info", CameraInfo), ("depth/image", Image))
        }

    def close(self):
        self.viper.close()
        for executor, thread in zip(self._executors, self._threads, strict=True):
            executor.shutdown(timeout_sec=2.0)
            thread.join(timeout=5.0)
        self.user.destroy_node()

    # Lifecycle and parameters, as a manager would, by service

    def call(self, kind, name, request, timeout_s=60.0):
        client = self._services.get(name) or self.user.create_client(kind, name)
        self._services[name] = client
        assert client.wait_for_service(timeout_sec=60.0)
        return finish(client.call_async(request), timeout_s)

    def transition(self, label):
        request = ChangeState.Request(transition=Transition(label=label))
        return self.call(ChangeState, "viper/change_state", request).success

    def state(self):
        return self.call(GetState, "viper/get_state", GetState.Request()).current_state.label

    def activate(self):
        assert self.transition("configure") and self.transition("activate")
        if self.viper.settings.image_transport == "raw":
            wait_for(lambda: all(publisher.get_subscription_count() for publisher in self._publishers.values()))

    def set_parameter(self, name, value):
        request = SetParameters.Request(parameters=[Parameter(name, value=value).to_parameter_msg()])
        return self.call(SetParameters, "viper/set_parameters", request).results[0]

    def get_parameter(self, name):
        values = self.call(GetParameters, "viper/get_parameters", GetParameters.Request(names=[name])).values
        return rclpy.parameter.parameter_value_to_python(values[0])

    def describe_parameter(self, name):
        request = DescribeParameters.Request(names=[name])
        return self.call(DescribeParameters, "viper/describe_parameters", request).descriptors[0]

    # The camera

    def now(self, offset_s=0.0):
        return (self.viper.get_clock().now() + rclpy.duration.Duration(seconds=offset_s)).to_msg()

    def shoot(self, depth_m=None, grey=128, header=None, wait=True, depth_header=None):
        """Publish one frame, with its calibration and depth first; returns its header once the node has it."""
        header = header or Header(stamp=self.now(), frame_id=OPTICAL)
        before = self.viper.frames.colour.count
        if depth_m is not None:
            depth = np.full((HEIGHT, WIDTH), depth_m, np.float32)
            depth_before = self.viper.frames.depth.count
            self._publishers["camera_info"].publish(camera_to_ros(CAMERA, header))
            self._publishers["depth/image"].publish(array_to_image(depth, "32FC1", depth_header or header))
            if wait:
                wait_for(lambda: self.viper.frames.depth.count > depth_before)
        self._publishers["image"].publish(picture(grey, header))
        if wait:
            wait_for(lambda: self.viper.frames.colour.count > before)
            wait_for(lambda: depth_m is None or self.viper.frames.newest().camera_info is not None)
        return header

    # The user

    def ask(self, instruction="the red mug", timeout_s=60.0, **fields):
        return finish(self.ask_async(instruction, **fields), timeout_s).grounding

    def ask_async(self, instruction="the red mug", **fields):
        assert self.query_client.wait_for_service(timeout_sec=60.0)
        return self.query_client.call_async(Query.Request(instruction=instruction, **fields))

    def send_goal(self, instruction="the red mug", on_feedback=None, **fields):
        assert self.ground_client.wait_for_server(timeout_sec=60.0)
        goal = Ground.Goal(instruction=instruction, **fields)
        tell = (lambda message: on_feedback(message.feedback)) if on_feedback else None
        handle = finish(self.ground_client.send_goal_async(goal, feedback_callback=tell))
        assert handle.accepted
        return handle

    def listen(self, kind, topic, qos=5):
        """A list that fills with the messages of a topic; returns once the node has found the subscription."""
        got = []
        self.user.create_subscription(kind, topic, got.append, qos)
        wait_for(lambda: self.user.count_publishers(topic))
        time.sleep(0.3)  # matching goes both ways; the publisher's side shows in no public count of ours
        return got


def picture(grey, header):
    pixels = np.full((HEIGHT, WIDTH, 3), grey, np.uint8)
    return array_to_image(pixels, "rgb8", header)


@pytest.fixture
def make_rig(request, context, viper_checkpoint):
    """Makes rigs with parameters of their own, each in a namespace of its own, and closes them after the test."""
    rigs = []

    def make(**parameters):
        name = f"/t{abs(hash(request.node.nodeid)) % 10**9}_{len(rigs)}"
        rigs.append(Rig(context, viper_checkpoint, name, **parameters))
        return rigs[-1]

    yield make
    for rig in rigs:
        rig.close()


@pytest.fixture
def rig(request, make_rig):
    """An active rig; a test gives it parameters by `@pytest.mark.parametrize("rig", [{...}], indirect=True)`."""
    rig = make_rig(**getattr(request, "param", {}))
    rig.activate()
    return rig


@pytest.fixture
def resting_rig(make_rig):
    """A rig that is unconfigured."""
    return make_rig()
