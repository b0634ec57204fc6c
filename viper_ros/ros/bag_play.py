"""Plays a bag: its messages go out again, as far apart as they came, with their own stamps or with the present time.

    with open_bag(Path("table")) as bag:
        player = Player(bag, clock_hz=40.0)
        player.wait_for_subscribers(timeout_s=5.0)
        player.play()

A player is a node; its publishers offer what the recorded ones did.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message, serialize_message
from rclpy.time import Time
from rosgraph_msgs.msg import Clock
from std_msgs.msg import Header

from viper_ros.ros.bag import Bag, BagError, BagTopic, check_types, message_class, offer_for

LONGEST_SLEEP_S = 0.1
"""How long a request to stop may go unheard [s]."""


@dataclass(frozen=True)
class Timeline:
    """When a moment of the bag is due: the bag's time runs `rate` times as fast as the steady clock."""

    bag_ns: int
    steady_ns: int
    wall_ns: int
    rate: float

    @classmethod
    def starting(cls, bag_ns: int, rate: float) -> Timeline:
        """`bag_ns` is now."""
        return cls(bag_ns, time.monotonic_ns(), time.time_ns(), rate)

    def seconds_until(self, bag_ns: int) -> float:
        """Until the moment is due; negative when it is over [s]."""
        return (self.steady_ns - time.monotonic_ns() + (bag_ns - self.bag_ns) / self.rate) / 1e9

    def now_ns(self) -> int:
        """The bag's time at this moment [ns]."""
        return self.bag_ns + round((time.monotonic_ns() - self.steady_ns) * self.rate)

    def to_wall_ns(self, stamp_ns: int) -> int:
        """The time of day that stands for a stamp of the bag; equal stamps stay equal [ns]."""
        return self.wall_ns + round((stamp_ns - self.bag_ns) / self.rate)


class Player(Node):
    """Publishes a bag's topics under their recorded names, open to remapping."""

    def __init__(
        self,
        bag: Bag,
        *,
        rate: float = 1.0,
        clock_hz: float = 0.0,
        restamp: bool = False,
        topics: Collection[str] = (),
        **node_arguments: object,
    ) -> None:
        """Advertise the topics.

        `rate`: times as fast as recorded. `clock_hz`: publish the bag's time on /clock so often; 0: not at all.
        `restamp`: every stamp in a message is moved to the present. `topics`: play these alone. Raises BagError.
        """
        if rate <= 0.0 or clock_hz < 0.0:
            raise BagError(f"the rate must be positive and the clock's not negative, got {rate} and {clock_hz} Hz")
        if clock_hz and restamp:
            raise BagError("stamps of the present and a clock of the recording exclude each other: choose one")
        chosen = _choose(bag, topics)
        if clock_hz:
            chosen = [topic for topic in chosen if topic.name != "/clock"]  # one clock at a time
        check_types(chosen)
        super().__init__("bag_player", **{"start_parameter_services": False, **node_arguments})
        self._bag, self._rate, self._restamp = bag, rate, restamp
        self._tick_s = 1.0 / clock_hz if clock_hz else LONGEST_SLEEP_S
        self._publishers_of = {topic: self._advertise(topic) for topic in chosen}
        self._clock_publisher = self.create_publisher(Clock, "/clock", QoSProfile(depth=10)) if clock_hz else None

    def _advertise(self, topic: BagTopic) -> Publisher:
        return self.create_publisher(message_class(topic.type_name), topic.name, offer_for(topic))

    def wait_for_subscribers(self, timeout_s: float, is_stopped: Callable[[], bool] = lambda: False) -> bool:
        """Whether every topic that is not latched (and /clock) has found a subscriber within the time.

        What is published before it has found one is lost to that one.
        """
        ends_s = time.monotonic() + timeout_s
        awaited = [publisher for topic, publisher in self._publishers_of.items() if not topic.is_latched]
        awaited += [self._clock_publisher] if self._clock_publisher else []
        while not all(publisher.get_subscription_count() for publisher in awaited):
            if time.monotonic() > ends_s or is_stopped():
                return False
            time.sleep(0.05)
        return True

    def play(self, start_s: float = 0.0, is_stopped: Callable[[], bool] = lambda: False) -> int:
        """Play once, from `start_s` after the beginning; how many messages went out.

        Latched messages from before `start_s` go out first: the frames of /tf_static hold from then on.
        """
        if not 0.0 <= start_s <= self._bag.duration_s:
            raise BagError(f"cannot start at {start_s} s: {self._bag.path} lasts {self._bag.duration_s:.2f} s")
        start_ns = self._bag.start_ns + round(start_s * 1e9)
        line, count = Timeline.starting(start_ns, self._rate), 0
        latched = [topic for topic in self._publishers_of if topic.is_latched]
        self._tick(line.now_ns())
        if latched and start_s:
            for topic, _, data in self._bag.messages(latched, stop_ns=start_ns):
                count += self._publish(topic, data, line)
        for topic, time_ns, data in self._bag.messages(self._publishers_of, start_ns=start_ns):
            if not self._wait_until(time_ns, line, is_stopped):
                break
            count += self._publish(topic, data, line)
        self._deliver()
        return count

    def _wait_until(self, time_ns: int, line: Timeline, is_stopped: Callable[[], bool]) -> bool:
        """Whether the moment came before the request to stop; meanwhile the clock ticks."""
        while (left_s := line.seconds_until(time_ns)) > 0.0 and not is_stopped():
            self._tick(line.now_ns())
            time.sleep(min(left_s, self._tick_s, LONGEST_SLEEP_S))
        # Before the message, whose time would lie ahead of the clock otherwise; after a stall no later than it, or the
        # clock would run ahead of what is still to come.
        self._tick(min(line.now_ns(), time_ns))
        return not is_stopped()

    def _tick(self, now_ns: int) -> None:
        if self._clock_publisher is not None:
            self._clock_publisher.publish(Clock(clock=Time(nanoseconds=now_ns).to_msg()))

    def _publish(self, topic: BagTopic, data: bytes, line: Timeline) -> int:
        self._publishers_of[topic].publish(_restamped(topic, data, line) if self._restamp else data)
        return 1

    def _deliver(self) -> None:
        """Return when the last messages have reached those who asked for reliable ones, or after a while."""
        for publisher in self._publishers_of.values():
            publisher.wait_for_all_acked(Duration(seconds=2))


def _choose(bag: Bag, names: Collection[str]) -> list[BagTopic]:
    """The topics of those names, or all that have messages. Raises BagError for a name that the bag does not have."""
    known = {topic.name: topic for topic in bag.topics if topic.count}
    unknown = sorted(set(names) - known.keys())
    if unknown:
        raise BagError(f"{bag.path} has no messages on {', '.join(unknown)}; it has {', '.join(known)}")
    return [known[name] for name in names] or list(known.values())


def _restamped(topic: BagTopic, data: bytes, line: Timeline) -> bytes:
    """The message with every stamp that is not zero moved to the present. Raises BagError when it is damaged."""
    try:
        message = deserialize_message(data, message_class(topic.type_name))
    except RuntimeError as error:  # rmw's
        raise BagError(f"a message of topic {topic.name} is damaged: {error}") from error
    for header in headers_in(message):
        if stamp_ns := Time.from_msg(header.stamp).nanoseconds:
            header.stamp = Time(nanoseconds=line.to_wall_ns(stamp_ns)).to_msg()
    return serialize_message(message)


def headers_in(message: object) -> Iterator[Header]:
    """Every header in a message, in lists of messages as well: TFMessage has one for each transform."""
    if isinstance(message, Header):
        yield message
        return
    for name, kind in message.get_fields_and_field_types().items():
        if "/" in kind:  # a message or a list of them; everything else has no header in it
            value = getattr(message, name)
            for part in value if isinstance(value, list | tuple) else (value,):
                yield from headers_in(part)
