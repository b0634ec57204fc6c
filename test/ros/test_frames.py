"""Which frame is the newest, which depth belongs to it, and which fits a request."""

import math

import pytest
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from viper_ros.msg import Status
from viper_ros.ros.frames import COLOUR_KEPT, FrameBuffer, StreamCounter
from viper_ros.ros.picking import DEPTH_GRACE_S, FramePicker
from viper_ros.ros.requests import Request
from viper_ros.ros.stamps import stamp_s, time_from_s

NOW_S = 1000.0


def image(stamp_s_):
    return Image(header=Header(stamp=time_from_s(stamp_s_), frame_id="camera"))


@pytest.fixture
def buffer():
    return FrameBuffer(lambda: NOW_S, slop_s=0.05, on_frame=lambda: None)


def picker(buffer, **fields):
    return FramePicker(Request("the mug", **fields), buffer, lambda: NOW_S)


def test_colour_is_paired_with_the_depth_nearest_in_time_within_the_slop(buffer):
    for stamp in (999.00, 999.10, 999.13):
        buffer.put_depth(image(stamp))
    buffer.put_image(image(999.12))
    frame = buffer.newest()
    assert stamp_s(frame.depth.header.stamp) == pytest.approx(999.13)
    assert frame.depth_gap_s == pytest.approx(0.01, abs=1e-6)


def test_depth_outside_the_slop_is_no_partner_but_its_distance_is_known(buffer):
    buffer.put_depth(image(999.0))
    buffer.put_image(image(999.06))
    assert buffer.newest().depth is None
    assert buffer.newest().depth_gap_s == pytest.approx(0.06, abs=1e-6)
    buffer.slop_s = 0.1
    assert buffer.newest().depth is not None


def test_depth_may_come_after_its_colour_image(buffer):
    buffer.put_image(image(999.0))
    buffer.put_depth(image(999.01))
    assert buffer.newest().depth is not None


def test_the_newest_by_arrival_comes_first_even_when_the_clock_went_back(buffer):
    for stamp in (999.0, 999.1, 5.0):
        buffer.put_image(image(stamp))
    assert [frame.taken_s for frame in buffer.frames()] == pytest.approx([5.0, 999.1, 999.0])
    assert [frame.number for frame in buffer.frames()] == [3, 2, 1]


def test_old_frames_are_let_go_and_those_without_depth_are_counted(buffer):
    buffer.put_depth(image(990.0))
    for index in range(COLOUR_KEPT + 3):
        buffer.put_image(image(990.0 + index))
    assert len(buffer.frames()) == COLOUR_KEPT
    assert buffer.sync_misses == 2  # the first one had its partner


def test_without_any_depth_nothing_is_missed(buffer):
    for index in range(COLOUR_KEPT + 3):
        buffer.put_image(image(990.0 + index))
    assert buffer.sync_misses == 0


def test_a_stamp_of_zero_counts_from_arrival(buffer):
    buffer.put_image(image(0.0))
    assert buffer.newest().taken_s == NOW_S
    assert buffer.zero_stamps == 1


def test_calibration_may_come_later_and_clear_forgets_it(buffer):
    buffer.put_image(image(999.0))
    assert buffer.newest().camera_info is None
    buffer.put_camera_info(CameraInfo(width=5))
    assert buffer.newest().camera_info.width == 5
    buffer.clear()
    assert buffer.frames() == []


def test_a_rate_falls_when_messages_stay_away():
    counter = StreamCounter()
    for tick in range(20):
        counter.tick(tick * 0.1)
    assert counter.rate_hz(1.9) == pytest.approx(10.0)
    assert counter.rate_hz(6.9) == pytest.approx(0.2)


def test_the_newest_frame_that_fits_is_picked(buffer):
    for stamp in (997.0, 998.0, 999.0):
        buffer.put_image(image(stamp))
    assert picker(buffer).pick(buffer.frames(), 0.0).taken_s == 999.0
    assert picker(buffer, max_image_age_s=0.5).pick(buffer.frames(), 0.0) == math.inf
    assert picker(buffer, not_before_s=999.0).pick(buffer.frames(), 0.0).taken_s == 999.0
    assert picker(buffer, not_before_s=999.5).pick(buffer.frames(), 0.0) == math.inf


def test_a_frame_is_picked_once(buffer):
    buffer.put_image(image(999.0))
    one = picker(buffer)
    assert one.pick(buffer.frames(), 0.0).number == 1
    assert one.pick(buffer.frames(), 0.0) == math.inf
    buffer.put_image(image(999.1))
    assert one.pick(buffer.frames(), 0.0).number == 2


def test_a_request_for_3d_prefers_a_frame_with_depth_and_waits_a_little_for_it(buffer):
    buffer.put_depth(image(999.0))
    buffer.put_image(image(999.0))
    buffer.put_image(image(999.5))
    assert picker(buffer, want_3d=True).pick(buffer.frames(), 0.0).number == 1
    assert picker(buffer, want_3d=False).pick(buffer.frames(), 0.0).number == 2
    late = picker(buffer, want_3d=True, not_before_s=999.2)
    assert late.pick(buffer.frames(), 50.0) == 50.0 + DEPTH_GRACE_S
    assert late.pick(buffer.frames(), 50.1) == 50.0 + DEPTH_GRACE_S
    assert late.pick(buffer.frames(), 50.0 + DEPTH_GRACE_S).number == 2


def test_where_no_depth_comes_at_all_nobody_waits_for_it(buffer):
    buffer.put_image(image(999.0))
    assert picker(buffer, want_3d=True).pick(buffer.frames(), 0.0).number == 1


def test_refusals_tell_numbers(buffer):
    assert picker(buffer, timeout_s=2.0).refusal().code == Status.NO_IMAGE
    buffer.put_image(image(998.5))
    stale = picker(buffer, max_image_age_s=1.0).refusal()
    assert (stale.code, "1.500 s old" in stale.message) == (Status.STALE_IMAGE, True)
    early = picker(buffer, not_before_s=999.0).refusal()
    assert (early.code, "0.500 s older" in early.message) == (Status.STALE_IMAGE, True)
    assert picker(buffer, timeout_s=2.0).refusal().code == Status.TIMEOUT
