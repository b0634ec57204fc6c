"""Recordings in rosbag2's own formats, through `rosbags`: files, message types and QoS. No `ros2 bag` is needed.

    with open_bag(Path("table")) as bag:
        for topic, time_ns, data in bag.messages():  # data: serialised (CDR), as it was on the wire
            image = deserialize_message(data, message_class(topic.type_name))

Messages stay the bytes that the middleware carries: nothing is converted on the way into a bag or out of it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
from rclpy.duration import Duration
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime, TopicInfo
from rosbags.rosbag2 import Reader
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

QUEUE_DEPTH = 100
"""Messages that a publisher or subscription of ours holds when the other side falls behind."""

MOST_LATCHED = 1000
"""So many messages of a latched topic at most are kept for subscribers that come later."""


class BagError(ValueError):
    """A bag cannot be written, read or played; the text says what came and what to do."""


@dataclass(frozen=True)
class BagTopic:
    """One topic of a bag. `offers` is the QoS of those who published it, as far as the recorder learned of it."""

    name: str
    type_name: str
    count: int
    digest: str
    offers: tuple[Qos, ...]

    @property
    def is_latched(self) -> bool:
        """Whether subscribers that came late got the newest messages as well."""
        return any(offer.durability == QosDurability.TRANSIENT_LOCAL for offer in self.offers)


class Bag:
    """A recording that is open for reading; times are those of reception [ns]."""

    def __init__(self, path: Path, reader: Reader) -> None:
        """Take in what `reader`, which is open, says of the bag. Raises BagError when there is nothing in it."""
        self.path, self._reader = path, reader
        if not reader.message_count:
            raise BagError(f"{path} holds no messages: nothing was published while it was recorded")
        self.topics = tuple(_bag_topic(path, name, info) for name, info in sorted(reader.topics.items()))
        self.start_ns, self.end_ns = reader.start_time, reader.end_time - 1

    @property
    def duration_s(self) -> float:
        """From the first message to the last [s]."""
        return (self.end_ns - self.start_ns) / 1e9

    def messages(
        self, topics: Collection[BagTopic] = (), start_ns: int | None = None, stop_ns: int | None = None
    ) -> Iterator[tuple[BagTopic, int, bytes]]:
        """(topic, time [ns], CDR) of the topics (none named: all) in [start_ns, stop_ns), in the order of time."""
        chosen = {topic.name: topic for topic in topics or self.topics}
        connections = [connection for connection in self._reader.connections if connection.topic in chosen]
        with _readable(self.path):
            for connection, time_ns, data in self._reader.messages(connections, start_ns, stop_ns):
                yield chosen[connection.topic], time_ns, bytes(data)

    def describe(self) -> str:
        """Name, length, and a line for each topic."""
        total = sum(topic.count for topic in self.topics)
        width = max(len(topic.name) for topic in self.topics)
        lines = [f"{self.path}: {self.duration_s:.2f} s, {total} messages"]
        for topic in self.topics:
            latched = ", latched" if topic.is_latched else ""
            lines.append(f"  {topic.name:{width}}  {topic.count:5}  {topic.type_name}{latched}")
        return "\n".join(lines)


@contextmanager
def open_bag(path: Path) -> Iterator[Bag]:
    """Open a folder with metadata.yaml, or one .mcap or .db3 file. Raises BagError when it cannot be read."""
    if not path.exists():
        raise BagError(f"there is no bag {path}")
    if path.is_dir() and not (path / "metadata.yaml").is_file():
        raise BagError(f"{path} holds no metadata.yaml: name the folder of a bag, or its .mcap or .db3 file")
    if path.is_file() and path.suffix not in Reader.STORAGE_PLUGINS:
        raise BagError(f"{path} is no bag: name the folder of a bag, or its .mcap or .db3 file")
    with _readable(path):
        reader = Reader(path)
        reader.open()
    try:
        yield Bag(path, reader)
    finally:
        reader.close()


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Everything that goes wrong inside, as one BagError: damaged bytes surface as whatever the parser trips over."""
    try:
        yield
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise BagError(
            f"{path} cannot be read ({reason}): it is damaged, or its recording was cut off; of an mcap file, "
            "`mcap recover` saves what is there"
        ) from error


def _bag_topic(path: Path, name: str, info: TopicInfo) -> BagTopic:
    if info.msgtype is None:
        kinds = sorted({connection.msgtype for connection in info.connections})
        raise BagError(f"{path} has topic {name} with several types, {', '.join(kinds)}; one topic has one type")
    offers = tuple(offer for connection in info.connections for offer in connection.ext.offered_qos_profiles)
    return BagTopic(name, info.msgtype, info.msgcount, info.connections[0].digest, offers)


# Types


def message_class(type_name: str) -> type:
    """The class of a message type that is written as `sensor_msgs/msg/Image`. Raises BagError when there is none."""
    package, _, name = type_name.partition("/msg/")
    try:
        return getattr(import_module(f"{package}.msg"), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise BagError(
            f"message type {type_name} is not installed: source the workspace that has it, or choose topics without it"
        ) from error


@cache
def typestore_of(type_name: str) -> Typestore:
    """The definitions of a message type and of all that it is made of, from the installed .msg files.

    Raises BagError when one of them is not installed.
    """
    store, pending = get_typestore(Stores.EMPTY), [type_name]
    while pending:
        name = pending.pop()
        if name not in store.fielddefs:
            store.register(get_types_from_msg(_definition(name), name))
        fields = message_class(name).get_fields_and_field_types().values()
        pending += [f"{package}/msg/{part}" for field in fields for package, part in re.findall(r"(\w+)/(\w+)", field)]
    return store


def _definition(type_name: str) -> str:
    package, _, name = type_name.partition("/msg/")
    try:
        return (Path(get_package_share_directory(package)) / "msg" / f"{name}.msg").read_text(encoding="utf-8")
    except (PackageNotFoundError, OSError, ValueError) as error:
        raise BagError(f"the definition of {type_name} is not installed: {error}") from error


def check_types(topics: Collection[BagTopic]) -> None:
    """Raise BagError unless each topic's type is installed, with the definition that it was recorded with.

    Bytes of another definition would be taken for what they are not. Bags from before ROS 2 Iron have no digest of
    the definition; of those only the names are checked.
    """
    for topic in topics:
        message_class(topic.type_name)
        if topic.digest and topic.digest != typestore_of(topic.type_name).hash_rihs01(topic.type_name):
            raise BagError(
                f"topic {topic.name} was recorded with another definition of {topic.type_name} than the installed one: "
                "use the versions of that time, or choose topics without it"
            )


# Quality of service


def bag_qos(profile: QoSProfile) -> Qos:
    """A profile as bags keep it; the numbers of the policies are those of rmw on both sides."""
    return Qos(
        QosHistory(int(profile.history)),
        profile.depth,
        QosReliability(int(profile.reliability)),
        QosDurability(int(profile.durability)),
        _bag_time(profile.deadline),
        _bag_time(profile.lifespan),
        QosLiveliness(int(profile.liveliness)),
        _bag_time(profile.liveliness_lease_duration),
        profile.avoid_ros_namespace_conventions,
    )


def _bag_time(duration: Duration) -> QosTime:
    return QosTime(*divmod(duration.nanoseconds, 10**9))


def request_for(offers: Sequence[QoSProfile]) -> QoSProfile:
    """The strongest request that every one of the `offers` serves."""
    reliable = all(offer.reliability == ReliabilityPolicy.RELIABLE for offer in offers)
    latched = all(offer.durability == DurabilityPolicy.TRANSIENT_LOCAL for offer in offers)
    return _profile(reliable, latched, QUEUE_DEPTH)


def offer_for(topic: BagTopic) -> QoSProfile:
    """What to offer when a topic is played: as recorded; the stronger where publishers differed, or it is not known.

    One publisher stands for all that were recorded, so it keeps as many latched messages as they kept together.
    """
    reliable = not topic.offers or any(offer.reliability == QosReliability.RELIABLE for offer in topic.offers)
    depth = min(topic.count, MOST_LATCHED) if topic.is_latched else QUEUE_DEPTH
    return _profile(reliable or topic.is_latched, topic.is_latched, max(depth, 1))


def _profile(reliable: bool, latched: bool, depth: int) -> QoSProfile:
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )
