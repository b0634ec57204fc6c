"""The points of a region as a cloud: organised as the pixels are, with holes, whatever the size of the depth image."""

import numpy as np
import pytest
from rclpy.serialization import deserialize_message, serialize_message
from std_msgs.msg import Header

from viper_ros.perception import Region
from viper_ros.perception.camera import CameraModel
from viper_ros.perception.projection import lift_region
from viper_ros.ros.clouds import organised_points_from_ros, points_from_ros, points_to_ros
from viper_ros.ros.results import Place

CAMERA = CameraModel(80, 60, np.array([[70.0, 0, 39.5], [0, 70.0, 29.5], [0, 0, 1]]))
X0, Y0, WIDTH, HEIGHT = 21, 13, 17, 24
HEATMAP = np.linspace(0, 1, 60 * 80, dtype=np.float32).reshape(60, 80)


def cloud_of(divisor_or_factor, mask=None, hole=None):
    """The cloud of a region 17 x 24 px at (21, 13) on a wall 2 m away, with depth of another size than colour."""
    mask = np.ones((HEIGHT, WIDTH), bool) if mask is None else mask
    depth = np.full((round(60 * divisor_or_factor), round(80 * divisor_or_factor)), 2.0, np.float32)
    if hole is not None:
        depth[hole] = np.nan
    region = Region((X0, Y0, X0 + WIDTH, Y0 + HEIGHT), 0.9, (29.0, 25.0), mask, (80, 60))
    position = lift_region(region.mask_window(), depth, CAMERA)
    place = Place(position, "camera", stride_px=max(1.0, 1 / divisor_or_factor))
    message = points_to_ros(place, region, HEATMAP, Header(frame_id="camera"))
    return position, deserialize_message(serialize_message(message), type(message))


def test_each_point_is_at_its_pixel_of_the_box_with_its_relevance():
    _, cloud = cloud_of(1)
    points, relevance = organised_points_from_ros(cloud)
    assert points.shape == (HEIGHT, WIDTH, 3)
    assert np.isfinite(points).all(-1).mean() > 0.8
    for row, column in np.argwhere(np.isfinite(points[..., 2])):
        pixel = X0 + column, Y0 + row
        np.testing.assert_allclose(points[row, column], 2 * CAMERA.rays([pixel])[0], atol=1e-5)
        assert relevance[row, column] == HEATMAP[pixel[1], pixel[0]]


def test_what_is_not_the_object_or_has_no_depth_is_nan():
    mask = np.ones((HEIGHT, WIDTH), bool)
    mask[:10, :8] = False
    _, cloud = cloud_of(1, mask, hole=np.s_[30:34, 28:32])
    points, relevance = organised_points_from_ros(cloud)
    assert np.isnan(points[:10, :8]).all() and np.isnan(relevance[:10, :8]).all()
    assert np.isnan(points[30 - Y0 : 34 - Y0, 28 - X0 : 32 - X0]).all()
    assert not cloud.is_dense


@pytest.mark.parametrize("scale", [0.5, 0.3, 0.75])
def test_smaller_depth_gives_a_cloud_at_its_own_resolution_without_gaps(scale):
    position, cloud = cloud_of(scale)
    points, _ = organised_points_from_ros(cloud)
    assert abs(cloud.width - WIDTH * scale) <= 1 and abs(cloud.height - HEIGHT * scale) <= 1
    assert len(points_from_ros(cloud)[0]) == len(position.points_m)  # no two points on one place
    inner = points[2:-2, 2:-2] if scale > 0.4 else points[1:-1, 1:-1]
    assert np.isfinite(inner).all()
    spacing = 2.0 / (70.0 * scale)
    np.testing.assert_allclose(np.diff(inner[..., 0], axis=1), spacing, rtol=0.01)
    np.testing.assert_allclose(np.diff(inner[..., 1], axis=0), spacing, rtol=0.01)


def test_larger_depth_gives_a_cloud_at_the_resolution_of_the_image():
    _, cloud = cloud_of(2)
    assert (cloud.height, cloud.width) == (HEIGHT, WIDTH)
    assert np.isfinite(organised_points_from_ros(cloud)[0]).all(-1).mean() > 0.8


def test_the_points_alone_are_those_of_the_position():
    position, cloud = cloud_of(1)
    points, relevance = points_from_ros(cloud)
    np.testing.assert_array_equal(points, position.points_m)
    x, y = position.pixels_px.T
    np.testing.assert_array_equal(relevance, HEATMAP[y, x])


def test_the_layout_is_the_one_of_the_fields():
    _, cloud = cloud_of(1)
    assert [(field.name, field.offset) for field in cloud.fields] == [("x", 0), ("y", 4), ("z", 8), ("relevance", 12)]
    assert (cloud.point_step, cloud.row_step) == (16, 16 * WIDTH)
    assert len(cloud.data) == cloud.row_step * cloud.height
