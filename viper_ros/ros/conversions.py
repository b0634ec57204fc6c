"""Results to messages and back, in pairs.

Images are converted in `images.py`, point clouds in `clouds.py`, seconds in `stamps.py`.
A `*_to_ros` function fills a whole message from one value; its `*_from_ros` gives back what a caller of the node works
with, numpy arrays in the units of the message, so that nobody indexes a flat list.
"""

from __future__ import annotations

import math
from array import array

import numpy as np
from geometry_msgs.msg import Point, Point32, Pose, PoseStamped, PoseWithCovariance, Quaternion, Vector3
from sensor_msgs.msg import CameraInfo, RegionOfInterest
from std_msgs.msg import Header

from viper_ros import msg as viper_msgs
from viper_ros.perception.camera import CameraModel
from viper_ros.perception.heatmap import heatmap_from_grid
from viper_ros.perception.letterbox import GridMapping
from viper_ros.perception.regions import Region
from viper_ros.ros.images import ConversionError, array_to_image, image_to_rgb
from viper_ros.ros.results import Place, Result
from viper_ros.ros.stamps import duration_from_s

UNKNOWN_ANGLE_VARIANCE = math.pi**2
"""Variance of each angle of a pose: the orientation of a thing is not estimated [rad^2]."""


def camera_from_ros(info: CameraInfo, rectified: bool = False) -> CameraModel:
    """The camera of the image that `info` was published beside, with its binning and region of interest taken in.

    `rectified`: the image was undistorted (image_rect), so that P describes it and there is no distortion.
    Raises ConversionError when the camera is not calibrated or its model is unknown.
    """
    K = np.array(info.p, float).reshape(3, 4)[:, :3] if rectified else np.array(info.k, float).reshape(3, 3)
    if K[0, 0] == 0.0:
        raise ConversionError(f"camera_info of frame {info.header.frame_id!r} is all zero: calibrate the camera")
    cut, binning = info.roi, np.array([max(info.binning_x, 1), max(info.binning_y, 1)])
    width, height = np.array([cut.width or info.width, cut.height or info.height]) // binning
    centre_px = (K[:2, 2] - (cut.x_offset, cut.y_offset) + 0.5) / binning - 0.5  # (0, 0) is the centre of a pixel
    K[:2] /= binning[:, None]
    K[:2, 2] = centre_px
    try:
        D = np.zeros(0) if rectified else np.array(info.d, float)
        return CameraModel(int(width), int(height), K, D, info.distortion_model or "plumb_bob")
    except ValueError as error:
        raise ConversionError(f"camera_info of frame {info.header.frame_id!r}: {error}") from error


def camera_to_ros(camera: CameraModel, header: Header) -> CameraInfo:
    """The calibration of an unrectified image of `camera` under `header`; P is K with a fourth column of zeros."""
    P = np.zeros((3, 4))
    P[:, :3] = camera.K
    return CameraInfo(
        header=header,
        width=camera.width,
        height=camera.height,
        distortion_model=camera.distortion_model if camera.D.size else "plumb_bob",
        d=[float(value) for value in camera.D] or [0.0] * 5,
        k=camera.K.ravel(),
        r=np.eye(3).ravel(),
        p=P.ravel(),
    )


def relevance_to_ros(relevance: np.ndarray, mapping: GridMapping) -> viper_msgs.RelevanceGrid:
    """Relevance (Gh, Gw) float32 in [0, 1] and where its cells lie in the source image."""
    data = array("f")
    data.frombytes(np.ascontiguousarray(relevance, dtype=np.float32).tobytes())
    return viper_msgs.RelevanceGrid(
        height=relevance.shape[0],
        width=relevance.shape[1],
        offset_x=float(mapping.offset_x),
        offset_y=float(mapping.offset_y),
        cell_width=float(mapping.cell_width),
        cell_height=float(mapping.cell_height),
        data=data,
    )


def relevance_from_ros(grid: viper_msgs.RelevanceGrid) -> tuple[np.ndarray, GridMapping]:
    """(Gh, Gw) float32 relevance and its mapping. Raises ConversionError when the sizes do not fit."""
    if len(grid.data) != grid.height * grid.width:
        raise ConversionError(f"relevance must hold {grid.height}x{grid.width} values, got {len(grid.data)}")
    mapping = GridMapping(grid.offset_x, grid.offset_y, grid.cell_width, grid.cell_height)
    return np.array(grid.data, dtype=np.float32).reshape(grid.height, grid.width), mapping


def heatmap_from_ros(grid: viper_msgs.RelevanceGrid, width: int, height: int) -> np.ndarray:
    """(height, width) float32 relevance at the source image's size, as `~/heatmap` has it."""
    return heatmap_from_grid(*relevance_from_ros(grid), width, height)


def region_to_ros(region: Region, place: Place | None, header: Header) -> viper_msgs.Region:
    """A region with its position where it has one; `place` None: 3D was not asked for."""
    x0, y0, mask = region.mask_window()
    message = viper_msgs.Region(
        roi=RegionOfInterest(x_offset=x0, y_offset=y0, height=mask.shape[0], width=mask.shape[1]),
        box_xyxy_px=np.array(region.box_xyxy_px, dtype=np.float32),
        score=float(region.score),
        centroid_px=Point32(x=float(region.centroid_px[0]), y=float(region.centroid_px[1])),
        mask=array_to_image(np.where(mask, np.uint8(255), np.uint8(0)), "mono8", header),
        position_message="3D was not asked for" if place is None else place.message,
    )
    if place is not None and place.position is not None:
        message.has_position = True
        message.position_header = Header(stamp=header.stamp, frame_id=place.frame_id)
        message.pose = pose_to_ros(place.position.position_m, place.position.covariance_m2)
        message.size = size_to_ros(place.position.size_m)
        message.valid_depth_fraction = float(place.position.valid_fraction)
    return message


def region_from_ros(message: viper_msgs.Region, image_size: tuple[int, int]) -> Region:
    """The 2D part of a region; `image_size` is (width, height) of the source image. Raises ConversionError."""
    return Region(
        box_xyxy_px=tuple(float(edge) for edge in message.box_xyxy_px),
        score=message.score,
        centroid_px=(message.centroid_px.x, message.centroid_px.y),
        window=image_to_rgb(message.mask)[..., 0] > 127,
        image_size=image_size,
    )


def pose_to_ros(position_m: np.ndarray, covariance_m2: np.ndarray) -> PoseWithCovariance:
    """Position (3,) with covariance (3, 3); the orientation is the frame's own, of unknown angles."""
    covariance = np.diag([0.0, 0.0, 0.0] + [UNKNOWN_ANGLE_VARIANCE] * 3)
    covariance[:3, :3] = covariance_m2
    return PoseWithCovariance(pose=_upright(position_m), covariance=covariance.ravel())


def pose_from_ros(message: PoseWithCovariance) -> tuple[np.ndarray, np.ndarray]:
    """(position (3,) [m], covariance (3, 3) [m^2])."""
    point = message.pose.position
    return np.array([point.x, point.y, point.z]), np.array(message.covariance).reshape(6, 6)[:3, :3].copy()


def size_to_ros(size_m: np.ndarray) -> Vector3:
    """Extent (3,) along the axes of a frame."""
    return Vector3(**dict(zip("xyz", map(float, size_m), strict=True)))


def place_to_pose_stamped(place: Place, header: Header) -> PoseStamped:
    """The position of `place`, which has one, at the stamp of the source image's `header`."""
    return PoseStamped(
        header=Header(stamp=header.stamp, frame_id=place.frame_id), pose=_upright(place.position.position_m)
    )


def result_to_ros(result: Result) -> viper_msgs.Grounding:
    """The whole message: under the source image's header, or with the status alone where no image was looked at."""
    message = viper_msgs.Grounding(
        header=result.header, instruction=result.request.instruction, status=result.status, model=result.model
    )
    if result.grounding is not None:
        found = result.grounding
        places = result.places or (None,) * len(found.regions)
        message.answer = found.answer or ""
        message.present = bool(found.present)
        message.confidence = float(found.confidence)
        message.relevance = relevance_to_ros(found.relevance, found.mapping)
        message.regions = [
            region_to_ros(region, place, result.header) for region, place in zip(found.regions, places, strict=True)
        ]
        message.image_age = duration_from_s(result.image_age_s)
        message.inference_time_ms = float(result.inference_time_ms)
    return message


def _upright(position_m: np.ndarray) -> Pose:
    x, y, z = map(float, position_m)
    return Pose(position=Point(x=x, y=y, z=z), orientation=Quaternion(w=1.0))
