"""Bags: recorded from a simulated camera over real DDS, read with the library's own reader, played to a real node."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from rclpy.time import Time
from rosbags.interfaces import QosDurability, QosReliability
from rosbags.rosbag2 import Reader, StoragePlugin, Writer
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import String
from tf2_msgs.msg import TFMessage

from viper_ros import cli
from viper_ros.msg import Grounding, Status
from viper_ros.ros.bag import BagError, message_class, offer_for, open_bag, request_for, typestore_of
from viper_ros.ros.bag_play import Player, Timeline, headers_in
from viper_ros.ros.bag_record import INPUT_TYPES, Recorder
from viper_ros.ros.graph import sim_camera
from viper_ros.ros.processes import Processes
from viper_ros.ros.stamps import stamp_s
from viper_ros.ros.transforms import TF_STATIC_QOS, TransformBroadcaster, transform_stamped

FRAMES = 4
RECORDED = {  # topic: type
    "/left/image": "sensor_msgs/msg/Image",
    "/left/camera_info": "sensor_msgs/msg/CameraInfo",
    "/left/depth/image": "sensor_msgs/msg/Image",
    "/left/depth/camera_info": "sensor_msgs/msg/CameraInfo",
    "/left/instruction": "std_msgs/msg/String",
    "/left/sim_camera/truth": "std_msgs/msg/String",
    "/tf": "tf2_msgs/msg/TFMessage",
    "/tf_static": "tf2_msgs/msg/TFMessage",
}


@contextmanager
def talking(context, namespace, **say):
    """A node whose `say` (functions of a node that return what to call) speak ten times a second."""
    node = Node("robot", context=context, namespace=namespace)
    calls, stop = [make(node) for make in say.values()], threading.Event()

    def run():
        while not stop.wait(0.1):
            for call in calls:
                call()

    thread = threading.Thread(target=run)
    thread.start()
    yield node
    stop.set()
    thread.join()
    node.destroy_node()


def saying(kind, topic, **fields):
    """For `talking`: one message again and again."""

    def make(node):
        publisher = node.create_publisher(kind, topic, 5)
        return lambda: publisher.publish(kind(**fields))

    return make


def moving(node):
    """For `talking`: a frame on /tf."""
    broadcaster = TransformBroadcaster(node)
    return lambda: broadcaster.send([transform_stamped("base", "hand", np.eye(4), node.get_clock().now())])


@pytest.fixture(scope="module")
def robot(context, tmp_path_factory):
    """A simulated camera as a process, and a robot that moves and says what it looks for, in the namespace `left`."""
    instruction = saying(String, "instruction", data="the red mug")
    with talking(context, "left", instruct=instruction, move=moving) as node:
        with Processes(tmp_path_factory.mktemp("log")) as processes:
            processes.start_node(sim_camera("left", width=160, height=120))
            yield node


def record(out, context, **settings):
    """Record a bag and return its path."""
    recorder = Recorder(out, context=context, **settings)
    recorder.record()
    recorder.destroy_node()
    return out


@pytest.fixture(scope="module", params=["mcap", "sqlite3"])
def recorded(request, context, robot, tmp_path_factory):
    """A bag of a few frames."""
    out = tmp_path_factory.mktemp("bags") / request.param
    return record(
        out, context, frames=FRAMES, storage=request.param, more_topics=["sim_camera/truth"], namespace="left"
    )


@pytest.fixture(scope="module")
def bag_path(context, robot, tmp_path_factory):
    """A bag in the usual format, for tests that need any."""
    return record(tmp_path_factory.mktemp("bags") / "any", context, frames=FRAMES, namespace="left")


class Listener:
    """A node in a thread of its own that keeps what comes."""

    def __init__(self, context):
        self.node = Node("listener", context=context)
        self.got = {}
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._executor.spin)

    def listen(self, kind, topic, qos=50):
        self.got[topic] = []
        self.node.create_subscription(kind, topic, self.got[topic].append, qos)

    def start(self):
        self._thread.start()

    def close(self):
        self._executor.shutdown()
        self._thread.join()
        self.node.destroy_node()


@pytest.fixture
def listener(context):
    listener = Listener(context)
    yield listener
    listener.close()


def played(context, path, topics, start_s=0.0, **settings):
    """Play a bag to those who listen to `topics`, each under the name /played/..., once they are found."""
    rules = [part for topic in topics for part in ("-r", f"{topic}:=/played{topic}")]
    with open_bag(path) as bag:
        player = Player(bag, topics=topics, context=context, cli_args=["--ros-args", *rules], **settings)
        assert player.wait_for_subscribers(30.0)
        player.play(start_s)
        player.destroy_node()


def messages(path, topic):
    with open_bag(path) as bag:
        chosen = next(t for t in bag.topics if t.name == topic)
        kind = message_class(chosen.type_name)
        return [deserialize_message(data, kind) for _, _, data in bag.messages([chosen])]


def soon(condition, timeout_s=3.0):
    deadline = time.monotonic() + timeout_s
    while not (come := condition()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return come


def wait_until(condition, timeout_s=20.0):
    assert soon(condition, timeout_s)


def stamps(received):
    return [Time.from_msg(message.header.stamp).nanoseconds for message in received]


# Recording


def test_the_library_reads_topics_types_counts_and_definitions(recorded):
    with Reader(recorded) as reader:
        found = {connection.topic: connection for connection in reader.connections}
        assert {name: connection.msgtype for name, connection in found.items()} == RECORDED
        assert found["/left/image"].msgcount == FRAMES
        assert found["/tf_static"].msgcount == found["/left/sim_camera/truth"].msgcount == 1
        assert all(connection.msgcount for connection in found.values())
        assert "MSG: std_msgs/Header" in found["/left/image"].msgdef.data
        seen = {connection.id: 0 for connection in reader.connections}
        for connection, _, data in reader.messages():
            deserialize_message(data, message_class(connection.msgtype))
            seen[connection.id] += 1
        assert seen == {connection.id: connection.msgcount for connection in reader.connections}


def test_the_qos_in_the_bag_is_that_of_the_publishers(recorded):
    with open_bag(recorded) as bag:
        offers = {topic.name: topic.offers for topic in bag.topics}
    assert {offer.durability for offer in offers["/tf_static"]} == {QosDurability.TRANSIENT_LOCAL}
    assert {offer.durability for offer in offers["/left/image"]} == {QosDurability.VOLATILE}
    assert {offer.reliability for offer in offers["/left/image"]} == {QosReliability.RELIABLE}


def test_recorded_images_have_their_depth_their_calibration_and_their_transform(recorded):
    images = messages(recorded, "/left/image")
    assert len(set(stamps(images))) == FRAMES
    for topic in ("/left/depth/image", "/left/camera_info", "/left/depth/camera_info"):
        # All but the first: topics are found one after the other. Half of them: the machine may be busy.
        assert len(set(stamps(images)) & set(stamps(messages(recorded, topic)))) >= FRAMES // 2
    (static,) = messages(recorded, "/tf_static")
    assert static.transforms[0].child_frame_id == images[0].header.frame_id
    assert {m.data for m in messages(recorded, "/left/instruction")} == {"the red mug"}
    assert json.loads(messages(recorded, "/left/sim_camera/truth")[0].data)["objects"]


@pytest.mark.parametrize("name", [*sorted(set(INPUT_TYPES.values())), "viper_ros/msg/Grounding"])
def test_the_digest_of_a_type_is_the_one_that_its_own_build_made(name):
    from ament_index_python.packages import get_package_share_directory

    package, _, kind = name.split("/")
    made = Path(get_package_share_directory(package)) / "msg" / f"{kind}.json"
    if not made.is_file():
        pytest.skip("this distribution is older than type digests")
    hashes = {entry["type_name"]: entry["hash_string"] for entry in json.loads(made.read_text())["type_hashes"]}
    assert typestore_of(name).hash_rihs01(name) == hashes[name]


def test_what_is_recorded_is_what_an_active_node_listens_to(rig):
    space = rig.user.get_namespace()
    names = rig.user.get_subscriber_names_and_types_by_node("viper", space)
    names += rig.user.get_subscriber_names_and_types_by_node("viper_tf", space)
    heard = {name.removeprefix(f"{space}/"): kinds[0] for name, kinds in names if name != "/parameter_events"}
    assert heard == INPUT_TYPES


def test_an_interrupt_leaves_a_whole_bag(robot, tmp_path):
    out = tmp_path / "bag"
    command = [sys.executable, "-m", "viper_ros.cli", "bag", "record", str(out), "-r", "image:=/left/image"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: out.exists() or process.poll() is not None, 60.0)
    time.sleep(0.5)  # a few messages more
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 0, stderr
    with open_bag(out) as bag:
        assert {topic.name for topic in bag.topics} <= {"/left/image", "/tf", "/tf_static"}
        assert bag.describe() in stdout


def test_compressed_images_are_recorded_in_place_of_raw_ones(context, tmp_path):
    jpeg = saying(CompressedImage, "image/compressed", format="jpeg", data=b"abc")
    with talking(context, "right", jpeg=jpeg, raw=saying(Image, "image")):
        out = record(tmp_path / "bag", context, frames=2, compressed=True, namespace="right")
    with open_bag(out) as bag:
        assert [(topic.name, topic.count) for topic in bag.topics if "image" in topic.name] == [
            ("/right/image/compressed", 2)
        ]


def test_in_sim_time_messages_are_recorded_at_the_time_on_the_clock(context, tmp_path):
    clock = saying(Clock, "/clock", clock=Time(seconds=100).to_msg())
    with talking(context, "right", clock=clock, raw=saying(Image, "image")):
        in_sim_time = [Parameter("use_sim_time", value=True)]
        out = record(tmp_path / "bag", context, frames=2, namespace="right", parameter_overrides=in_sim_time)
    with open_bag(out) as bag:
        assert bag.start_ns == bag.end_ns == 100 * 10**9


def test_seconds_count_from_the_first_image(context, robot, tmp_path):
    out = record(tmp_path / "bag", context, seconds=0.6, namespace="left")
    first, *_, last = stamps(messages(out, "/left/image"))
    assert 0.2 < (last - first) / 1e9 < 1.0


def test_a_request_is_one_that_every_publisher_serves():
    reliable = QoSProfile(depth=1)
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    fast = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    assert request_for([latched]).durability == DurabilityPolicy.TRANSIENT_LOCAL
    assert request_for([latched, reliable]).durability == DurabilityPolicy.VOLATILE
    assert request_for([latched, reliable]).reliability == ReliabilityPolicy.RELIABLE
    assert request_for([reliable, fast]).reliability == ReliabilityPolicy.BEST_EFFORT


# Playing


@pytest.mark.parametrize("rate", [1.0, 4.0])
def test_a_node_in_sim_time_answers_about_a_recorded_frame(context, recorded, make_rig, rate):
    rig = make_rig(use_sim_time=True)
    rig.activate()
    space = rig.user.get_namespace()
    topics = [name for name in RECORDED if "truth" not in name]
    rules = [part for name in topics for part in ("-r", f"{name}:={name.replace('/left', space)}")]
    last = messages(recorded, "/left/image")[-1]
    with open_bag(recorded) as bag:
        player = Player(bag, rate=rate, clock_hz=50.0, topics=topics, context=context, cli_args=["--ros-args", *rules])
        assert player.wait_for_subscribers(60.0)
        for _ in range(3):  # best effort: on a busy machine the last pair may be lost on the way
            assert player.play() == sum(topic.count for topic in bag.topics if topic.name in topics)
            if soon(lambda: (new := rig.viper.frames.newest()) and new.depth and new.header == last.header):
                break
        found = rig.ask("the red mug", target_frame="world", want_3d=True)
        duration_s = bag.duration_s
        player.destroy_node()
    assert found.status.code == Status.OK, found.status.message
    assert found.header == last.header
    assert found.regions[0].has_position and found.regions[0].position_header.frame_id == "world"
    assert 0.0 <= stamp_s(found.image_age) <= duration_s + 0.5
    assert rig.get_parameter("instruction") == "the red mug"


def test_a_node_forgets_the_frames_of_the_turn_before_when_the_clock_jumps_back(context, make_rig):
    rig = make_rig(use_sim_time=True)
    rig.activate()
    clock = rig.user.create_publisher(Clock, "/clock", 1)

    def set_clock(seconds):
        def is_set():
            clock.publish(Clock(clock=Time(seconds=seconds).to_msg()))
            return rig.viper.now_s() == seconds

        rig.wait_for(is_set)

    set_clock(100)
    rig.shoot(depth_m=1.0)
    set_clock(50)
    assert rig.viper.frames.newest() is None
    rig.shoot(wait=False)
    rig.wait_for(lambda: (newest := rig.viper.frames.newest()) and newest.camera_info)  # which came before the jump
    header = rig.shoot(depth_m=1.0)
    assert rig.viper.frames.newest().header == header
    assert rig.ask("the red mug").header == header


def test_played_messages_are_the_recorded_ones(context, bag_path, listener):
    for topic, kind in (("/left/image", Image), ("/left/depth/image", Image), ("/left/camera_info", CameraInfo)):
        listener.listen(kind, f"/played{topic}")
    listener.start()
    topics = ["/left/image", "/left/depth/image", "/left/camera_info"]
    played(context, bag_path, topics, rate=2.0)
    for topic in topics:
        got, expected = listener.got[f"/played{topic}"], messages(bag_path, topic)
        wait_until(lambda got=got, expected=expected: len(got) == len(expected))
        assert got == expected


def test_a_start_in_the_middle_leaves_images_out_and_static_transforms_in(context, bag_path, listener):
    with open_bag(bag_path) as bag:
        image = next(topic for topic in bag.topics if topic.name == "/left/image")
        times = [time_ns for _, time_ns, _ in bag.messages([image])]
        start_s = (times[2] - bag.start_ns) / 1e9 - 0.01
    listener.listen(Image, "/played/left/image")
    listener.listen(TFMessage, "/played/tf_static", TF_STATIC_QOS)
    listener.start()
    played(context, bag_path, ["/left/image", "/tf_static"], start_s=start_s)
    wait_until(lambda: listener.got["/played/tf_static"])
    expected = stamps(messages(bag_path, "/left/image"))[2:]
    wait_until(lambda: len(listener.got["/played/left/image"]) == len(expected))
    assert stamps(listener.got["/played/left/image"]) == expected


def test_with_now_all_stamps_are_of_the_present_and_pairs_stay_pairs(context, bag_path, listener):
    topics = {"/left/image": Image, "/left/depth/image": Image, "/tf": TFMessage}
    for topic, kind in topics.items():
        listener.listen(kind, f"/played{topic}")
    listener.start()
    began_ns = time.time_ns()
    played(context, bag_path, list(topics), restamp=True, rate=2.0)
    images, depths, moves = (listener.got[f"/played{topic}"] for topic in topics)
    wait_until(lambda: len(images) == FRAMES and len(moves) == len(messages(bag_path, "/tf")))
    recorded = [set(stamps(messages(bag_path, topic))) for topic in topics if topic != "/tf"]
    assert len(set(stamps(images)) & set(stamps(depths))) == len(set.intersection(*recorded)) > 0
    second_ns = 10**9
    assert all(began_ns - second_ns < stamp < time.time_ns() for stamp in stamps(images))
    assert all(began_ns - second_ns < stamp < time.time_ns() for stamp in stamps(moves[0].transforms))


def test_a_loop_begins_again_until_it_is_interrupted(context, bag_path, listener):
    listener.listen(Image, "/played/image")
    listener.start()
    command = [sys.executable, "-m", "viper_ros.cli", "bag", "play", str(bag_path), "--loop", "--rate", "4"]
    command += ["--topics", "/left/image", "-r", "/left/image:=/played/image"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: len(listener.got["/played/image"]) > 2 * FRAMES, 60.0)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 0, stderr
    assert f"played {FRAMES} messages" in stdout


def test_the_bags_time_runs_at_the_rate_and_equal_stamps_stay_equal():
    line = Timeline.starting(1_000_000_000, rate=2.0)
    assert 0.0 < line.seconds_until(201_000_000_000) <= 100.0
    assert line.seconds_until(201_000_000_000) > 99.0
    assert line.to_wall_ns(3_000_000_000) - line.to_wall_ns(1_000_000_000) == 1_000_000_000
    assert line.to_wall_ns(1_000_000_000) == line.wall_ns


def test_headers_are_found_wherever_they_are_in_a_message():
    transforms = [transform_stamped("a", child, np.eye(4), Time(seconds=1)) for child in "bc"]
    assert len(list(headers_in(TFMessage(transforms=transforms)))) == 2
    assert len(list(headers_in(Grounding()))) == 1
    assert list(headers_in(String())) == []


def test_latched_topics_are_offered_latched_with_room_for_every_message(bag_path):
    with open_bag(bag_path) as bag:
        offers = {topic.name: offer_for(topic) for topic in bag.topics}
        count = next(topic.count for topic in bag.topics if topic.name == "/tf_static")
    assert offers["/tf_static"].durability == DurabilityPolicy.TRANSIENT_LOCAL
    assert offers["/tf_static"].depth == count
    assert offers["/left/image"].durability == DurabilityPolicy.VOLATILE


# Bad input: one line, and what to do


@pytest.fixture
def broken(recorded, tmp_path):
    """A folder of bags that are no good, by name."""
    shutil.copytree(recorded, tmp_path / "cut")
    (data,) = (path for path in (tmp_path / "cut").iterdir() if path.suffix in (".mcap", ".db3"))
    os.truncate(data, data.stat().st_size // 2)
    shutil.copytree(recorded, tmp_path / "hollow")
    (data,) = (path for path in (tmp_path / "hollow").iterdir() if path.suffix in (".mcap", ".db3"))
    os.truncate(data, 0)
    shutil.copytree(recorded, tmp_path / "garbled")
    (tmp_path / "garbled" / "metadata.yaml").write_text("rosbag2_bagfile_information: [")
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.txt").write_text("no bag")
    write_bag(tmp_path / "empty", [])
    write_bag(tmp_path / "strange", [("/news", "paper_msgs/msg/News", "string text\n", "RIHS01_0")])
    write_bag(tmp_path / "older", [("/text", "std_msgs/msg/String", "string data\nuint8 kind\n", "RIHS01_0")])
    return tmp_path


def write_bag(path, topics):
    with Writer(path, version=8, storage_plugin=StoragePlugin.MCAP) as writer:
        for name, kind, definition, digest in topics:
            writer.write(writer.add_connection(name, kind, msgdef=definition, rihs01=digest), 1, b"\0\1\0\0\1\0\0\0\0")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere", "there is no bag"),
        ("folder", "no metadata.yaml"),
        ("text.txt", "is no bag"),
        ("cut", "cannot be read"),
        ("hollow", "cannot be read"),
        ("garbled", "cannot be read"),
        ("empty", "holds no messages"),
        ("strange", "paper_msgs/msg/News is not installed"),
        ("older", "another definition of std_msgs/msg/String"),
    ],
)
def test_a_bag_that_is_no_good_is_one_line(broken, capsys, name, said):
    assert cli.main(["bag", "play", str(broken / name), "--wait", "0"]) == 2
    error = capsys.readouterr().err
    assert said in error and len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--start", "1000"], "cannot start at 1000.0 s"),
        (["--topics", "/nothing"], "has no messages on /nothing"),
        (["--rate", "0"], "rate must be positive"),
        (["-r", "image"], "a remapping must read FROM:=TO"),
    ],
)
def test_a_wrong_wish_in_playing_is_one_line(bag_path, capsys, arguments, said):
    assert cli.main(["bag", "play", str(bag_path), "--wait", "0", *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error and len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--frames", "0"], "must be positive"),
        (["--wait", "0.3"], "no image came on /image within 0.3 s, nobody publishes it"),
        (["--wait", "0.3", "--use-sim-time"], "sim time did not begin within 0.3 s"),
        (["--wait", "5", "-r", "image:=/left/camera_info"], "is published as sensor_msgs/msg/CameraInfo, expected"),
        (["--namespace", "no space"], "namespace"),
    ],
)
def test_a_wrong_wish_in_recording_is_one_line(robot, tmp_path, capsys, arguments, said):
    assert cli.main(["bag", "record", str(tmp_path / "out"), *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error and len(error.splitlines()) == 1


def test_a_folder_that_cannot_be_made_is_one_line(robot, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert cli.main(["bag", "record", str(tmp_path / "file" / "out"), "--namespace", "left"]) == 2
    error = capsys.readouterr().err
    assert "cannot be written" in error and len(error.splitlines()) == 1


def test_a_damaged_message_is_one_line_where_it_has_to_be_read(tmp_path, capsys):
    digest = typestore_of("std_msgs/msg/Header").hash_rihs01("std_msgs/msg/Header")
    write_bag(tmp_path / "bag", [("/header", "std_msgs/msg/Header", "string any\n", digest)])
    assert cli.main(["bag", "play", str(tmp_path / "bag"), "--now", "--wait", "0"]) == 2
    error = capsys.readouterr().err
    assert "a message of topic /header is damaged" in error and len(error.splitlines()) == 1


def test_without_the_library_the_command_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "rosbags", None)
    assert cli.main(["bag", "info", "any"]) == 2
    assert "pip install 'viper_ros[bag]'" in capsys.readouterr().err


def test_nothing_is_written_over(tmp_path):
    with pytest.raises(BagError, match="exists already"):
        Recorder(tmp_path)


def test_info_names_every_topic(recorded, capsys):
    assert cli.main(["bag", "info", str(recorded)]) == 0
    said = capsys.readouterr().out
    assert all(name in said and kind in said for name, kind in RECORDED.items())
