"""From regions in an image to places: picks the depth, checks that it is registered to colour, transforms by TF.

A failure here never costs the 2D result: it comes back as places without position and a status that says why.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo

from viper_ros.msg import Status
from viper_ros.perception import Grounding
from viper_ros.perception.camera import CameraModel
from viper_ros.perception.projection import NotEnoughDepth, lift_found
from viper_ros.perception.regions import Region
from viper_ros.ros.conversions import camera_from_ros
from viper_ros.ros.frames import Frame
from viper_ros.ros.images import ConversionError, depth_to_metres
from viper_ros.ros.parameters import Settings
from viper_ros.ros.results import Place
from viper_ros.ros.transforms import TransformBuffer, TransformUnavailable

SAME_CAMERA_TOLERANCE = 0.02
"""Up to this relative difference of focal lengths, and shift of the centre over the width, two cameras are one."""


class NoDepth(ValueError):
    """3D is impossible for this frame; the text says what is missing and what to do."""


@dataclass(frozen=True, eq=False)
class Lifted:
    """Places of all regions, best first, and the status of the best one (OK, NO_DEPTH or TF_UNAVAILABLE)."""

    places: tuple[Place, ...]
    status: Status


def lift_regions(
    found: Grounding, frame: Frame, target_frame: str, settings: Settings, transforms: TransformBuffer
) -> Lifted:
    """Positions of the regions of `found` in `target_frame` ("": the camera's optical frame) at the image's stamp."""
    try:
        camera = camera_of(frame, found.image_size, settings.image_is_rectified)
        depth_m = registered_depth(frame, camera, settings)
    except (NoDepth, ConversionError) as error:
        places = tuple(Place(None, message=str(error)) for _ in found.regions)
        return Lifted(places, Status(code=Status.NO_DEPTH, message=str(error)))
    heatmap = found.heatmap()
    places = [_place(region, heatmap, depth_m, camera, frame.header.frame_id) for region in found.regions]
    status = _status_of(places)
    if target_frame and target_frame != frame.header.frame_id and any(place.position for place in places):
        try:
            T = _lookup(transforms, target_frame, frame, settings.tf_timeout)
            places = [_moved(place, T, target_frame) for place in places]
        except TransformUnavailable as error:
            told = f"position stayed in {frame.header.frame_id!r}: {error}"
            places = [replace(p, message=told) if p.position else p for p in places]
            if status.code == Status.OK:
                status = Status(code=Status.TF_UNAVAILABLE, message=told)
    return Lifted(tuple(places), status)


def camera_of(frame: Frame, image_size: tuple[int, int], rectified: bool) -> CameraModel:
    """The camera that took the frame. Raises NoDepth or ConversionError when there is none that fits."""
    if frame.camera_info is None:
        raise NoDepth("no camera_info has arrived: remap `camera_info` to the colour camera's topic")
    camera = camera_from_ros(frame.camera_info, rectified)
    if (camera.width, camera.height) != tuple(image_size):
        raise NoDepth(
            f"camera_info is for {camera.width}x{camera.height} pixels, the image has {image_size[0]}x{image_size[1]}: "
            f"remap `camera_info` to the topic beside `image`"
        )
    return camera


def registered_depth(frame: Frame, camera: CameraModel, settings: Settings) -> np.ndarray:
    """The depth image (h, w) float32 [m] that belongs to the frame and covers its view. Raises NoDepth."""
    depth = frame.depth
    if depth is None:
        raise NoDepth(_why_no_depth(frame, settings.sync_slop))
    if depth.header.frame_id != frame.header.frame_id:
        raise NoDepth(
            f"depth is in frame {depth.header.frame_id!r}, the image in {frame.header.frame_id!r}: remap `depth/image` "
            f"to depth that is registered to colour (aligned_depth_to_color, depth_registered)"
        )
    metres = depth_to_metres(depth)
    try:
        expected = camera.scaled(metres.shape[1], metres.shape[0])
    except ValueError as error:
        raise NoDepth(str(error)) from error
    if frame.depth_info is not None and not _same_camera(frame.depth_info, expected, settings.image_is_rectified):
        raise NoDepth(
            "depth/camera_info differs from camera_info: depth is not registered to colour; "
            "remap `depth/image` and `depth/camera_info` to the registered topics"
        )
    return metres


def _why_no_depth(frame: Frame, slop_s: float) -> str:
    if frame.depth_gap_s is None:
        return "no depth image has arrived: remap `depth/image` to depth registered to colour, or do not ask for 3D"
    return (
        f"the depth image nearest in time is {frame.depth_gap_s:.3f} s away, at most {slop_s:.3f} s makes a pair: "
        f"synchronise the cameras or raise sync_slop"
    )


def _same_camera(depth_info: CameraInfo, expected: CameraModel, rectified: bool) -> bool:
    try:
        found = camera_from_ros(depth_info, rectified)
    except ConversionError:
        return True  # an uncalibrated depth camera_info says nothing against
    if (found.width, found.height) != (expected.width, expected.height):
        return False
    scale = np.diag([1 / expected.K[0, 0], 1 / expected.K[1, 1]])
    focal = np.abs(scale @ (found.K - expected.K)[:2, :2]).max()
    centre = np.abs((found.K - expected.K)[:2, 2]).max() / expected.width
    return max(focal, centre) <= SAME_CAMERA_TOLERANCE


def _place(region: Region, heatmap: np.ndarray, depth_m: np.ndarray, camera: CameraModel, frame_id: str) -> Place:
    try:
        position = lift_found(region, heatmap, depth_m, camera)
        return Place(position, frame_id, stride_px=max(1.0, camera.width / depth_m.shape[1]))
    except NotEnoughDepth as error:
        return Place(None, message=str(error))


def _status_of(places: list[Place]) -> Status:
    if places and places[0].position is None:
        return Status(code=Status.NO_DEPTH, message=places[0].message)
    return Status(code=Status.OK)


def _lookup(transforms: TransformBuffer, target_frame: str, frame: Frame, timeout_s: float) -> np.ndarray:
    return transforms.lookup(target_frame, frame.header.frame_id, Time.from_msg(frame.header.stamp), timeout_s)


def _moved(place: Place, T_target_camera: np.ndarray, target_frame: str) -> Place:
    if place.position is None:
        return place
    return replace(place, position=place.position.transformed(T_target_camera), frame_id=target_frame)
