"""Transforms over real DDS, the same cases on our buffer and on tf2_ros where it is installed."""

import threading
import time

import numpy as np
import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.time import Time
from transforms3d import euler

from viper_ros.ros import transforms
from viper_ros.ros.transform_tree import TransformTree
from viper_ros.ros.transforms import (
    OwnTransformBuffer,
    StaticBroadcaster,
    Tf2TransformBuffer,
    TransformBroadcaster,
    TransformUnavailable,
    make_transform_buffer,
    transform_stamped,
)

BUFFERS = [
    pytest.param(OwnTransformBuffer, id="own"),
    pytest.param(
        Tf2TransformBuffer,
        id="tf2_ros",
        marks=pytest.mark.skipif(transforms.tf2_ros is None, reason="tf2_ros is not installed"),
    ),
]


def at(seconds: float) -> Time:
    return Time(nanoseconds=round(seconds * 1e9))


LATEST = at(0)


def pose(x=0.0, y=0.0, z=0.0, yaw_deg=0.0, pitch_deg=0.0):
    T = np.eye(4)
    T[:3, :3] = euler.euler2mat(np.radians(yaw_deg), np.radians(pitch_deg), 0, axes="rzyx")
    T[:3, 3] = x, y, z
    return T


class World:
    """A node that publishes transforms and a buffer that listens."""

    def __init__(self, context, kind):
        self.node = rclpy.create_node("publisher", context=context)
        self.static, self.moving = StaticBroadcaster(self.node), TransformBroadcaster(self.node)
        self.buffer = kind(self.node)
        self.waited = False

    def send(self, parent, child, T, seconds=0.0, static=False):
        broadcaster = self.static if static else self.moving
        if not self.waited:
            deadline = time.monotonic() + 10
            for topic in ("/tf", "/tf_static"):
                while self.node.count_subscribers(topic) == 0 and time.monotonic() < deadline:
                    time.sleep(0.01)
            self.waited = True
        broadcaster.send([transform_stamped(parent, child, T, at(seconds))])

    def lookup(self, target, source, seconds=0.0, timeout_s=5.0):
        return self.buffer.lookup(target, source, at(seconds), timeout_s)


@pytest.fixture
def context():
    context = rclpy.Context()
    rclpy.init(context=context)
    yield context
    context.try_shutdown()


@pytest.fixture(params=BUFFERS)
def world(request, context):
    world = World(context, request.param)
    yield world
    world.buffer.close()
    world.node.destroy_node()


def test_a_moving_frame_is_interpolated_between_its_stamps(world):
    world.send("world", "base", pose(x=1, yaw_deg=10), 100.0)
    world.send("world", "base", pose(x=2, yaw_deg=50), 101.0)
    assert np.allclose(world.lookup("world", "base", 100.25), pose(x=1.25, yaw_deg=20), atol=1e-9)


def test_interpolation_takes_the_shorter_way_round(world):
    world.send("world", "base", pose(yaw_deg=170), 100.0)
    world.send("world", "base", pose(yaw_deg=-170), 101.0)
    assert np.allclose(world.lookup("world", "base", 100.5), pose(yaw_deg=180), atol=1e-9)


def test_a_chain_goes_up_to_the_common_frame_and_down_again(world):
    arm, mast, camera = pose(0.5, 0, 1, 30), pose(0, 0.2, 1.5, -40), pose(0.1, 0, 0, 0, 20)
    world.send("base", "arm", arm, 100.0)
    world.send("base", "mast", mast, 100.0)
    world.send("mast", "camera", camera, static=True)
    expected = np.linalg.inv(arm) @ mast @ camera
    assert np.allclose(world.lookup("arm", "camera", 100.0), expected, atol=1e-9)
    assert np.allclose(world.lookup("camera", "arm", 100.0), np.linalg.inv(expected), atol=1e-9)


def test_a_static_frame_holds_at_any_time_and_takes_no_part_in_the_newest_common_time(world):
    world.send("mast", "camera", pose(z=1), static=True)
    assert np.allclose(world.lookup("mast", "camera", 12345.0), pose(z=1))
    world.send("world", "mast", pose(x=3), 200.0)
    assert np.allclose(world.lookup("world", "camera"), pose(x=3, z=1))


def test_a_zero_stamp_means_the_newest_time_that_the_whole_chain_knows(world):
    for seconds in (100.0, 101.0):
        world.send("world", "base", pose(x=seconds), seconds)
    for seconds in (100.0, 100.5):
        world.send("base", "arm", pose(y=seconds), seconds)
    world.lookup("world", "base", 101.0)
    world.lookup("base", "arm", 100.5)
    assert np.allclose(world.lookup("world", "arm"), pose(x=100.5, y=100.5))


def test_a_frame_is_where_itself_is(world):
    assert np.allclose(world.lookup("camera", "camera", 5.0, timeout_s=0.0), np.eye(4))


def test_extrapolation_is_refused_with_the_times(world):
    world.send("world", "base", pose(), 100.0)
    world.send("world", "base", pose(), 101.0)
    world.lookup("world", "base", 101.0)
    with pytest.raises(TransformUnavailable, match=r"'base' to 'world' at 102\.500 s.*101\.0"):
        world.lookup("world", "base", 102.5, timeout_s=0.05)
    with pytest.raises(TransformUnavailable, match=r"99\.000 s.*100\.0"):
        world.lookup("world", "base", 99.0, timeout_s=0.05)


def test_unknown_frames_and_separate_trees_are_told_apart(world):
    world.send("world", "base", pose(), 100.0)
    world.send("mars", "rover", pose(), 100.0)
    world.lookup("world", "base", 100.0)
    world.lookup("mars", "rover", 100.0)
    with pytest.raises(TransformUnavailable, match=r"nowhere.*does not exist"):
        world.lookup("world", "nowhere", 100.0, timeout_s=0.0)
    with pytest.raises(TransformUnavailable, match=r"tree"):
        world.lookup("world", "rover", 100.0, timeout_s=0.0)


def test_history_is_bounded_to_ten_seconds(world):
    for seconds in range(100, 121):
        world.send("world", "base", pose(x=seconds), float(seconds))
    world.lookup("world", "base", 120.0)
    assert np.allclose(world.lookup("world", "base", 111.0), pose(x=111))
    with pytest.raises(TransformUnavailable):
        world.lookup("world", "base", 108.0, timeout_s=0.0)


def test_a_lookup_waits_for_a_transform_that_comes_in_time(world):
    world.send("world", "base", pose(x=1), 100.0)
    later = threading.Timer(0.3, lambda: world.send("world", "base", pose(x=2), 101.0))
    later.start()
    assert np.allclose(world.lookup("world", "base", 100.5), pose(x=1.5))
    later.join()


def test_a_callback_that_waits_on_a_single_threaded_executor_gets_its_transform(world):
    found = []
    timer = world.node.create_timer(0.01, lambda: (timer.cancel(), found.append(world.lookup("world", "base", 100.0))))
    executor = SingleThreadedExecutor(context=world.node.context)
    executor.add_node(world.node)
    later = threading.Timer(0.3, lambda: world.send("world", "base", pose(x=4), 100.0))
    later.start()
    deadline = time.monotonic() + 10
    while not found and time.monotonic() < deadline:
        executor.spin_once(timeout_sec=0.1)
    later.join()
    executor.shutdown()
    assert np.allclose(found, [pose(x=4)])


def test_static_frames_are_known_to_those_who_come_later(context):
    node = rclpy.create_node("early", context=context)
    StaticBroadcaster(node).send([transform_stamped("world", "camera", pose(z=2), LATEST)])
    buffer = make_transform_buffer(node)
    try:
        assert np.allclose(buffer.lookup("world", "camera", LATEST, 5.0), pose(z=2))
    finally:
        buffer.close()


@pytest.mark.parametrize("kind", BUFFERS)
def test_a_remapped_tf_topic_is_followed(context, kind):
    remap = ["--ros-args", "-r", "/tf_static:=/robot1/tf_static"]
    node = rclpy.create_node("robot", namespace="robot1", context=context, cli_args=remap)
    other = rclpy.create_node("other", context=context)
    StaticBroadcaster(other).send([transform_stamped("world", "camera", pose(x=9), LATEST)])
    StaticBroadcaster(node).send([transform_stamped("world", "camera", pose(x=1), LATEST)])
    buffer = kind(node)
    try:
        assert np.allclose(buffer.lookup("world", "camera", LATEST, 5.0), pose(x=1))
    finally:
        buffer.close()


def test_bad_transforms_are_ignored_and_good_ones_after_them_are_not(world):
    broken = transform_stamped("world", "base", pose(), at(100))
    broken.transform.rotation.w = 0.0
    world.send("world", "else", pose(), 100.0)
    world.moving.send([broken, transform_stamped("world", "world", pose(), at(100))])
    world.send("world", "base", pose(x=7), 101.0)
    assert np.allclose(world.lookup("world", "base", 101.0), pose(x=7))


def insert(tree, parent, child, T, seconds, is_static=False):
    tree.insert(parent, child, round(seconds * 1e9), T[:3, 3], [1.0, 0, 0, 0], is_static)


def test_a_clock_that_goes_back_forgets_moving_frames_and_keeps_static_ones():
    tree = TransformTree()
    insert(tree, "world", "base", pose(x=1), 500.0)
    insert(tree, "base", "camera", pose(z=1), 0.0, is_static=True)
    tree.clear_moving()
    insert(tree, "world", "base", pose(x=2), 100.0)
    assert np.allclose(tree.lookup("world", "camera"), pose(x=2, z=1))


def test_a_loop_of_frames_is_an_error_and_no_endless_search():
    tree = TransformTree()
    insert(tree, "a", "b", pose(), 1.0)
    insert(tree, "b", "a", pose(), 1.0)
    with pytest.raises(TransformUnavailable, match="loop"):
        tree.lookup("a", "b")


def test_stamps_that_arrive_out_of_order_are_put_in_order():
    tree = TransformTree()
    for seconds in (3.0, 1.0, 2.0, 2.0):
        insert(tree, "world", "base", pose(x=seconds), seconds)
    assert np.allclose(tree.lookup("world", "base", 1_500_000_000), pose(x=1.5))


def test_many_threads_read_while_one_writes():
    tree = TransformTree()
    insert(tree, "world", "base", pose(x=0), 0.001)
    stop, errors = threading.Event(), []

    def read():
        while not stop.is_set():
            try:
                T = tree.lookup("world", "base")
                assert T[0, 3] == T[1, 3]
            except Exception as error:
                errors.append(error)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for step in range(1, 1500):
        insert(tree, "world", "base", pose(x=step, y=step), step * 0.02)
    stop.set()
    for reader in readers:
        reader.join()
    assert not errors
