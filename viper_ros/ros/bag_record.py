"""Records what the viper node listens to from live topics into a bag.

    recorder = Recorder(Path("table"), frames=10, namespace="left")
    counts = recorder.record()

Topics are named as the viper node names them, relative to the recorder's namespace and open to remapping.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rosbags.interfaces import Connection
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.rosbag2.errors import WriterError

from viper_ros.ros.bag import BagError, bag_qos, message_class, request_for, typestore_of
from viper_ros.ros.qos import SubscriptionEventCallbacks

INPUT_TYPES = {
    "image": "sensor_msgs/msg/Image",
    "camera_info": "sensor_msgs/msg/CameraInfo",
    "depth/image": "sensor_msgs/msg/Image",
    "depth/camera_info": "sensor_msgs/msg/CameraInfo",
    "instruction": "std_msgs/msg/String",
    "/tf": "tf2_msgs/msg/TFMessage",
    "/tf_static": "tf2_msgs/msg/TFMessage",
}
"""What the viper node listens to, by the names it uses."""

FORMAT_VERSION = 8
"""Of metadata.yaml: it has QoS as text, which Humble reads as well; version 9 has a list there."""

GRACE_S = 0.5
"""After the last of `frames` images, what belongs to it (depth, calibration, transforms) may come so much later [s]."""


@dataclass(eq=False)
class Stream:
    """One topic while it is recorded."""

    name: str
    type_name: str
    offers: Sequence[QoSProfile]
    connection: Connection | None = None
    count: int = 0
    lost: int = 0


class Recorder(Node):
    """Writes every message of its topics into a new bag, with the time of reception by the node's clock."""

    def __init__(
        self,
        out: Path,
        *,
        seconds: float | None = None,
        frames: int | None = None,
        wait_s: float = 30.0,
        more_topics: Sequence[str] = (),
        compressed: bool = False,
        storage: str = "mcap",
        **node_arguments: object,
    ) -> None:
        """Prepare to record into the folder `out`, which must not exist yet.

        It ends after `seconds` from the first image, or after `frames` images, whichever comes first; both None: when
        it is told to. `wait_s`: how long the first image may take to come. `more_topics` are recorded as well, of
        whatever type they have. `compressed`: `image/compressed` in place of `image`. `storage`: mcap or sqlite3.
        Raises BagError.
        """
        if out.exists():
            raise BagError(f"{out} exists already: name a folder that does not")
        if (seconds is not None and seconds <= 0) or (frames is not None and frames < 1):
            raise BagError(f"seconds and frames must be positive, got {seconds} and {frames}")
        super().__init__("bag_recorder", **{"start_parameter_services": False, **node_arguments})
        self._out, self._storage = out, StoragePlugin[storage.upper()]
        self._seconds, self._frames, self._wait_s = seconds, frames, wait_s
        self._image = f"{self.resolve_topic_name('image')}/compressed" if compressed else "image"
        self._wanted = {**INPUT_TYPES, **{name: None for name in more_topics if name not in INPUT_TYPES}}
        if compressed:
            del self._wanted["image"]
            self._wanted[self._image] = "sensor_msgs/msg/CompressedImage"
        self.streams: dict[str, Stream] = {}
        self._writer: Writer | None = None
        self._first_image_s: float | None = None
        self._last_image_s: float | None = None

    def record(self, is_stopped: Callable[[], bool] = lambda: False) -> None:
        """Record until the end or until `is_stopped()`; the bag is complete on return.

        Raises BagError when there were no messages, no image came in time, or the bag cannot be written; what has been
        recorded until then is kept.
        """
        executor = SingleThreadedExecutor(context=self.context)
        executor.add_node(self)
        started_s = time.monotonic()
        try:
            with _writable(self._out):
                while not (self._is_complete() or is_stopped()):
                    self._subscribe_to_new_topics()
                    executor.spin_once(timeout_sec=0.05)
                    if self._first_image_s is None and time.monotonic() - started_s > self._wait_s:
                        raise BagError(self._why_no_image())
        finally:
            executor.shutdown(timeout_sec=2.0)
            with _writable(self._out):
                self._finish()
        if not any(stream.count for stream in self.streams.values()):
            raise BagError(f"nothing was recorded: no messages came on {', '.join(map(self._full_name, self._wanted))}")

    def _is_complete(self) -> bool:
        now_s = time.monotonic()
        if self._seconds is not None and self._first_image_s is not None:
            if now_s - self._first_image_s >= self._seconds:
                return True
        return self._last_image_s is not None and now_s - self._last_image_s >= GRACE_S

    def _subscribe_to_new_topics(self) -> None:
        """Subscribe to what is published by now: only then are its type and QoS known."""
        if self.get_clock().now().nanoseconds == 0:
            return  # sim time that has not begun: the messages would have no time
        for name in [name for name in self._wanted if name not in self.streams]:
            found = self.get_publishers_info_by_topic(name)
            if found:
                self._subscribe(name, sorted({info.topic_type for info in found}), [info.qos_profile for info in found])

    def _subscribe(self, name: str, kinds: list[str], offers: list[QoSProfile]) -> None:
        expected = self._wanted[name]
        if len(kinds) > 1 or expected not in (None, kinds[0]):
            raise BagError(
                f"topic {self._full_name(name)} is published as {' and '.join(kinds)}, expected "
                f"{expected or 'one type'}: remap {name} to the right topic"
            )
        stream = self.streams[name] = Stream(self._full_name(name), kinds[0], offers)
        typestore_of(stream.type_name)  # raises for what is not installed, before anything is recorded of it

        def count_lost(event: object) -> None:
            stream.lost += event.total_count_change

        self.create_subscription(
            message_class(stream.type_name),
            name,
            lambda data: self._write(stream, data, is_image=name == self._image),
            request_for(offers),
            event_callbacks=SubscriptionEventCallbacks(message_lost=count_lost),
            raw=True,
        )

    def _write(self, stream: Stream, data: bytes, is_image: bool) -> None:
        if is_image and self._last_image_s is not None:
            return
        if self._writer is None:
            writer = Writer(self._out, version=FORMAT_VERSION, storage_plugin=self._storage)
            writer.open()
            self._writer = writer
        if stream.connection is None:
            stream.connection = self._writer.add_connection(
                stream.name,
                stream.type_name,
                typestore=typestore_of(stream.type_name),
                offered_qos_profiles=[bag_qos(offer) for offer in stream.offers],
            )
        self._writer.write(stream.connection, self.get_clock().now().nanoseconds, data)
        stream.count += 1
        if is_image:
            self._first_image_s = self._first_image_s or time.monotonic()
            if stream.count == self._frames:
                self._last_image_s = time.monotonic()

    def _finish(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()

    def _full_name(self, name: str) -> str:
        return self.resolve_topic_name(name)

    def _why_no_image(self) -> str:
        topic = self._full_name(self._image)
        came = "it has a publisher and sends nothing" if self._image in self.streams else "nobody publishes it"
        if self.get_clock().now().nanoseconds == 0:
            return f"sim time did not begin within {self._wait_s:.1f} s: publish /clock, or record in the time of day"
        return f"no image came on {topic} within {self._wait_s:.1f} s, {came}: start the camera or remap image"


@contextmanager
def _writable(out: Path) -> Iterator[None]:
    """What the disk or the writer refuses, as one BagError."""
    try:
        yield
    except (OSError, WriterError) as error:
        raise BagError(f"{out} cannot be written: {error}") from error
