"""The action: feedback for each frame, the best result, cancel, camera pauses, several goals, every way to end."""

import time

import numpy as np
import pytest
from action_msgs.msg import GoalStatus
from builtin_interfaces.msg import Duration
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from viper_ros.msg import Status
from viper_ros.ros.conversions import pose_from_ros
from viper_ros.ros.ground import MAX_GOALS
from viper_ros.ros.stamps import duration_from_s, stamp_s
from viper_ros.ros.watch import SmoothedPosition

SUCCEEDED, CANCELED, ABORTED = GoalStatus.STATUS_SUCCEEDED, GoalStatus.STATUS_CANCELED, GoalStatus.STATUS_ABORTED
ABSENT = 0.6  # a threshold above the tiny model's confidence of 0.5


def ended(rig, handle, timeout_s=60.0):
    response = rig.finish(handle.get_result_async(), timeout_s)
    return response.status, response.result


def cancelled(rig, handle):
    """The result of a goal that has seen enough."""
    rig.finish(handle.cancel_goal_async())
    state, result = ended(rig, handle)
    assert (state, result.grounding.status.code) == (CANCELED, Status.CANCELED)
    return result


def test_a_goal_succeeds_with_the_first_frame_in_which_it_is_found(rig):
    heard = []
    handle = rig.send_goal("the red mug", heard.append, timeout=Duration(sec=20))
    header = rig.shoot()
    state, result = ended(rig, handle)
    assert state == SUCCEEDED
    assert result.grounding.status.code == Status.OK
    assert result.grounding.header == header
    assert result.grounding.instruction == "the red mug"
    assert (result.frames, result.frames_present, result.frames_with_position) == (1, 1, 0)
    rig.wait_for(lambda: heard)
    assert heard[0].grounding == result.grounding and heard[0].frames == 1


def test_watching_gives_feedback_for_each_frame_until_the_time_is_over(rig):
    heard = []
    handle = rig.send_goal(watch=True, on_feedback=heard.append, timeout=duration_from_s(2.0))
    done = handle.get_result_async()
    headers = []
    while not done.done():
        headers.append(rig.shoot())
        rig.wait_for(lambda: len(heard) == len(headers) or done.done())
    state, result = ended(rig, handle)
    assert state == SUCCEEDED
    assert [feedback.grounding.header for feedback in heard] == headers[: result.frames]
    assert [feedback.frames for feedback in heard] == list(range(1, result.frames + 1))
    assert result.frames_present == result.frames >= 1
    elapsed = [stamp_s(feedback.elapsed) for feedback in heard]
    assert elapsed == sorted(elapsed)


def test_what_is_not_found_in_time_aborts_with_the_best_that_was_seen(rig):
    handle = rig.send_goal(threshold=ABSENT, timeout=duration_from_s(0.8))
    header = rig.shoot()
    state, result = ended(rig, handle)
    assert (state, result.grounding.status.code) == (ABORTED, Status.NOT_FOUND)
    assert (result.frames, result.frames_present) == (1, 0)
    assert result.grounding.header == header and result.grounding.confidence == pytest.approx(0.5)


def test_without_a_camera_a_goal_ends_in_time_with_no_image(rig):
    state, result = ended(rig, rig.send_goal(timeout=duration_from_s(0.3)))
    assert (state, result.grounding.status.code, result.frames) == (ABORTED, Status.NO_IMAGE, 0)


def test_a_goal_survives_a_pause_of_the_camera(rig):
    heard = []
    handle = rig.send_goal(watch=True, on_feedback=heard.append, timeout=Duration(sec=600))
    rig.shoot()
    rig.wait_for(lambda: len(heard) == 1)
    time.sleep(1.0)
    header = rig.shoot()
    rig.wait_for(lambda: len(heard) == 2)
    assert heard[1].grounding.header == header
    assert cancelled(rig, handle).frames == 2


def test_an_unreadable_frame_does_not_end_a_goal(rig):
    handle = rig.send_goal(timeout=Duration(sec=20))
    rig._publishers["image"].publish(Image(width=3, height=3, header=Header(stamp=rig.now())))
    rig.wait_for(lambda: rig.viper.frames.colour.count == 1)
    header = rig.shoot()
    state, result = ended(rig, handle)
    assert (state, result.grounding.header) == (SUCCEEDED, header)


def test_cancel_ends_a_goal_that_waits_for_frames_and_keeps_what_was_seen(rig):
    heard = []
    handle = rig.send_goal(watch=True, on_feedback=heard.append, timeout=Duration(sec=600))
    rig.shoot()
    rig.wait_for(lambda: heard)
    rig.finish(handle.cancel_goal_async())
    state, result = ended(rig, handle)
    assert (state, result.grounding.status.code) == (CANCELED, Status.CANCELED)
    assert "after 1 frames" in result.grounding.status.message
    assert result.frames == 1 and result.grounding.confidence == pytest.approx(0.5)
    assert rig.viper.worker.queue_length() == 1  # the standing instruction's own place


def test_cancel_while_frames_stream_in_is_honoured_within_a_frame(rig):
    heard = []
    handle = rig.send_goal(watch=True, on_feedback=heard.append, timeout=Duration(sec=600))
    for _ in range(3):
        rig.shoot()
    cancelled = handle.cancel_goal_async()
    rig.finish(cancelled)
    ended_at = rig.finish(handle.get_result_async()).result.frames
    for _ in range(3):
        rig.shoot()
    assert len(heard) <= ended_at + 1


def test_two_goals_run_side_by_side_and_share_the_encodings(rig):
    heard = {"mug": [], "box": []}
    handles = [
        rig.send_goal(f"the {name}", heard[name].append, watch=True, timeout=Duration(sec=600)) for name in heard
    ]
    for count in range(3):
        rig.shoot()
        rig.wait_for(lambda count=count: min(len(messages) for messages in heard.values()) > count)
    for handle, name in zip(handles, heard, strict=True):
        result = cancelled(rig, handle)
        assert (result.frames, result.grounding.instruction) == (3, f"the {name}")
    assert rig.viper.engine.images_encoded == 3


def test_one_goal_too_many_is_told_so_and_the_others_run_on(rig):
    handles = [rig.send_goal(watch=True, timeout=Duration(sec=600)) for _ in range(MAX_GOALS)]
    state, result = ended(rig, rig.send_goal("one too many"))
    assert (state, result.grounding.status.code) == (ABORTED, Status.BAD_REQUEST)
    assert f"{MAX_GOALS} goals are running" in result.grounding.status.message
    rig.shoot()
    assert rig.ask().status.code == Status.OK
    for handle in handles:
        handle.cancel_goal_async()
    assert {ended(rig, handle)[0] for handle in handles} == {CANCELED}


def test_a_bad_goal_is_answered_with_the_reason(rig):
    for fields, reason in (
        ({"instruction": ""}, "instruction is empty"),
        ({"threshold": 2.0}, "threshold must be in"),
        ({"timeout": Duration(sec=-1)}, "timeout must be >= 0"),
    ):
        state, result = ended(rig, rig.send_goal(**{"instruction": "the mug", **fields}))
        assert (state, result.grounding.status.code) == (ABORTED, Status.BAD_REQUEST)
        assert reason in result.grounding.status.message


def test_a_fault_of_the_model_ends_the_goal_with_the_reason(rig):
    rig.viper.engine._predictor.ground = lambda *_: 1 / 0
    handle = rig.send_goal(timeout=Duration(sec=20))
    rig.shoot()
    state, result = ended(rig, handle)
    assert (state, result.grounding.status.code) == (ABORTED, Status.INTERNAL)
    assert "ZeroDivisionError" in result.grounding.status.message


def test_an_inactive_node_says_so_and_deactivation_ends_goals(rig):
    handle = rig.send_goal(watch=True, timeout=Duration(sec=600))
    rig.wait_for(lambda: rig.viper.worker.queue_length() == 2)
    assert rig.transition("deactivate")
    for goal in (handle, rig.send_goal()):
        state, result = ended(rig, goal)
        assert (state, result.grounding.status.code) == (ABORTED, Status.NOT_ACTIVE)


def test_the_position_is_smoothed_over_frames(rig):
    heard = []
    handle = rig.send_goal(watch=True, want_3d=True, on_feedback=heard.append, timeout=Duration(sec=600))
    for count, depth_m in enumerate((0.98, 1.00, 1.02)):
        rig.shoot(depth_m=depth_m)
        rig.wait_for(lambda count=count: len(heard) > count)
    result = cancelled(rig, handle)
    seen = [pose_from_ros(feedback.grounding.regions[0].pose) for feedback in heard]
    weights = [np.linalg.inv(covariance) for _, covariance in seen]
    expected = np.linalg.solve(sum(weights), sum(w @ p for w, (p, _) in zip(weights, seen, strict=True)))
    found, covariance = pose_from_ros(result.pose.pose)
    assert result.frames_with_position == 3
    assert result.pose.header == heard[-1].grounding.header
    np.testing.assert_allclose(found, expected, atol=1e-9)
    assert np.trace(covariance) < min(np.trace(one) for _, one in seen)


def test_positions_of_another_frame_start_the_mean_anew():
    mean = SmoothedPosition()
    mean.add(np.zeros(3), np.eye(3), Header(frame_id="camera"))
    mean.add(np.ones(3), np.eye(3), Header(frame_id="base"))
    mean.add(np.ones(3) * 3, np.eye(3), Header(frame_id="base"))
    position, covariance = mean.mean()
    np.testing.assert_allclose(position, [2, 2, 2])
    np.testing.assert_allclose(covariance, np.eye(3) / 2)
    assert (mean.count, mean.header.frame_id) == (2, "base")
