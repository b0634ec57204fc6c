"""The surface points of a region as a PointCloud2, organised as the pixels are, with the relevance of each.

Row r, column c of the cloud is the depth pixel at row r, column c of the region's box: neighbours in the cloud are
neighbours on the surface, which is what normals, edges and grasp planners are computed from. Pixels without a point
(no depth, not the object) are NaN, so the cloud is not dense in the sense of PCL.
"""

from __future__ import annotations

import sys

import numpy as np
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

from viper_ros.perception.regions import Region
from viper_ros.ros.images import bytes_array
from viper_ros.ros.results import Place

POINT_FIELDS = ("x", "y", "z", "relevance")
"""float32 each: metres in the cloud's frame, and the probability that the point belongs to what was asked for."""


def points_to_ros(place: Place, region: Region, heatmap: np.ndarray, header: Header) -> PointCloud2:
    """The points of `place`, which has a position, over the box of its `region`; `header` names their frame.

    `heatmap` (H, W) float32 is the relevance at the size of the source image. The box is counted in pixels of the depth
    image, which may be smaller than the source image; where it has the same size, the cloud is height x width of `roi`.
    """
    x0, y0, mask = region.mask_window()
    height, width = mask.shape
    corners = np.array([[x0, y0], [x0 + width - 1, y0 + height - 1]])
    (left, top), (right, bottom) = _cells(corners, place.stride_px)
    values = np.full((bottom - top + 1, right - left + 1, len(POINT_FIELDS)), np.nan, np.float32)
    pixels = place.position.pixels_px
    columns, rows = (_cells(pixels, place.stride_px) - (left, top)).T
    x, y = np.clip(pixels, 0, np.array(heatmap.shape[::-1]) - 1).T
    values[rows, columns] = np.column_stack([place.position.points_m, heatmap[y, x]])
    return _message(values, header)


def organised_points_from_ros(cloud: PointCloud2) -> tuple[np.ndarray, np.ndarray]:
    """(points (h, w, 3) float32 [m], relevance (h, w) float32), NaN where there is no point."""
    values = np.frombuffer(cloud.data, dtype=np.float32).reshape(cloud.height, cloud.width, len(POINT_FIELDS))
    return values[..., :3], values[..., 3]


def points_from_ros(cloud: PointCloud2) -> tuple[np.ndarray, np.ndarray]:
    """(points (N, 3) float32 [m], relevance (N,) float32): the points that there are, row by row."""
    points, relevance = organised_points_from_ros(cloud)
    there = np.isfinite(points).all(axis=-1)
    return points[there], relevance[there]


def _cells(pixels_px: np.ndarray, stride_px: float) -> np.ndarray:
    """Pixels (N, 2) of the source image -> the pixels (N, 2) int of the depth image that they were seen by."""
    return np.floor((np.asarray(pixels_px) + 0.5) / stride_px).astype(int)


def _message(values: np.ndarray, header: Header) -> PointCloud2:
    height, width, fields = values.shape
    return PointCloud2(
        header=header,
        height=height,
        width=width,
        fields=[
            PointField(name=name, offset=4 * index, datatype=PointField.FLOAT32, count=1)
            for index, name in enumerate(POINT_FIELDS)
        ],
        is_bigendian=sys.byteorder == "big",
        point_step=4 * fields,
        row_step=4 * fields * width,
        data=bytes_array(values),
        is_dense=False,
    )
