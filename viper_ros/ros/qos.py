"""QoS of the inputs, and the word that goes out when a peer's QoS does not fit."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy

try:
    from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import PublisherEventCallbacks, SubscriptionEventCallbacks

from rclpy.qos import qos_policy_name_from_kind

NEWEST_SENSOR_DATA = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
"""Takes from reliable and best-effort publishers, and only the newest (REP 2003)."""

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


def _teller(topic: str, on_incompatible: OnIncompatible) -> Callable:
    def tell(event: object) -> None:
        on_incompatible(topic, qos_policy_name_from_kind(event.last_policy_kind))

    return tell
