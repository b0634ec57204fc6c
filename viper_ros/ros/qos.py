"""QoS of the inputs, and the word that goes out when a peer's QoS does not fit."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSCompatibility, QoSProfile, ReliabilityPolicy, qos_check_compatible

try:
    from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import PublisherEventCallbacks, SubscriptionEventCallbacks

from rclpy.qos import qos_policy_name_from_kind
from rclpy.topic_endpoint_info import TopicEndpointInfo

NEWEST_SENSOR_DATA = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
"""Takes from reliable and best-effort publishers, and only the newest (REP 2003)."""

SENSOR_DATA_IN_BURSTS = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=8, reliability=ReliabilityPolicy.BEST_EFFORT)
"""For what has a partner: on a busy machine several come at once, and the newest is not the one that is looked for."""

MANY_REQUESTS = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=500, reliability=ReliabilityPolicy.RELIABLE)
"""For services: the default depth of 10 loses requests silently when more callers than that come at once."""

OnIncompatible = Callable[[str, str], None]
"""Called with the topic's full name and the policy that does not fit."""


def subscription_events(topic: str, on_incompatible: OnIncompatible) -> SubscriptionEventCallbacks:
    """Event callbacks for a subscription on `topic`."""
    return SubscriptionEventCallbacks(incompatible_qos=_teller(topic, on_incompatible))


def publisher_events(topic: str, on_incompatible: OnIncompatible) -> PublisherEventCallbacks:
    """Event callbacks for a publisher on `topic`."""
    return PublisherEventCallbacks(incompatible_qos=_teller(topic, on_incompatible))


def has_misfit(node: Node, topic: str) -> bool:
    """Whether a peer on `topic` (its full name) still does not fit `node`'s own end of it: peers come and go."""

    def is_own(end: TopicEndpointInfo) -> bool:
        return (end.node_name, end.node_namespace) == (node.get_name(), node.get_namespace())

    publishers, subscriptions = node.get_publishers_info_by_topic(topic), node.get_subscriptions_info_by_topic(topic)
    pairs = [(sent, got) for sent in publishers for got in subscriptions if is_own(sent) or is_own(got)]
    return any(
        qos_check_compatible(sent.qos_profile, got.qos_profile)[0] == QoSCompatibility.ERROR for sent, got in pairs
    )


def _teller(topic: str, on_incompatible: OnIncompatible) -> Callable:
    def tell(event: object) -> None:
        on_incompatible(topic, qos_policy_name_from_kind(event.last_policy_kind))

    return tell
