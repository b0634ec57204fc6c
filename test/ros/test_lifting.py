"""Which depth may be used for a frame, and what is said when it may not."""

from dataclasses import replace

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from std_msgs.msg import Header

from viper_ros.msg import Status
from viper_ros.perception import Grounding, Region
from viper_ros.perception.camera import CameraModel
from viper_ros.perception.letterbox import GridMapping
from viper_ros.ros.conversions import camera_to_ros
from viper_ros.ros.frames import Frame
from viper_ros.ros.images import array_to_image
from viper_ros.ros.lifting import lift_regions
from viper_ros.ros.parameters import Settings
from viper_ros.ros.transforms import TransformUnavailable

HEADER = Header(stamp=Time(sec=5), frame_id="camera")
CAMERA = CameraModel(80, 60, np.array([[70.0, 0, 39.5], [0, 70.0, 29.5], [0, 0, 1]]))


class Transforms:
    """A buffer that knows one transform: 1 m along x, from camera to base."""

    def lookup(self, target_frame, source_frame, stamp, timeout_s=0.0):
        if (target_frame, source_frame, stamp.nanoseconds) != ("base", "camera", 5_000_000_000):
            raise TransformUnavailable(f"no {source_frame} in {target_frame}")
        T = np.eye(4)
        T[0, 3] = 1.0
        return T


def region(x0, y0, width, height):
    window = np.ones((height, width), bool)
    centre = (x0 + width / 2, y0 + height / 2)
    return Region((x0, y0, x0 + width, y0 + height), 0.9, centre, window, (80, 60))


FOUND = Grounding(
    "the mug", None, True, 0.9, 0.5, np.full((6, 8), 0.9, np.float32), GridMapping(0, 0, 10, 10),
    (region(20, 20, 20, 20), region(60, 0, 10, 10)), (80, 60), 1.0,
)  # fmt: skip


def depth_image(metres, frame_id="camera", encoding="32FC1"):
    pixels = metres if encoding == "32FC1" else np.nan_to_num(metres * 1000).astype(np.uint16)
    return array_to_image(pixels, encoding, Header(stamp=HEADER.stamp, frame_id=frame_id))


@pytest.fixture
def frame():
    image = array_to_image(np.zeros((60, 80, 3), np.uint8), "rgb8", HEADER)
    depth = depth_image(np.full((60, 80), 2.0, np.float32))
    return Frame("key", image, 5.0, 1, camera_to_ros(CAMERA, HEADER), depth, None, 0.0)


def lift(frame, target_frame="", found=FOUND, **settings):
    return lift_regions(found, frame, target_frame, Settings(**settings), Transforms())


def assert_no_depth(lifted, reason):
    assert lifted.status.code == Status.NO_DEPTH
    assert reason in lifted.status.message
    assert [place.position for place in lifted.places] == [None, None]
    assert all(place.message == lifted.status.message for place in lifted.places)


@pytest.mark.parametrize("encoding", ["32FC1", "16UC1"])
def test_every_region_gets_its_place(frame, encoding):
    lifted = lift(replace(frame, depth=depth_image(np.full((60, 80), 2.0, np.float32), encoding=encoding)))
    assert lifted.status.code == Status.OK
    first, second = (place.position.position_m for place in lifted.places)
    assert first[0] / first[2] == pytest.approx((29.5 - 39.5) / 70, abs=0.02)
    assert second[1] / second[2] == pytest.approx((4.5 - 29.5) / 70, abs=0.02)
    assert 1.9 < first[2] < 2.3 and 1.9 < second[2] < 2.3
    assert {place.frame_id for place in lifted.places} == {"camera"}


def test_registered_depth_may_be_smaller(frame):
    full = lift(frame).places[0].position.position_m
    small = replace(frame, depth=depth_image(np.full((30, 40), 2.0, np.float32)))
    small = replace(small, depth_info=camera_to_ros(CAMERA.scaled(40, 30), HEADER))
    np.testing.assert_allclose(lift(small).places[0].position.position_m, full, atol=0.05)


def test_depth_of_another_shape_is_refused(frame):
    assert_no_depth(lift(replace(frame, depth=depth_image(np.ones((60, 60), np.float32)))), "register depth to colour")


def test_depth_of_another_frame_is_refused(frame):
    other = replace(frame, depth=depth_image(np.ones((60, 80), np.float32), frame_id="depth"))
    assert_no_depth(lift(other), "depth is in frame 'depth', the image in 'camera'")


def test_depth_of_another_lens_is_refused(frame):
    wide = camera_to_ros(CameraModel(80, 60, np.array([[50.0, 0, 39.5], [0, 50.0, 29.5], [0, 0, 1]])), HEADER)
    assert_no_depth(lift(replace(frame, depth_info=wide)), "depth/camera_info differs")
    uncalibrated = camera_to_ros(CAMERA, HEADER)
    uncalibrated.k = [0.0] * 9
    assert lift(replace(frame, depth_info=uncalibrated)).status.code == Status.OK


def test_missing_messages_are_named(frame):
    assert_no_depth(lift(replace(frame, camera_info=None)), "no camera_info has arrived")
    assert_no_depth(lift(replace(frame, depth=None, depth_gap_s=None)), "no depth image has arrived")
    assert_no_depth(lift(replace(frame, depth=None, depth_gap_s=0.2), sync_slop=0.1), "0.200 s away, at most 0.100 s")


def test_camera_info_of_another_size_is_refused(frame):
    other = camera_to_ros(CAMERA.scaled(160, 120), HEADER)
    assert_no_depth(lift(replace(frame, camera_info=other)), "160x120 pixels, the image has 80x60")


def test_an_unreadable_depth_image_is_told(frame):
    assert_no_depth(lift(replace(frame, depth=frame.image)), "is no depth image")


def test_a_region_without_depth_says_so_and_the_best_one_decides_the_status(frame):
    metres = np.full((60, 80), 2.0, np.float32)
    metres[:10, 60:] = np.nan
    lifted = lift(replace(frame, depth=depth_image(metres)))
    assert lifted.status.code == Status.OK
    assert lifted.places[0].position is not None
    assert lifted.places[1].position is None and "have depth" in lifted.places[1].message
    metres[20:40, 20:40] = np.nan
    assert lift(replace(frame, depth=depth_image(metres))).status.code == Status.NO_DEPTH


def test_places_move_to_the_target_frame_at_the_stamp_of_the_image(frame):
    here, there = lift(frame), lift(frame, "base")
    assert there.status.code == Status.OK
    assert {place.frame_id for place in there.places} == {"base"}
    moved = there.places[0].position.position_m - here.places[0].position.position_m
    np.testing.assert_allclose(moved, [1.0, 0, 0], atol=1e-9)
    assert lift(frame, "camera").places[0].frame_id == "camera"


def test_without_a_transform_places_stay_and_say_so(frame):
    lifted = lift(frame, "moon")
    assert lifted.status.code == Status.TF_UNAVAILABLE
    assert {place.frame_id for place in lifted.places} == {"camera"}
    assert all("moon" in place.message and place.position is not None for place in lifted.places)


def test_a_rectified_image_is_lifted_by_p(frame):
    info = camera_to_ros(CAMERA, HEADER)
    info.k[0] = info.k[4] = 1.0
    right = lift(replace(frame, camera_info=info), image_is_rectified=True).places[0].position.position_m
    np.testing.assert_allclose(right, lift(frame).places[0].position.position_m)
