"""Queries, the standing instruction, the outputs and the lifecycle of the node, over real DDS, judged by content."""

import threading
import time

import numpy as np
import pytest
from builtin_interfaces.msg import Duration, Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2
from std_msgs.msg import Header, String
from visualization_msgs.msg import Marker, MarkerArray

from viper_ros.msg import Grounding, Status
from viper_ros.ros.clouds import organised_points_from_ros, points_from_ros
from viper_ros.ros.conversions import heatmap_from_ros
from viper_ros.ros.images import array_to_image, image_to_rgb
from viper_ros.ros.stamps import duration_from_s, stamp_s, time_from_s
from viper_ros.ros.transforms import StaticBroadcaster, transform_stamped

# ---- queries


def test_a_query_is_answered_under_the_header_of_its_image(rig):
    header = rig.shoot()
    found = rig.ask("the red mug", want_answer=True)
    assert found.status.code == Status.OK, found.status.message
    assert found.header == header
    assert found.instruction == "the red mug"
    assert found.present and found.confidence == pytest.approx(0.5)
    assert list(found.regions[0].box_xyxy_px) == [0, 0, rig.width, rig.height]
    np.testing.assert_allclose(found.relevance.data, 0.5, atol=1e-6)
    assert heatmap_from_ros(found.relevance, rig.width, rig.height).shape == (rig.height, rig.width)
    assert found.model == "tiny" and found.inference_time_ms > 0
    assert 0 < stamp_s(found.image_age) < 5


def test_the_threshold_of_a_request_decides_what_is_present(rig):
    rig.shoot()
    absent = rig.ask(threshold=0.6)
    assert (absent.status.code, absent.present, len(absent.regions)) == (Status.NOT_FOUND, False, 0)
    assert "0.60 is needed" in absent.status.message
    assert rig.ask(threshold=0.3).status.code == Status.OK


def test_an_answer_is_decoded_only_when_it_is_asked_for(rig):
    rig.shoot()
    asked = []
    predictor = rig.viper.engine._predictor
    query = predictor.query
    predictor.query = lambda *args, **more: asked.append(args[1]) or query(*args, **more)
    rig.ask("without", want_answer=False)
    rig.ask("with", want_answer=True)
    assert asked == ["with"]


BAD = {
    "empty instruction": ({"instruction": "  "}, "instruction is empty"),
    "long instruction": ({"instruction": "mug " * 200}, "at most 500"),
    "many tokens": ({"instruction": "xyzzy " * 80}, "tokens"),
    "threshold above 1": ({"threshold": 1.5}, r"threshold must be in (0, 1]"),
    "threshold below 0": ({"threshold": -0.1}, "got -0.1"),
    "threshold nan": ({"threshold": float("nan")}, "got nan"),
    "many regions": ({"max_regions": 4_000_000_000}, "max_regions must be at most 100"),
    "negative age": ({"max_image_age": Duration(sec=-1)}, "max_image_age must be >= 0"),
    "negative timeout": ({"timeout": Duration(sec=-5)}, "timeout must be >= 0"),
    "slash in frame": ({"target_frame": "/base_link"}, "without a leading /"),
    "image without rows": ({"image": Image(width=4, encoding="rgb8")}, "send a whole image"),
    "image without data": ({"image": Image(width=4, height=4, step=12, encoding="rgb8")}, "data must hold at least"),
    "unknown encoding": ({"image": Image(width=1, height=1, step=3, encoding="x", data=bytes(3))}, "unknown encoding"),
}


@pytest.mark.parametrize("rig", [{}], indirect=True)
def test_bad_requests_are_answered_with_the_reason_and_harm_nobody(rig):
    rig.shoot()
    for name, (fields, reason) in BAD.items():
        found = rig.ask(**{"instruction": "the mug", **fields})
        assert found.status.code == Status.BAD_REQUEST, name
        assert reason in found.status.message, name
    rig.shoot()
    assert rig.ask().status.code == Status.OK


def test_a_request_may_bring_its_own_image(rig):
    image = array_to_image(np.zeros((30, 50, 3), np.uint8), "bgr8", Header(frame_id="elsewhere"))
    found = rig.ask(image=image)
    assert found.status.code == Status.OK
    assert found.header == image.header
    assert list(found.regions[0].box_xyxy_px) == [0, 0, 50, 30]


def test_an_own_image_without_depth_keeps_its_2d_result(rig):
    image = array_to_image(np.zeros((30, 50, 3), np.uint8), "bgr8", Header())
    found = rig.ask(image=image, want_3d=True)
    assert found.status.code == Status.NO_DEPTH
    assert found.present and not found.regions[0].has_position


def test_a_fault_of_the_model_is_answered_and_the_node_lives(rig):
    rig.shoot()
    predictor = rig.viper.engine._predictor
    ground, predictor.ground = predictor.ground, lambda *_: 1 / 0
    broken = rig.ask()
    assert broken.status.code == Status.INTERNAL
    assert "ZeroDivisionError" in broken.status.message
    predictor.ground = ground
    rig.shoot()
    assert rig.ask().status.code == Status.OK


@pytest.mark.parametrize("rig", [{"instruction": "the mug"}], indirect=True)
def test_a_fault_while_publishing_is_reported_and_costs_nobody_anything(rig):
    outputs = rig.viper._outputs
    publish, outputs.publish = outputs.publish, lambda result: 1 / 0
    rig.shoot()
    assert rig.ask().status.code == Status.OK
    rig.wait_for(lambda: "ZeroDivisionError" in rig.viper.health.last_error)
    outputs.publish = publish
    got = rig.listen(Grounding, "viper/grounding")
    rig.shoot()
    rig.wait_for(lambda: got)
    assert got[0].instruction == "the mug"


def test_twenty_callers_at_once_are_all_answered_in_order_from_one_encoding(rig):
    rig.shoot()
    order, answer = [], rig.viper.answer
    rig.viper.answer = lambda request, *rest: order.append(request.instruction) or answer(request, *rest)
    asked = [f"mug number {index}" for index in range(20)]
    futures = [rig.ask_async(text, max_image_age=Duration(sec=60)) for text in asked]
    answers = [rig.finish(future).grounding for future in futures]
    assert [found.instruction for found in answers] == asked
    assert {found.status.code for found in answers} == {Status.OK}
    assert order == asked
    assert rig.viper.engine.images_encoded == 1


def test_many_callers_may_wait_for_a_frame_while_others_are_served(rig):
    """More waiting callers than the executor has threads: none of them holds one."""
    soon = rig.now(+0.5)
    waiting = [rig.ask_async(f"later {i}", not_before=soon, timeout=Duration(sec=20)) for i in range(30)]
    rig.shoot()
    assert rig.ask("now").status.code == Status.OK
    assert not any(future.done() for future in waiting)
    assert rig.state() == "active"
    time.sleep(0.6)
    header = rig.shoot()
    answers = [rig.finish(future).grounding for future in waiting]
    assert {found.status.code for found in answers} == {Status.OK}
    assert all(found.header == header for found in answers)


# ---- freshness


def test_without_an_image_the_answer_is_no_image_within_the_timeout(rig):
    started = time.monotonic()
    found = rig.ask(timeout=duration_from_s(0.3))
    assert found.status.code == Status.NO_IMAGE
    assert "within 0.30 s" in found.status.message
    assert time.monotonic() - started >= 0.3


def test_an_old_image_is_refused_with_its_age(rig):
    rig.shoot(header=Header(stamp=rig.now(-3.0), frame_id=rig.optical))
    found = rig.ask(max_image_age=Duration(sec=2), timeout=duration_from_s(0.3))
    assert found.status.code == Status.STALE_IMAGE
    assert "at most 2.000 s is allowed" in found.status.message
    assert rig.ask(max_image_age=Duration(sec=60)).status.code == Status.OK


def test_an_image_of_the_future_is_refused_with_how_far_ahead_it_is(rig):
    rig.shoot(header=Header(stamp=rig.now(+30.0), frame_id=rig.optical))
    found = rig.ask(max_image_age=Duration(sec=2), timeout=duration_from_s(0.3))
    assert found.status.code == Status.STALE_IMAGE
    assert "s in the future: synchronise the clocks" in found.status.message
    assert rig.ask(max_image_age=Duration(sec=60)).status.code == Status.OK


def test_an_image_of_another_clock_gets_a_hint(rig):
    rig.shoot(header=Header(stamp=Time(sec=1000), frame_id=rig.optical))
    found = rig.ask(timeout=duration_from_s(0.2))
    assert found.status.code == Status.STALE_IMAGE
    assert "use_sim_time" in found.status.message


def test_not_before_waits_for_a_newer_frame(rig):
    rig.shoot()
    after = rig.now()
    future = rig.ask_async(not_before=after, timeout=Duration(sec=10))
    time.sleep(0.2)
    assert not future.done()
    header = rig.shoot()
    assert rig.finish(future).grounding.header == header


def test_not_before_in_vain_says_by_how_much(rig):
    header = rig.shoot()
    found = rig.ask(not_before=time_from_s(stamp_s(header.stamp) + 5.0), timeout=duration_from_s(0.3))
    assert found.status.code == Status.STALE_IMAGE
    assert "5.000 s older than not_before" in found.status.message


def test_a_worker_that_is_busy_for_too_long_costs_the_timeout_and_no_more(rig):
    rig.shoot()
    ground, gate = rig.viper.engine._predictor.ground, threading.Event()
    rig.viper.engine._predictor.ground = lambda *args: gate.wait(30) and ground(*args)
    futures = [rig.ask_async(timeout=duration_from_s(0.3)) for _ in range(2)]
    answers = [rig.finish(future).grounding for future in futures]
    gate.set()
    assert {found.status.code for found in answers} == {Status.TIMEOUT}
    assert all("worker was busy" in found.status.message for found in answers)


def test_an_image_without_a_stamp_counts_from_its_arrival_and_is_told(rig):
    rig.shoot(header=Header(frame_id=rig.optical))
    assert rig.ask().status.code == Status.OK
    assert rig.viper.frames.zero_stamps == 1


def test_an_unreadable_image_of_the_camera_is_told_and_survived(rig):
    rig._publishers["image"].publish(
        Image(header=Header(stamp=rig.now()), width=8, height=8, step=3, encoding="rgb8", data=bytes(10))
    )
    rig.wait_for(lambda: rig.viper.frames.colour.count)
    found = rig.ask()
    assert found.status.code == Status.NO_IMAGE
    assert "step must be at least 24" in found.status.message
    rig.shoot()
    assert rig.ask().status.code == Status.OK


@pytest.mark.parametrize("rig", [{"use_sim_time": True}], indirect=True)
def test_ages_are_told_in_sim_time_and_timeouts_in_real_time(rig):
    clock = rig.user.create_publisher(Clock, "/clock", 10)
    rig.wait_for(clock.get_subscription_count)

    def at(seconds):
        clock.publish(Clock(clock=time_from_s(seconds)))
        rig.wait_for(lambda: abs(rig.viper.now_s() - seconds) < 1e-3)

    at(100.0)
    rig.shoot(header=Header(stamp=time_from_s(99.5), frame_id=rig.optical))
    found = rig.ask()
    assert (found.status.code, stamp_s(found.image_age)) == (Status.OK, pytest.approx(0.5, abs=1e-3))
    at(105.0)
    # The clock stands still, the answer comes all the same.
    found = rig.ask(max_image_age=Duration(sec=1), timeout=duration_from_s(0.3))
    assert found.status.code == Status.STALE_IMAGE and "5.500 s old" in found.status.message


@pytest.mark.parametrize("rig", [{"image_transport": "compressed"}], indirect=True)
def test_compressed_images_are_taken_when_asked_for(rig):
    publisher = rig.user.create_publisher(CompressedImage, "image/compressed", 1)
    rig.wait_for(publisher.get_subscription_count)
    header = Header(stamp=rig.now(), frame_id=rig.optical)
    data = _png(np.full((20, 30, 3), 50, np.uint8))
    publisher.publish(CompressedImage(header=header, format="png", data=data))
    rig.wait_for(lambda: rig.viper.frames.colour.count)
    found = rig.ask()
    assert (found.status.code, found.header) == (Status.OK, header)
    assert list(found.regions[0].box_xyxy_px) == [0, 0, 30, 20]


def _png(pixels):
    import cv2

    return cv2.imencode(".png", pixels)[1].tobytes()


@pytest.mark.parametrize("reliability", [ReliabilityPolicy.BEST_EFFORT, ReliabilityPolicy.RELIABLE])
def test_cameras_of_both_reliabilities_are_heard(rig, reliability):
    qos = QoSProfile(depth=1, reliability=reliability)
    publisher = rig.user.create_publisher(Image, "image", qos)
    rig.wait_for(publisher.get_subscription_count)
    publisher.publish(array_to_image(np.zeros((8, 8, 3), np.uint8), "rgb8", Header(stamp=rig.now())))
    rig.wait_for(lambda: rig.viper.frames.colour.count == 1)


# ---- 3D


def test_depth_lifts_regions_to_metres_in_the_optical_frame(rig):
    header = rig.shoot(depth_m=1.25)
    found = rig.ask(want_3d=True)
    assert found.status.code == Status.OK, found.status.message
    region = found.regions[0]
    assert region.has_position
    assert region.position_header == header
    assert region.pose.pose.position.z == pytest.approx(1.25, abs=0.3)
    assert region.valid_depth_fraction == 1.0
    assert min(region.size.x, region.size.y, region.size.z) > 0


def test_tf_brings_positions_to_the_target_frame_at_the_stamp_of_the_image(rig):
    T_world_camera = np.eye(4)
    T_world_camera[:3, 3] = 10.0, 20.0, 30.0
    broadcaster = StaticBroadcaster(rig.user)
    frame = f"world_{rig.user.get_namespace()[1:]}"
    broadcaster.send([transform_stamped(frame, rig.optical, T_world_camera, rig.viper.get_clock().now())])
    header = rig.shoot(depth_m=1.25)
    in_camera = rig.ask(want_3d=True).regions[0].pose.pose.position

    def in_world():
        rig.shoot(depth_m=1.25)
        found = rig.ask(want_3d=True, target_frame=frame)
        return found if found.status.code == Status.OK else None

    region = rig.wait_for(in_world).regions[0]
    assert region.position_header.frame_id == frame
    assert stamp_s(region.position_header.stamp) >= stamp_s(header.stamp)
    assert region.pose.pose.position.x == pytest.approx(in_camera.x + 10.0, abs=1e-6)
    assert region.pose.pose.position.z == pytest.approx(in_camera.z + 30.0, abs=1e-6)


def test_without_a_transform_the_position_stays_in_the_optical_frame_and_says_so(rig):
    rig.shoot(depth_m=1.0)
    found = rig.ask(want_3d=True, target_frame="nowhere")
    assert found.status.code == Status.TF_UNAVAILABLE
    assert "nowhere" in found.status.message
    region = found.regions[0]
    assert region.has_position and region.position_header.frame_id == rig.optical
    assert "nowhere" in region.position_message


def test_without_depth_the_2d_result_stays_and_the_reason_is_told(rig):
    rig.shoot()
    found = rig.ask(want_3d=True)
    assert found.status.code == Status.NO_DEPTH
    assert "no camera_info" in found.status.message
    assert found.present and not found.regions[0].has_position
    assert found.regions[0].position_message == found.status.message


def test_depth_of_another_time_is_no_partner(rig):
    late = Header(stamp=rig.now(-0.5), frame_id=rig.optical)
    rig.shoot(depth_m=1.0, depth_header=late)
    found = rig.ask(want_3d=True)
    assert found.status.code == Status.NO_DEPTH
    assert "at most 0.050 s makes a pair" in found.status.message


def test_depth_of_another_frame_is_refused(rig):
    stamp = rig.now()
    rig.shoot(
        depth_m=1.0,
        header=Header(stamp=stamp, frame_id=rig.optical),
        depth_header=Header(stamp=stamp, frame_id="camera_depth_optical_frame"),
    )
    found = rig.ask(want_3d=True)
    assert found.status.code == Status.NO_DEPTH
    assert "registered to colour" in found.status.message


def test_holes_without_any_depth_keep_the_2d_result(rig):
    rig.shoot(depth_m=float("nan"))
    found = rig.ask(want_3d=True)
    assert found.status.code == Status.NO_DEPTH
    assert "pixels under the mask have depth" in found.status.message


# ---- outputs


def test_every_output_carries_the_header_of_the_image_and_its_content(rig):
    qos = QoSProfile(depth=5)
    kinds = {
        "grounding": Grounding,
        "answer": String,
        "heatmap": Image,
        "overlay": Image,
        "camera_info": CameraInfo,
        "target_pose": PoseStamped,
        "markers": MarkerArray,
        "region_points": PointCloud2,
    }
    got = {name: rig.listen(kind, f"viper/{name}", qos) for name, kind in kinds.items()}
    header = rig.shoot(depth_m=1.0, grey=60)
    answered = rig.ask("the red mug", want_3d=True, want_answer=True)
    rig.wait_for(lambda: all(got.values()))

    assert got["grounding"][0] == answered
    assert got["answer"][0].data == answered.answer
    assert all(got[name][0].header == header for name in ("heatmap", "overlay", "camera_info", "target_pose"))
    assert got["region_points"][0].header == header

    heatmap = got["heatmap"][0]
    assert (heatmap.encoding, heatmap.width, heatmap.height) == ("32FC1", rig.width, rig.height)
    np.testing.assert_allclose(np.frombuffer(heatmap.data, np.float32), 0.5, atol=1e-6)

    overlay = image_to_rgb(got["overlay"][0])
    assert overlay.shape == (rig.height, rig.width, 3)
    assert np.abs(overlay.astype(int) - 60).max() > 100

    assert list(got["camera_info"][0].k) == list(rig.camera.K.ravel())
    assert got["target_pose"][0].pose == answered.regions[0].pose.pose
    points, relevance = points_from_ros(got["region_points"][0])
    assert len(points) > 100 and abs(np.median(points[:, 2]) - 1.0) < 1e-3
    np.testing.assert_allclose(relevance, 0.5, atol=1e-6)
    organised, _ = organised_points_from_ros(got["region_points"][0])
    roi = answered.regions[0].roi
    assert organised.shape == (roi.height, roi.width, 3)
    row, column = np.argwhere(np.isfinite(organised[..., 2]))[0]
    ray = rig.camera.rays([[roi.x_offset + column, roi.y_offset + row]])[0]
    np.testing.assert_allclose(organised[row, column], ray, atol=1e-6)  # at the depth of 1 m

    clear, box, label = got["markers"][0].markers
    assert clear.action == Marker.DELETEALL
    assert box.pose == answered.regions[0].pose.pose and box.scale == answered.regions[0].size
    assert label.type == Marker.TEXT_VIEW_FACING and "0.50" in label.text


def test_an_output_that_nobody_subscribes_to_is_not_made(rig, monkeypatch):
    from viper_ros.ros import outputs

    made = []
    for name, (kind, make) in outputs.OUTPUTS.items():
        spy = lambda result, name=name, make=make: made.append(name) or make(result)  # noqa: E731
        monkeypatch.setitem(outputs.OUTPUTS, name, (kind, spy))
    rig.shoot()
    rig.ask(want_answer=True)
    assert made == []
    heard = rig.listen(String, "viper/answer")
    rig.ask(want_answer=True)
    rig.wait_for(lambda: heard)
    assert made == ["answer"]


# ---- the standing instruction


def test_an_instruction_by_topic_grounds_every_frame(rig):
    got = rig.listen(Grounding, "viper/grounding")
    publisher = rig.user.create_publisher(String, "instruction", 1)
    rig.wait_for(publisher.get_subscription_count)
    publisher.publish(String(data="the blue box"))
    rig.wait_for(lambda: rig.viper.settings.instruction == "the blue box")
    headers = [_next(rig, got)[0] for _ in range(3)]
    assert [found.header for found in got] == headers
    assert {found.instruction for found in got} == {"the blue box"}
    assert rig.get_parameter("instruction") == "the blue box"


def _next(rig, got):
    """Shoot one frame and wait for one more message."""
    count = len(got)
    header = rig.shoot()
    rig.wait_for(lambda: len(got) > count)
    return header, got[-1]


@pytest.mark.parametrize("rig", [{"instruction": "the mug", "standing_answer": True}], indirect=True)
def test_an_instruction_by_parameter_may_change_and_end(rig):
    got, answers = rig.listen(Grounding, "viper/grounding"), rig.listen(String, "viper/answer")
    assert _next(rig, got)[1].instruction == "the mug"
    rig.wait_for(lambda: answers)
    assert rig.set_parameter("instruction", "the box").successful
    rig.wait_for(lambda: got[-1].instruction == "the box")  # of the frame that is there
    assert rig.set_parameter("instruction", "").successful
    count = len(got)
    rig.shoot()
    rig.ask("something else")
    rig.wait_for(lambda: len(got) == count + 1)
    assert got[-1].instruction == "something else"


@pytest.mark.parametrize("rig", [{"instruction": "the mug", "max_rate_hz": 4.0}], indirect=True)
def test_the_rate_is_kept_with_the_newest_frame_and_drops_are_counted(rig):
    got = rig.listen(Grounding, "viper/grounding")
    started = time.monotonic()
    headers = []
    while time.monotonic() - started < 2.0:
        headers.append(rig.shoot())
        time.sleep(0.02)
    taken_s = time.monotonic() - started
    rig.wait_for(lambda: got[-1].header == headers[-1], timeout_s=2.0)
    assert 2 <= len(got) <= 4.0 * taken_s + 2
    assert rig.viper._standing.frames_dropped == len(headers) - len(got)


# ---- parameters, live


def test_a_live_change_is_applied_and_a_wrong_one_refused_with_the_reason(rig):
    rig.shoot()
    assert rig.set_parameter("threshold", 0.6).successful
    assert rig.ask(max_image_age=Duration(sec=60)).status.code == Status.NOT_FOUND
    refused = rig.set_parameter("threshold", 1.5)
    assert not refused.successful and refused.reason
    assert rig.get_parameter("threshold") == 0.6
    refused = rig.set_parameter("model", "other")
    assert "clean up first" in refused.reason
    assert "characters" in rig.set_parameter("instruction", "mug " * 300).reason
    assert not rig.set_parameter("num_threads", 2).successful
    described = rig.describe_parameter("max_rate_hz")
    assert "[Hz]" in described.description and described.floating_point_range[0].to_value == 1000.0


# ---- lifecycle


def test_inactive_services_answer_not_active_at_once(resting_rig):
    rig = resting_rig
    for state in ("unconfigured", "inactive"):
        found = rig.ask("the mug", timeout=Duration(sec=600))
        assert found.status.code == Status.NOT_ACTIVE
        assert f"is {state}" in found.status.message
        if state == "unconfigured":
            assert rig.transition("configure")


def test_any_order_of_transitions_leaves_a_living_node(resting_rig):
    rig = resting_rig
    for label in ("activate", "deactivate", "cleanup", "nonsense"):
        assert not rig.transition(label)
    assert rig.state() == "unconfigured"
    for _ in range(2):
        assert rig.transition("configure")
        assert not rig.transition("configure")
        assert rig.transition("activate")
        assert not rig.transition("cleanup")
        assert rig.state() == "active"
        rig.shoot()
        assert rig.ask().status.code == Status.OK
        assert rig.transition("deactivate")
        assert rig.ask().status.code == Status.NOT_ACTIVE
        assert rig.transition("cleanup")
        assert rig.viper.engine is None
    assert rig.transition("shutdown")
    assert rig.state() == "finalized"
    assert rig.ask().status.code == Status.NOT_ACTIVE


def test_deactivation_answers_everything_that_waits(rig):
    waiting = [rig.ask_async(f"mug {i}", timeout=Duration(sec=60)) for i in range(5)]
    rig.wait_for(lambda: rig.viper.worker.queue_length() == 6)  # and the standing instruction
    assert rig.transition("deactivate")
    assert {rig.finish(future).grounding.status.code for future in waiting} == {Status.NOT_ACTIVE}


def test_a_model_that_is_not_there_fails_configure_with_the_reason_and_can_be_mended(resting_rig, viper_checkpoint):
    rig = resting_rig
    got = rig.listen(DiagnosticArray, "/diagnostics")
    assert rig.set_parameter("model", "no_such_model").successful
    assert not rig.transition("configure")
    assert rig.state() == "unconfigured"
    report = rig.wait_for(lambda: next((s for s in _ours(rig, got) if s.level == DiagnosticStatus.ERROR), None))
    assert "no_such_model" in report.message
    assert rig.set_parameter("model", str(viper_checkpoint)).successful
    assert rig.transition("configure") and rig.transition("activate")


def test_a_fault_in_a_transition_is_told_and_the_node_can_be_brought_up_again(resting_rig):
    rig = resting_rig
    assert rig.transition("configure")
    rig.viper._subscribe = lambda: 1 / 0
    assert not rig.transition("activate")
    assert rig.state() == "unconfigured"
    assert "ZeroDivisionError" in rig.viper.health.last_error
    del rig.viper._subscribe
    rig.activate()
    rig.shoot()
    assert rig.ask().status.code == Status.OK


def test_a_gpu_that_is_required_and_missing_fails_configure(resting_rig):
    assert resting_rig.set_parameter("require_gpu", True).successful
    assert not resting_rig.transition("configure")
    assert "require_gpu" in resting_rig.viper.health.last_error


def test_the_node_starts_itself_when_told_to(context, viper_checkpoint, make_rig):
    rig = make_rig(autostart=True)
    rig.wait_for(lambda: rig.state() == "active")
    rig.shoot()
    assert rig.ask().status.code == Status.OK


# ---- diagnostics


def _ours(rig, got):
    name = rig.viper.get_fully_qualified_name()
    return [status for message in got for status in message.status if status.name == f"{name}: grounding"]


def test_diagnostics_tell_the_rates_the_model_and_what_is_missing(rig):
    got = rig.listen(DiagnosticArray, "/diagnostics")
    report = rig.wait_for(lambda: _ours(rig, got))[-1]
    assert report.level == DiagnosticStatus.WARN and "no image" in report.message
    for _ in range(4):
        rig.shoot()
        rig.ask()
    count = len(_ours(rig, got))
    report = rig.wait_for(lambda: _ours(rig, got)[count:])[-1]
    values = {entry.key: entry.value for entry in report.values}
    assert report.level == DiagnosticStatus.OK, report.message
    assert (values["model"], values["device"], values["dtype"]) == ("tiny", "cpu", "float32")
    assert (values["state"], values["images"], values["images encoded"]) == ("active", "4", "4")
    assert float(values["image rate [Hz]"]) > 0
    assert float(values["inference p99 [ms]"]) >= float(values["inference p50 [ms]"]) > 0
    assert 50 < float(values["memory [MB]"]) < 100_000


def test_a_peer_whose_qos_does_not_fit_is_told_by_topic(rig):
    got = rig.listen(DiagnosticArray, "/diagnostics")
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    rig.user.create_subscription(Image, "viper/overlay", print, latched)
    topic = rig.viper.resolve_topic_name("~/overlay")
    report = rig.wait_for(lambda: next((s for s in _ours(rig, got) if topic in s.message), None))
    assert report.level == DiagnosticStatus.WARN
    assert "DURABILITY" in report.message
