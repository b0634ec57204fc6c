"""The newest frames of one camera: colour paired with depth by stamp, kept as messages until somebody needs them.

Callbacks of the executor put messages in, the worker picks a frame. Nothing here converts or copies an image.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from viper_ros.ros.stamps import stamp_s

COLOUR_KEPT = 4
DEPTH_KEPT = 16
"""Messages kept: depth may arrive before or well after its colour image, which is a large message."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One colour image with what belongs to it. `key` names the image: equal keys mean equal pixels.

    `number` counts the camera's images from 1 (0: the image came inside a request). `taken_s` is the
    image's stamp, or the node's time at arrival where the driver leaves the stamp zero [s].
    """

    key: object
    image: Image | CompressedImage
    taken_s: float
    number: int = 0
    camera_info: CameraInfo | None = None
    depth: Image | None = None
    depth_info: CameraInfo | None = None
    depth_gap_s: float | None = None

    @property
    def from_camera(self) -> bool:
        """Whether the image came by topic, not inside a request."""
        return self.number > 0

    @property
    def header(self) -> Header:
        """The image's own header."""
        return self.image.header


@dataclass
class StreamCounter:
    """Messages of one topic: how many, when the newest came (steady clock), how far apart (moving average)."""

    count: int = 0
    newest_s: float | None = None
    interval_s: float | None = None

    def tick(self, now_s: float) -> None:
        """Count one message that came at `now_s` (steady clock)."""
        if self.newest_s is not None:
            gap = now_s - self.newest_s
            self.interval_s = gap if self.interval_s is None else 0.8 * self.interval_s + 0.2 * gap
        self.newest_s = now_s
        self.count += 1

    def rate_hz(self, now_s: float) -> float:
        """The rate; it falls once messages stay away."""
        if self.interval_s is None or self.newest_s is None:
            return 0.0
        return 1.0 / max(self.interval_s, now_s - self.newest_s, 1e-6)


@dataclass
class FrameBuffer:
    """A thread-safe window on the newest messages of one camera.

    `now_s` is the node's clock; `on_frame` is called after each colour or depth image. `sync_misses` counts colour
    images that left the window before a depth image within `slop_s` came, `zero_stamps` those without a stamp.
    """

    now_s: Callable[[], float]
    slop_s: float
    on_frame: Callable[[], None]
    colour: StreamCounter = field(default_factory=StreamCounter)
    depth: StreamCounter = field(default_factory=StreamCounter)
    zero_stamps: int = 0
    sync_misses: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._frames: deque[Frame] = deque(maxlen=COLOUR_KEPT)
        self._depths: deque[Image] = deque(maxlen=DEPTH_KEPT)
        self._camera_info: CameraInfo | None = None
        self._depth_info: CameraInfo | None = None

    def put_image(self, image: Image | CompressedImage) -> None:
        """Take in a colour image."""
        stamp = stamp_s(image.header.stamp)
        with self._lock:
            self.colour.tick(time.monotonic())
            self.zero_stamps += stamp == 0.0
            number = self.colour.count
            if len(self._frames) == COLOUR_KEPT and self.depth.count:
                self.sync_misses += self._paired(self._frames[0]).depth is None
            self._frames.append(Frame(("camera", id(self), number), image, stamp or self.now_s(), number))
        self.on_frame()

    def put_depth(self, depth: Image) -> None:
        """Take in a depth image."""
        with self._lock:
            self.depth.tick(time.monotonic())
            self._depths.append(depth)
        self.on_frame()

    def put_camera_info(self, info: CameraInfo) -> None:
        """Take in the colour camera's calibration."""
        with self._lock:
            self._camera_info = info

    def put_depth_info(self, info: CameraInfo) -> None:
        """Take in the depth camera's calibration."""
        with self._lock:
            self._depth_info = info

    def frames(self) -> list[Frame]:
        """The frames at hand, newest first by arrival, each with the depth image nearest in time within the slop."""
        with self._lock:
            return [self._paired(frame) for frame in reversed(self._frames)]

    def completed(self, frame: Frame) -> Frame:
        """The frame with what belongs to it at this moment."""
        with self._lock:
            return self._paired(frame)

    def clear(self) -> None:
        """Forget all messages; the counters stay."""
        with self._lock:
            self._camera_info = self._depth_info = None
        self.clear_images()

    def clear_images(self) -> None:
        """Forget images; calibrations, which are of no moment, stay."""
        with self._lock:
            self._frames.clear()
            self._depths.clear()

    def newest(self) -> Frame | None:
        """The newest frame by arrival, or None when no image has come."""
        frames = self.frames()
        return frames[0] if frames else None

    def awaits_depth(self) -> bool:
        """Whether depth images come at all, so that the partner of a colour image may still arrive."""
        with self._lock:
            newest = self.depth.newest_s
            return newest is not None and time.monotonic() - newest < 1.0

    def _paired(self, frame: Frame) -> Frame:
        def gap_s(depth: Image) -> float:
            return abs(stamp_s(depth.header.stamp) - stamp_s(frame.header.stamp))

        depth = min(self._depths, key=gap_s, default=None)
        gap = None if depth is None else gap_s(depth)
        within = gap is not None and gap <= self.slop_s
        return replace(
            frame,
            camera_info=self._camera_info,
            depth=depth if within else None,
            depth_info=self._depth_info,
            depth_gap_s=gap,
        )
