"""What the node found for one request, before it becomes messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from std_msgs.msg import Header

from viper_ros.msg import Status
from viper_ros.perception.projection import RegionPosition
from viper_ros.ros.requests import Request

if TYPE_CHECKING:
    import numpy as np
    from sensor_msgs.msg import CameraInfo

    from viper_ros.perception import Grounding


@dataclass(frozen=True, eq=False)
class Place:
    """Where one region is: `position` in `frame_id`, or None.

    `message` says why there is none, or why it is not in the frame that was asked for. `stride_px` >= 1 is how many
    pixels of the source image a pixel of the depth image covers along each side.
    """

    position: RegionPosition | None
    frame_id: str = ""
    message: str = ""
    stride_px: float = 1.0


@dataclass(frozen=True, eq=False)
class Result:
    """The outcome of one request.

    Without an image (`grounding` None) only `request` and `status` mean something. `rgb` (H, W, 3) uint8 is the source
    image, `places` has one entry per region of `grounding` (empty: 3D was not asked for). `inference_time_ms` is the
    model's time that this request cost: without the encoding where another request on the same image had paid for it.
    `trace` belongs to an INTERNAL fault.
    """

    request: Request
    status: Status
    header: Header
    grounding: Grounding | None = None
    rgb: np.ndarray | None = None
    places: tuple[Place, ...] = ()
    camera_info: CameraInfo | None = None
    image_age_s: float = 0.0
    inference_time_ms: float = 0.0
    model: str = ""
    trace: str = ""

    @property
    def best_place(self) -> Place | None:
        """The best region's position, where the thing is present and has one."""
        found = self.grounding is not None and self.grounding.present and self.places
        return self.places[0] if found and self.places[0].position is not None else None


def refused(request: Request, status: Status) -> Result:
    """A result that only says why there is none."""
    return Result(request=request, status=status, header=Header())
