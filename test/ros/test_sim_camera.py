"""The simulated camera over real DDS: what a subscriber sees is the tabletop that the truth describes."""

import json
import signal
import threading
import time

import numpy as np
import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import String
from std_srvs.srv import Trigger

from viper_ros.perception.projection import lift_region
from viper_ros.ros.conversions import camera_from_ros
from viper_ros.ros.graph import sim_camera
from viper_ros.ros.images import depth_to_metres, image_to_rgb
from viper_ros.ros.processes import Processes
from viper_ros.ros.qos import NEWEST_SENSOR_DATA
from viper_ros.ros.sim_camera_node import LATCHED, SimCamera
from viper_ros.ros.transforms import make_transform_buffer

TOPICS = {
    "image": (Image, NEWEST_SENSOR_DATA),
    "camera_info": (CameraInfo, NEWEST_SENSOR_DATA),
    "depth/image": (Image, NEWEST_SENSOR_DATA),
    "depth/camera_info": (CameraInfo, NEWEST_SENSOR_DATA),
    "sim_camera/truth": (String, LATCHED),
    "sim_camera/truth_ids": (Image, LATCHED),
}


class Watcher:
    """A camera in a thread of its own, which its OpenGL context belongs to, and a node that keeps what it sends."""

    def __init__(self, context, namespace="left", **parameters):
        self.got = {topic: [] for topic in TOPICS}
        self.context, self.namespace = context, namespace
        self._ready, self._stop, self._error = threading.Event(), threading.Event(), None
        self._camera = threading.Thread(target=self._run_camera, args=(parameters,))
        self._camera.start()
        assert self._ready.wait(30)
        if self._error:
            raise self._error
        self.node = Node("watcher", context=context, namespace=namespace)
        for topic, (kind, qos) in TOPICS.items():
            self.node.create_subscription(kind, topic, self.got[topic].append, qos)
        self.executor = SingleThreadedExecutor(context=context)
        self.executor.add_node(self.node)

    def _run_camera(self, parameters):
        settings = {"width": 160, "height": 120, "rate_hz": 20.0, **parameters}
        overrides = [Parameter(name, value=value) for name, value in settings.items()]
        try:
            camera = SimCamera(context=self.context, namespace=self.namespace, parameter_overrides=overrides)
        except Exception as error:
            self._error = error
            return
        finally:
            self._ready.set()
        executor = SingleThreadedExecutor(context=self.context)
        executor.add_node(camera)
        while not self._stop.is_set():
            executor.spin_once(timeout_sec=0.05)
        camera.close()

    def until(self, condition, timeout_s=20.0):
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, {topic: len(kept) for topic, kept in self.got.items()}
            self.executor.spin_once(timeout_sec=0.1)

    def next_scene(self):
        client = self.node.create_client(Trigger, "sim_camera/next_scene")
        assert client.wait_for_service(10)
        future = client.call_async(Trigger.Request())
        self.until(future.done)
        return future.result()

    def close(self):
        self._stop.set()
        self._camera.join()
        if hasattr(self, "node"):
            self.node.destroy_node()


@pytest.fixture
def watch():
    context = rclpy.Context()
    rclpy.init(context=context)
    watchers = []

    def start(**parameters):
        watchers.append(Watcher(context, **parameters))
        return watchers[-1]

    yield start
    for watcher in watchers:
        watcher.close()
    context.try_shutdown()


def test_colour_depth_and_calibration_share_a_header_and_a_size(watch):
    seen = watch()
    seen.until(lambda: all(seen.got.values()) and len(seen.got["image"]) > 3)
    stamps = {topic: {str(m.header.stamp) for m in seen.got[topic]} for topic in list(TOPICS)[:4]}
    assert len(stamps["image"]) == len(seen.got["image"])
    assert stamps["image"] & stamps["depth/image"] & stamps["camera_info"] & stamps["depth/camera_info"]
    for topic in ("image", "camera_info", "depth/image", "depth/camera_info"):
        message = seen.got[topic][-1]
        assert (message.width, message.height) == (160, 120)
        assert message.header.frame_id == "camera_color_optical_frame"
    assert image_to_rgb(seen.got["image"][-1]).std() > 5


def test_objects_lifted_from_the_topics_are_where_the_truth_has_them(watch):
    seen = watch(width=320, height=240)
    buffer = make_transform_buffer(seen.node)
    seen.until(lambda: all(seen.got.values()))
    image, depth = seen.got["image"][-1], depth_to_metres(seen.got["depth/image"][-1])
    camera = camera_from_ros(seen.got["camera_info"][-1])
    truth = json.loads(seen.got["sim_camera/truth"][-1].data)
    ids = np.array(seen.got["sim_camera/truth_ids"][-1].data, np.uint8).reshape(240, 320)
    T_world_camera = buffer.lookup("world", image.header.frame_id, Time.from_msg(image.header.stamp), 5.0)
    buffer.close()
    errors_m = []
    for thing in truth["objects"]:
        if thing["visible_px"] < 100:
            continue
        x0, y0, x1, y1 = thing["box_xyxy_px"]
        found = lift_region((x0, y0, ids[y0:y1, x0:x1] == thing["id"]), depth, camera).transformed(T_world_camera)
        errors_m.append(np.linalg.norm(found.position_m - thing["position_m"]))
    assert len(errors_m) >= 3
    assert np.median(errors_m) < 0.02


def test_depth_in_millimetres_and_in_metres_is_the_same_depth(watch):
    metres, millimetres = watch(), watch(namespace="right", depth_encoding="16UC1")
    metres.until(lambda: metres.got["depth/image"])
    millimetres.until(lambda: millimetres.got["depth/image"])
    exact, rounded = metres.got["depth/image"][0], millimetres.got["depth/image"][0]
    assert (exact.encoding, rounded.encoding) == ("32FC1", "16UC1")
    assert np.nanmax(np.abs(depth_to_metres(exact) - depth_to_metres(rounded))) <= 0.00051


def test_another_scene_brings_new_pixels_a_new_pose_and_a_new_truth(watch):
    seen = watch()
    seen.until(lambda: all(seen.got.values()))
    before = image_to_rgb(seen.got["image"][-1]).copy()
    response = seen.next_scene()
    assert response.success and response.message == "scene 1"
    seen.until(lambda: len(seen.got["sim_camera/truth"]) == 2)
    truth = json.loads(seen.got["sim_camera/truth"][-1].data)
    assert truth["scene"] == 1
    start = (truth["from_stamp"]["sec"], truth["from_stamp"]["nanosec"])

    def newer():
        return [m for m in seen.got["image"] if (m.header.stamp.sec, m.header.stamp.nanosec) >= start]

    seen.until(newer)
    assert np.abs(image_to_rgb(newer()[0]).astype(int) - before).mean() > 2


def test_the_same_seed_shows_the_same_table_and_another_seed_another(watch):
    texts = []
    for seed in (5, 5, 6):
        seen = watch(seed=seed)
        seen.until(lambda seen=seen: seen.got["sim_camera/truth"])
        truth = json.loads(seen.got["sim_camera/truth"][0].data)
        texts.append(json.dumps([truth["objects"], truth["questions"]]))
        seen.close()
    assert texts[0] == texts[1] != texts[2]


def test_noise_changes_from_frame_to_frame_and_leaves_holes(watch):
    seen = watch(depth_noise=0.003, image_noise=4.0)
    seen.until(lambda: len(seen.got["depth/image"]) > 2 and len(seen.got["image"]) > 2)
    first, second = (depth_to_metres(message) for message in seen.got["depth/image"][:2])
    both = np.isfinite(first) & np.isfinite(second)
    assert 0.0005 < np.std((first - second)[both]) < 0.1
    assert 0 < np.isnan(first).mean() < 0.2
    colours = [image_to_rgb(message).astype(int) for message in seen.got["image"][:2]]
    assert 2 < np.abs(colours[0] - colours[1]).mean() < 10


def test_questions_have_targets_that_are_in_the_truth(watch):
    seen = watch(questions=20)
    seen.until(lambda: seen.got["sim_camera/truth"])
    truth = json.loads(seen.got["sim_camera/truth"][0].data)
    ids = {thing["id"] for thing in truth["objects"]}
    assert len(truth["questions"]) == 20
    for question in truth["questions"]:
        assert set(question["target_ids"]) <= ids
        assert question["present"] == bool(question["target_ids"])


@pytest.mark.parametrize("wrong", [{"depth_encoding": "8UC1"}, {"rate_hz": 0.0}, {"width": 3}])
def test_a_wrong_parameter_stops_the_node_with_its_name(watch, wrong):
    with pytest.raises(Exception, match=next(iter(wrong))):
        watch(**wrong)


def test_two_signals_in_a_row_end_the_camera_cleanly(tmp_path):
    with Processes(tmp_path) as processes:
        child = processes.start_node(sim_camera("signals", width=64, height=48))
        ends_s = time.monotonic() + 60.0
        while "scene 0" not in child.log.read_text():
            assert time.monotonic() < ends_s and child.process.poll() is None
            time.sleep(0.05)
        for _ in range(2):
            child.process.send_signal(signal.SIGINT)
            time.sleep(0.02)
        assert child.process.wait(timeout=60.0) == 0
        assert "Traceback" not in child.log.read_text()
