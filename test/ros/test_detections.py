"""vision_msgs arrays: content by serialised bytes and out of a node. Skipped where that package is not installed."""

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from rclpy.serialization import deserialize_message, serialize_message
from std_msgs.msg import Header

from viper_ros.msg import Status
from viper_ros.perception import Grounding, Region
from viper_ros.perception.letterbox import GridMapping
from viper_ros.perception.projection import RegionPosition
from viper_ros.ros.conversions import pose_from_ros
from viper_ros.ros.detections import detections_2d, detections_3d
from viper_ros.ros.requests import Request
from viper_ros.ros.results import Place, Result

vision_msgs = pytest.importorskip("vision_msgs.msg", reason="vision_msgs is not installed")

HEADER = Header(stamp=Time(sec=7), frame_id="camera")
COVARIANCE = np.diag([1e-6, 2e-6, 3e-6])


def region(x0, score):
    return Region((x0, 5.5, x0 + 10.0, 25.0), score, (x0 + 5, 15.0), np.ones((20, 10), bool), (80, 60))


TWO_REGIONS = (region(20.0, 0.9), region(50.0, 0.4))


def result(places, regions=TWO_REGIONS):
    relevance, mapping = np.zeros((6, 8), np.float32), GridMapping(0, 0, 10, 10)
    found = Grounding("a mug", None, bool(regions), 0.9, 0.5, relevance, mapping, tuple(regions), (80, 60), 1.0)
    return Result(Request("a mug"), Status(), HEADER, found, places=tuple(places))


def at(x, frame_id="base_link"):
    position = np.array([x, 0.2, 0.3])
    return Place(RegionPosition(position, COVARIANCE, np.array([0.1, 0.2, 0.3]), 1.0, None, None), frame_id)


def through_bytes(message):
    return deserialize_message(serialize_message(message), type(message))


def test_every_region_is_a_2d_detection_in_pixels_of_the_source():
    array = through_bytes(detections_2d(result([])))
    assert array.header == HEADER
    assert [detection.id for detection in array.detections] == ["0", "1"]
    first = array.detections[0]
    assert (first.bbox.center.position.x, first.bbox.center.position.y) == (25.0, 15.25)
    assert (first.bbox.size_x, first.bbox.size_y, first.bbox.center.theta) == (10.0, 19.5, 0.0)
    hypothesis = first.results[0].hypothesis
    assert (hypothesis.class_id, hypothesis.score) == ("a mug", pytest.approx(0.9))


def test_a_region_with_a_position_is_a_3d_detection_in_the_frame_of_the_position():
    array = through_bytes(detections_3d(result([Place(None), at(0.5)])))
    assert array.header == Header(stamp=HEADER.stamp, frame_id="base_link")
    (detection,) = array.detections
    assert (detection.id, detection.header.frame_id) == ("1", "base_link")
    assert (detection.bbox.center.position.x, detection.bbox.size.z) == (0.5, 0.3)
    position, covariance = pose_from_ros(detection.results[0].pose)
    np.testing.assert_allclose(position, [0.5, 0.2, 0.3])
    np.testing.assert_allclose(covariance, COVARIANCE)


@pytest.mark.parametrize("places", [[], [Place(None), Place(None)]])
def test_without_positions_the_3d_array_is_empty_under_the_header_of_the_image(places):
    array = detections_3d(result(places))
    assert (array.header, array.detections) == (HEADER, [])


def test_nothing_found_is_an_empty_array():
    assert detections_2d(result([], regions=())).detections == []


def test_a_node_sends_both_under_the_header_of_the_image(rig):
    flat = rig.listen(vision_msgs.Detection2DArray, "viper/detections_2d")
    placed = rig.listen(vision_msgs.Detection3DArray, "viper/detections_3d")
    header = rig.shoot(depth_m=1.0)
    answered = rig.ask("the red mug", want_3d=True).regions[0]
    rig.wait_for(lambda: flat and placed)
    assert flat[0].header == header and placed[0].header == header
    (box,), (body,) = flat[0].detections, placed[0].detections
    assert (box.bbox.size_x, box.bbox.size_y) == (rig.width, rig.height)
    assert body.bbox.center == answered.pose.pose and body.bbox.size == answered.size
    assert body.results[0].hypothesis.class_id == "the red mug"
