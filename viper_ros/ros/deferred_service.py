"""A service whose answer may come later and from another thread.

rclpy answers when the callback returns, so a callback that waits holds an executor thread, and an awaited future makes
the executor poll. Here the callback gets a function to answer with and returns at once: any number of callers can wait
without a thread each.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node

from viper_ros.ros.qos import MANY_REQUESTS

Respond = Callable[[Any], bool]
"""Sends the response; only the first call counts, and it returns True."""


class DeferredService:
    """Serves `name` on `node`; `on_request(request, respond)` must see to it that `respond` is called some time."""

    def __init__(self, node: Node, kind: type, name: str, on_request: Callable[[Any, Respond], None]) -> None:
        self._on_request = on_request
        self._log = node.get_logger()
        group = MutuallyExclusiveCallbackGroup()  # one request at a time is taken in, so that they stay in order
        self._service = node.create_service(kind, name, self._receive, qos_profile=MANY_REQUESTS, callback_group=group)
        self._send = self._service.send_response
        self._service.send_response = self._start  # the executor calls it with what `_receive` returned

    def _receive(self, request: Any, response: Any) -> Any:
        return request

    def _start(self, request: Any, header: Any) -> None:
        self._on_request(request, _Once(lambda response: self._answer(response, header)))

    def _answer(self, response: Any, header: Any) -> None:
        try:
            self._send(response, header)
        except Exception as error:  # the caller is gone, or the node is shutting down
            self._log.warning(f"a response could not be sent: {error}")


class _Once:
    """A function that is called at most once, whatever the threads."""

    def __init__(self, function: Callable[[Any], None]) -> None:
        self._function: Callable[[Any], None] | None = function
        self._lock = threading.Lock()

    def __call__(self, argument: Any) -> bool:
        with self._lock:
            function, self._function = self._function, None
        if function is not None:
            function(argument)
        return function is not None
