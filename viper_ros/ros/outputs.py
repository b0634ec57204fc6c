"""The node's outputs: every topic of the contract, each made only when somebody listens."""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import copy

from geometry_msgs.msg import PoseStamped
from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import Header, String
from visualization_msgs.msg import MarkerArray

from viper_ros.msg import Grounding
from viper_ros.perception.overlay import draw_grounding
from viper_ros.ros import detections
from viper_ros.ros.clouds import points_to_ros
from viper_ros.ros.conversions import place_to_pose_stamped, result_to_ros
from viper_ros.ros.frames import StreamCounter
from viper_ros.ros.images import array_to_image
from viper_ros.ros.qos import publisher_events
from viper_ros.ros.results import Result
from viper_ros.ros.visualization import markers

QOS = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
"""Serves reliable and best-effort subscribers; depth 1 lets no queue of pictures grow."""


def _overlay(result: Result) -> Image:
    return array_to_image(draw_grounding(result.rgb, result.grounding), "rgb8", result.header)


def _heatmap(result: Result) -> Image:
    return array_to_image(result.grounding.heatmap(), "32FC1", result.header)


def _answer(result: Result) -> String | None:
    return String(data=result.grounding.answer) if result.grounding.answer is not None else None


def _target_pose(result: Result) -> PoseStamped | None:
    place = result.best_place
    return place_to_pose_stamped(place, result.header) if place else None


def _region_points(result: Result) -> PointCloud2 | None:
    place = result.best_place
    if place is None:
        return None
    header = Header(stamp=result.header.stamp, frame_id=place.frame_id)
    return points_to_ros(place, result.grounding.regions[0], result.grounding.heatmap(), header)


def _camera_info(result: Result) -> CameraInfo | None:
    """The calibration under the header of the very image, also where the driver sent the two with different stamps."""
    if result.camera_info is None:
        return None
    info = copy(result.camera_info)
    info.header = result.header
    return info


OUTPUTS: dict[str, tuple[type, Callable[[Result], object | None]]] = {
    "grounding": (Grounding, result_to_ros),
    "answer": (String, _answer),
    "heatmap": (Image, _heatmap),
    "overlay": (Image, _overlay),
    "camera_info": (CameraInfo, _camera_info),
    "target_pose": (PoseStamped, _target_pose),
    "markers": (MarkerArray, markers),
    "region_points": (PointCloud2, _region_points),
}
"""Topic below the node's name -> type and how a result becomes a message (None: this result has none)."""

if detections.HAS_VISION_MSGS:
    OUTPUTS["detections_2d"] = (detections.Detection2DArray, detections.detections_2d)
    OUTPUTS["detections_3d"] = (detections.Detection3DArray, detections.detections_3d)


class Outputs:
    """The publishers of OUTPUTS on `node`."""

    def __init__(self, node: Node, group: CallbackGroup, on_incompatible: Callable[[str, str], None]) -> None:
        """`on_incompatible(topic, policy)` is told of subscribers that cannot be served."""
        self._node = node
        self._publishers = {}
        for name, (kind, _) in OUTPUTS.items():
            topic = f"~/{name}"
            events = publisher_events(node.resolve_topic_name(topic), on_incompatible)
            self._publishers[name] = node.create_publisher(
                kind, topic, QOS, callback_group=group, event_callbacks=events
            )
        self.published = StreamCounter()

    def publish(self, result: Result) -> None:
        """Publish what somebody subscribes to; a failure goes out as `~/grounding` with its status alone."""
        self.published.tick(time.monotonic())
        for name, publisher in self._publishers.items():
            made = result.grounding is not None or name == "grounding"
            if made and publisher.get_subscription_count() > 0:
                message = OUTPUTS[name][1](result)
                if message is not None:
                    publisher.publish(message)

    def destroy(self) -> None:
        """Take the topics back."""
        for publisher in self._publishers.values():
            self._node.destroy_publisher(publisher)
        self._publishers.clear()
