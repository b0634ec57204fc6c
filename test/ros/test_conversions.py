"""What leaves the node comes back equal, through the bytes that travel."""

import math

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CameraInfo, RegionOfInterest
from std_msgs.msg import Header

from viper_ros.msg import Status
from viper_ros.perception import Grounding, Region
from viper_ros.perception.camera import CameraModel
from viper_ros.perception.letterbox import GridMapping
from viper_ros.perception.projection import RegionPosition
from viper_ros.ros.conversions import (
    UNKNOWN_ANGLE_VARIANCE,
    camera_from_ros,
    camera_to_ros,
    heatmap_from_ros,
    place_to_pose_stamped,
    pose_from_ros,
    pose_to_ros,
    region_from_ros,
    region_to_ros,
    relevance_from_ros,
    relevance_to_ros,
    result_to_ros,
)
from viper_ros.ros.images import ConversionError
from viper_ros.ros.requests import Request
from viper_ros.ros.results import Place, Result
from viper_ros.ros.stamps import duration_from_s, stamp_s, time_from_s

HEADER = Header(stamp=Time(sec=1700000000, nanosec=123456789), frame_id="camera_color_optical_frame")
SIZE = (40, 30)


def through_bytes(message):
    return deserialize_message(serialize_message(message), type(message))


@pytest.fixture
def region():
    window = np.zeros((4, 6), bool)
    window[1:3, 2:] = True
    return Region((10.0, 5.0, 16.0, 9.0), 0.8125, (13.25, 7.5), window, SIZE)


@pytest.fixture
def position():
    covariance = np.array([[4e-6, 1e-6, 0], [1e-6, 9e-6, 2e-6], [0, 2e-6, 1e-5]])
    points = np.array([[0.1, 0.2, 0.9], [0.11, 0.2, 0.91]], np.float32)
    pixels = np.array([[12, 6], [13, 7]], np.int32)
    return RegionPosition(np.array([0.1, -0.2, 0.95]), covariance, np.array([0.08, 0.1, 0.09]), 0.75, points, pixels)


@pytest.fixture
def grounding(region):
    relevance = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    mapping = GridMapping(0.0, 0.0, 10.0, 10.0)
    return Grounding("the red mug", "red mug", True, 0.9, 0.5, relevance, mapping, (region,), SIZE, 12.5)


def test_a_region_keeps_its_box_its_score_and_every_pixel_of_its_mask(region):
    found = region_from_ros(through_bytes(region_to_ros(region, None, HEADER)), SIZE)
    assert found.box_xyxy_px == region.box_xyxy_px
    assert found.score == region.score
    assert found.centroid_px == region.centroid_px
    np.testing.assert_array_equal(found.mask(), region.mask())


def test_a_region_names_its_window_as_a_region_of_interest(region):
    message = through_bytes(region_to_ros(region, None, HEADER))
    assert message.roi == RegionOfInterest(x_offset=10, y_offset=5, width=6, height=4)
    assert (message.mask.width, message.mask.height, message.mask.encoding) == (6, 4, "mono8")
    assert message.mask.header == HEADER
    assert not message.has_position
    assert message.position_message == "3D was not asked for"


def test_a_region_with_a_position_says_where_and_in_which_frame(region, position):
    message = through_bytes(region_to_ros(region, Place(position, "base_link"), HEADER))
    found, covariance = pose_from_ros(message.pose)
    assert message.has_position
    assert message.position_header == Header(stamp=HEADER.stamp, frame_id="base_link")
    np.testing.assert_array_equal(found, position.position_m)
    np.testing.assert_array_equal(covariance, position.covariance_m2)
    assert (message.size.x, message.size.y, message.size.z) == (0.08, 0.1, 0.09)
    assert message.valid_depth_fraction == 0.75


def test_a_region_without_depth_says_why(region):
    message = through_bytes(region_to_ros(region, Place(None, message="no depth image"), HEADER))
    assert not message.has_position
    assert message.position_message == "no depth image"


def test_a_pose_does_not_claim_to_know_the_orientation(position):
    message = through_bytes(pose_to_ros(position.position_m, position.covariance_m2))
    assert (message.pose.orientation.w, message.pose.orientation.x) == (1.0, 0.0)
    full = np.array(message.covariance).reshape(6, 6)
    np.testing.assert_array_equal(full[3:, 3:], np.eye(3) * UNKNOWN_ANGLE_VARIANCE)
    assert not full[:3, 3:].any()


def test_relevance_keeps_its_values_and_its_mapping():
    relevance = np.random.default_rng(0).random((5, 7), dtype=np.float32)
    mapping = GridMapping(-1.5, 2.0, 8.25, 9.5)
    message = through_bytes(relevance_to_ros(relevance, mapping))
    found, found_mapping = relevance_from_ros(message)
    np.testing.assert_array_equal(found, relevance)
    assert found_mapping == mapping
    assert (message.height, message.width) == (5, 7)


def test_relevance_of_the_wrong_size_is_refused():
    message = relevance_to_ros(np.zeros((2, 3), np.float32), GridMapping(0, 0, 1, 1))
    message.width = 4
    with pytest.raises(ConversionError, match="2x4 values, got 6"):
        relevance_from_ros(message)


def test_the_heatmap_of_a_message_is_that_of_the_grounding(grounding):
    message = through_bytes(relevance_to_ros(grounding.relevance, grounding.mapping))
    np.testing.assert_array_equal(heatmap_from_ros(message, *SIZE), grounding.heatmap())


def test_a_result_carries_everything_under_the_header_of_its_image(grounding, position):
    result = Result(
        Request("the red mug"),
        Status(code=Status.OK),
        HEADER,
        grounding,
        places=(Place(position, "base_link"),),
        image_age_s=0.25,
        inference_time_ms=14.5,
        model="nano",
    )
    message = through_bytes(result_to_ros(result))
    assert message.header == HEADER
    assert (message.instruction, message.answer, message.model) == ("the red mug", "red mug", "nano")
    assert message.present
    assert math.isclose(message.confidence, 0.9, abs_tol=1e-6)
    assert message.inference_time_ms == 14.5
    assert (message.image_age.sec, message.image_age.nanosec) == (0, 250_000_000)
    assert len(message.regions) == 1 and message.regions[0].has_position
    pose = through_bytes(place_to_pose_stamped(result.best_place, HEADER))
    assert pose.header == Header(stamp=HEADER.stamp, frame_id="base_link")
    assert pose.pose == message.regions[0].pose.pose


def test_camera_info_comes_back_as_the_camera_it_was():
    camera = CameraModel(
        640, 480, np.array([[600.0, 0, 320], [0, 610, 240], [0, 0, 1]]), np.array([0.1, -0.2, 0, 0, 0])
    )
    found = camera_from_ros(through_bytes(camera_to_ros(camera, HEADER)))
    assert (found.width, found.height, found.distortion_model) == (640, 480, "plumb_bob")
    np.testing.assert_array_equal(found.K, camera.K)
    np.testing.assert_array_equal(found.D, camera.D)


def test_a_rectified_image_is_described_by_p_without_distortion():
    info = camera_to_ros(CameraModel(64, 48, np.diag([60.0, 60, 1]), np.array([0.3, 0, 0, 0, 0])), HEADER)
    info.p[0], info.p[2] = 55.0, 30.0
    found = camera_from_ros(info, rectified=True)
    assert (found.K[0, 0], found.K[0, 2], found.D.size) == (55.0, 30.0, 0)


def test_binning_and_a_region_of_interest_move_the_camera():
    camera = CameraModel(640, 480, np.array([[600.0, 0, 320], [0, 600, 240], [0, 0, 1]]))
    info = camera_to_ros(camera, HEADER)
    info.roi = RegionOfInterest(x_offset=100, y_offset=40, width=400, height=200)
    info.binning_x = info.binning_y = 2
    found = camera_from_ros(info)
    assert (found.width, found.height) == (200, 100)
    full = camera.project([[0.05, 0.02, 1.0]])[0]
    cut = found.project([[0.05, 0.02, 1.0]])[0]
    np.testing.assert_allclose(cut, ((full + 0.5) - (100, 40)) / 2 - 0.5, atol=1e-9)


def test_an_uncalibrated_camera_is_refused():
    with pytest.raises(ConversionError, match="calibrate the camera"):
        camera_from_ros(CameraInfo(width=64, height=48, header=HEADER))


def test_an_unknown_distortion_model_is_refused():
    info = camera_to_ros(CameraModel(64, 48, np.diag([60.0, 60, 1])), HEADER)
    info.distortion_model, info.d = "mystery", [0.1] * 5
    with pytest.raises(ConversionError, match="mystery"):
        camera_from_ros(info)


@pytest.mark.parametrize("seconds", [0.0, 0.1, 1.999999999, 1700000000.5, 0.9999999999])
def test_seconds_come_back(seconds):
    assert stamp_s(time_from_s(seconds)) == pytest.approx(seconds, abs=1e-6)
    assert stamp_s(duration_from_s(-seconds)) == pytest.approx(-seconds, abs=1e-6)
    assert 0 <= time_from_s(seconds).nanosec < 1_000_000_000
