"""Transforms between frames from /tf and /tf_static: through tf2_ros where it is installed, else a buffer of our own.

    buffer = make_transform_buffer(node)
    T = buffer.lookup("base_link", image.header.frame_id, Time.from_msg(image.header.stamp), timeout_s=0.1)

Both listen on a node and a thread of their own: a callback that waits for a transform never waits for itself.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Protocol

import numpy as np
import rclpy
from geometry_msgs.msg import TransformStamped
from rclpy.duration import Duration
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.time import Time
from tf2_msgs.msg import TFMessage
from transforms3d import quaternions

from viper_ros.ros.stamps import on_jump_back
from viper_ros.ros.transform_tree import TransformTree, TransformUnavailable

try:
    import tf2_ros
except ImportError:
    tf2_ros = None

__all__ = [
    "OwnTransformBuffer",
    "StaticBroadcaster",
    "Tf2TransformBuffer",
    "TransformBroadcaster",
    "TransformBuffer",
    "TransformUnavailable",
    "make_transform_buffer",
    "transform_stamped",
]

TF_QOS = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
TF_STATIC_QOS = QoSProfile(
    depth=100, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)


class TransformBuffer(Protocol):
    """What the nodes see of TF. Safe to call from any thread."""

    def lookup(self, target_frame: str, source_frame: str, stamp: Time, timeout_s: float = 0.0) -> np.ndarray:
        """T_target_source (4, 4) float64, which takes points of the source frame to the target frame.

        At `stamp`; a zero stamp means the newest time at which all of the chain is known. Waits up to `timeout_s` of
        wall time for it to become known. Raises TransformUnavailable with the frames and times in its text.
        """
        ...

    def close(self) -> None:
        """Stop listening."""
        ...


def make_transform_buffer(node: Node) -> TransformBuffer:
    """The buffer that fits this machine, listening where `node` would: remapping of /tf holds. Close it when done."""
    return OwnTransformBuffer(node) if tf2_ros is None else Tf2TransformBuffer(node)


class OwnTransformBuffer:
    """A buffer on `TransformTree`."""

    def __init__(self, node: Node) -> None:
        """Listen to /tf and /tf_static."""
        self._tree = TransformTree()
        self._log = node.get_logger().get_child("tf")
        self._side = _SideNode(node)
        self._side.node.create_subscription(TFMessage, "/tf", self._insert, TF_QOS)
        self._side.node.create_subscription(TFMessage, "/tf_static", self._insert_static, TF_STATIC_QOS)
        self._jump = on_jump_back(node, self._tree.clear_moving)
        self._side.start()

    def lookup(self, target_frame: str, source_frame: str, stamp: Time, timeout_s: float = 0.0) -> np.ndarray:
        """See TransformBuffer."""
        return self._tree.lookup(target_frame, source_frame, stamp.nanoseconds, timeout_s)

    def close(self) -> None:
        """Stop listening."""
        self._jump.unregister()
        self._side.close()

    def _insert(self, message: TFMessage, is_static: bool = False) -> None:
        for entry in message.transforms:
            move, turn = entry.transform.translation, entry.transform.rotation
            try:
                self._tree.insert(
                    entry.header.frame_id,
                    entry.child_frame_id,
                    Time.from_msg(entry.header.stamp).nanoseconds,
                    np.array([move.x, move.y, move.z]),
                    np.array([turn.w, turn.x, turn.y, turn.z]),
                    is_static,
                )
            except ValueError as fault:
                self._log.warning(f"ignored: {fault}", throttle_duration_sec=10.0)

    def _insert_static(self, message: TFMessage) -> None:
        self._insert(message, is_static=True)


class Tf2TransformBuffer:
    """tf2_ros's buffer behind the same interface."""

    def __init__(self, node: Node) -> None:
        """Listen to /tf and /tf_static."""
        self._side = _SideNode(node)
        self._buffer = tf2_ros.Buffer()
        self._listener = tf2_ros.TransformListener(self._buffer, self._side.node)
        self._jump = on_jump_back(node, self._buffer.clear)
        self._side.start()

    def lookup(self, target_frame: str, source_frame: str, stamp: Time, timeout_s: float = 0.0) -> np.ndarray:
        """See TransformBuffer."""
        timeout = Duration(nanoseconds=int(timeout_s * 1e9))
        try:
            found = self._buffer.lookup_transform(target_frame.lstrip("/"), source_frame.lstrip("/"), stamp, timeout)
        except tf2_ros.TransformException as error:
            raise TransformUnavailable(
                f"no transform from {source_frame!r} to {target_frame!r} at {stamp.nanoseconds / 1e9:.3f} s: {error}"
            ) from error
        move, turn = found.transform.translation, found.transform.rotation
        T = np.eye(4)
        T[:3, :3] = quaternions.quat2mat([turn.w, turn.x, turn.y, turn.z])
        T[:3, 3] = move.x, move.y, move.z
        return T

    def close(self) -> None:
        """Stop listening."""
        self._jump.unregister()
        self._side.close()


class _SideNode:
    """A node beside the user's one, spun by a thread of its own; /tf is what it is for the user's node."""

    def __init__(self, node: Node) -> None:
        rules = [f"{topic}:={node.resolve_topic_name(topic)}" for topic in ("/tf", "/tf_static")]
        self.node = rclpy.create_node(
            f"{node.get_name()}_tf",
            namespace=node.get_namespace(),
            context=node.context,
            cli_args=["--ros-args", *(part for rule in rules for part in ("-r", rule))],
            use_global_arguments=False,
            start_parameter_services=False,
            enable_rosout=False,
        )
        self._executor = SingleThreadedExecutor(context=node.context)
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._spin, name="tf", daemon=True)

    def start(self) -> None:
        """Begin to serve the subscriptions."""
        self._thread.start()

    def close(self) -> None:
        """Stop the thread and destroy the node."""
        self._executor.shutdown(timeout_sec=2.0)
        self._thread.join(timeout=2.0)
        self.node.destroy_node()

    def _spin(self) -> None:
        try:
            self._executor.spin()
        except (ExternalShutdownException, rclpy.executors.ShutdownException):
            pass


def transform_stamped(parent: str, child: str, T_parent_child: np.ndarray, stamp: Time) -> TransformStamped:
    """A (4, 4) pose of `child` in `parent` as a message."""
    message = TransformStamped(child_frame_id=child)
    message.header.frame_id = parent
    message.header.stamp = stamp.to_msg()
    move, turn = message.transform.translation, message.transform.rotation
    move.x, move.y, move.z = map(float, T_parent_child[:3, 3])
    turn.w, turn.x, turn.y, turn.z = map(float, quaternions.mat2quat(T_parent_child[:3, :3]))
    return message


class TransformBroadcaster:
    """Publishes moving frames on /tf."""

    topic, qos = "/tf", TF_QOS

    def __init__(self, node: Node) -> None:
        """Advertise the topic on `node`."""
        self._publisher = node.create_publisher(TFMessage, self.topic, self.qos)

    def send(self, transforms: Iterable[TransformStamped]) -> None:
        """Publish the transforms."""
        self._publisher.publish(TFMessage(transforms=list(transforms)))


class StaticBroadcaster(TransformBroadcaster):
    """Publishes frames that do not move on /tf_static, for those who come later as well.

    Only the newest message of a publisher is kept for late comers, so send all the node's static frames at once.
    """

    topic = "/tf_static"
    qos = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
