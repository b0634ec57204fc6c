"""What the planner's process shows and hears over DDS: a camera over the physics, and the node's picture and points.

Relative names: it publishes `image`, `camera_info`, `depth/image`, `depth/camera_info` and the
camera's pose in /tf_static; it listens to `viper/overlay` and `viper/region_points`.
"""

from __future__ import annotations

import threading
import time

import numpy as np
from builtin_interfaces.msg import Time
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import Header

from viper_ros.perception.camera import CameraModel
from viper_ros.ros.client import ViperError
from viper_ros.ros.conversions import camera_to_ros
from viper_ros.ros.images import array_to_image
from viper_ros.ros.spinning import spin_on
from viper_ros.ros.transforms import StaticBroadcaster, transform_stamped
from viper_ros.sim import Frame
from viper_ros.sim.depth_noise import noisy_depth

RATE_HZ = 10.0
LISTENERS_TIMEOUT_S = 10.0
WARM_UP_S = 0.3
"""A few images go out before the one that is asked about, so that its pose and its depth have come before it."""
WORLD, OPTICAL = "world", "camera_color_optical_frame"
QOS = QoSProfile(depth=2, reliability=ReliabilityPolicy.RELIABLE)

Shown = tuple[Image, Image, CameraInfo]


class PickCamera:
    """Publishes the newest frame it was given, from a thread of its own. Use it as a context manager."""

    def __init__(self, depth_noise_m: float) -> None:
        """`depth_noise_m` is the standard deviation of depth at 1 m."""
        self._node = Node("pick_camera")
        self._noise_m, self._rng = depth_noise_m, np.random.default_rng(0)
        self._publishers = [
            self._node.create_publisher(kind, topic, QOS)
            for kind, topic in (
                (CameraInfo, "camera_info"),
                (CameraInfo, "depth/camera_info"),
                (Image, "depth/image"),
                (Image, "image"),
            )
        ]
        self._tf = StaticBroadcaster(self._node)
        self._shown: Shown | None = None
        self._heard: dict[type, Image | PointCloud2] = {}
        self._node.create_subscription(Image, "viper/overlay", self._hear, 5)
        self._node.create_subscription(PointCloud2, "viper/region_points", self._hear, 5)
        self._node.create_timer(1.0 / RATE_HZ, self._publish)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=spin_on, args=(self._executor, self._node), daemon=True)
        self._thread.start()

    @property
    def viper_name(self) -> str:
        """Full name of the viper node that looks through this camera."""
        return self._node.get_namespace().rstrip("/") + "/viper"

    def __enter__(self) -> PickCamera:
        """The camera itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop publishing."""
        self._executor.shutdown(timeout_sec=2.0)
        self._thread.join(timeout=2.0)
        self._node.destroy_node()

    def show(self, frame: Frame) -> Time:
        """From now on publish `frame`; images with the stamp that is returned, or a later one, show it.

        Raises ViperError when the node does not listen to all of the topics: an answer to its first image would lack
        the depth that it has not discovered yet.
        """
        self._shown = None
        self._wait_for_listeners()
        self._tf.send([transform_stamped(WORLD, OPTICAL, frame.T_world_camera, self._node.get_clock().now())])
        height, width = frame.depth_m.shape
        header = Header(frame_id=OPTICAL)
        depth_m = noisy_depth(frame.depth_m, self._rng, self._noise_m)
        depth_m = np.where(depth_m > 0, depth_m, np.float32(np.nan))
        info = camera_to_ros(CameraModel(width, height, frame.K), header)
        self._shown = (array_to_image(frame.rgb, "rgb8", header), array_to_image(depth_m, "32FC1", header), info)
        time.sleep(WARM_UP_S)
        return self._node.get_clock().now().to_msg()

    def heard(self, kind: type, stamp: Time, timeout_s: float) -> Image | PointCloud2 | None:
        """The overlay (kind Image) or the region's points (PointCloud2) of the image with this stamp; None: neither."""
        ends_s = time.monotonic() + timeout_s
        while time.monotonic() < ends_s:
            message = self._heard.get(kind)
            if message is not None and message.header.stamp == stamp:
                return message
            time.sleep(0.01)
        return None

    def _wait_for_listeners(self) -> None:
        ends_s = time.monotonic() + LISTENERS_TIMEOUT_S
        while deaf := [one.topic_name for one in self._publishers if not one.get_subscription_count()]:
            if time.monotonic() > ends_s:
                raise ViperError(
                    f"nobody listens to {', '.join(deaf)} after {LISTENERS_TIMEOUT_S:.0f} s: is the viper node in this "
                    f"namespace, with image_transport raw?"
                )
            time.sleep(0.05)

    def _hear(self, message: Image | PointCloud2) -> None:
        self._heard[type(message)] = message

    def _publish(self) -> None:
        shown = self._shown
        if shown is None:
            return
        image, depth, info = shown
        header = Header(stamp=self._node.get_clock().now().to_msg(), frame_id=OPTICAL)
        image.header = depth.header = info.header = header
        for publisher, message in zip(self._publishers, (info, info, depth, image), strict=True):
            publisher.publish(message)
