"""A planner's way to a viper node: plain calls with timeouts, from any thread and any callback but its own feedback.

    with ViperClient() as viper:
        viper.wait_until_ready(timeout_s=10.0)
        found = viper.query("pick up the red mug", target_frame="base_link", want_3d=True)
        if found.present and found.regions[0].has_position:
            pick(found.regions[0].pose, found.regions[0].position_header)

The client has a node and a thread of its own, so it never waits for the executor of the planner's node.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import rclpy
from action_msgs.msg import GoalStatus
from builtin_interfaces.msg import Time
from lifecycle_msgs.msg import State
from lifecycle_msgs.srv import GetState
from rclpy.action import ActionClient
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.task import Future
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from viper_ros.action import Ground
from viper_ros.msg import Grounding, Status
from viper_ros.ros.images import array_to_image
from viper_ros.ros.qos import MANY_REQUESTS
from viper_ros.ros.spinning import spin_on
from viper_ros.ros.stamps import duration_from_s
from viper_ros.srv import Query

_NUMBERS = itertools.count()

ANSWERED = (Status.OK, Status.NOT_FOUND, Status.NO_DEPTH, Status.TF_UNAVAILABLE)
"""Codes with which the 2D result is valid; the others raise ViperError."""

SLACK_S = 1.0
"""How much longer than the node the client waits: the node's own answer says more than ours."""

STATUS_NAMES = {code: name for name in dir(Status) if name.isupper() and isinstance(code := getattr(Status, name), int)}
"""Status code -> its name, e.g. 2 -> "NO_IMAGE"."""


class ViperError(RuntimeError):
    """A request was not served. `code` is a Status code, or None where the node did not answer at all."""

    def __init__(self, message: str, code: int | None = None) -> None:
        """Message and code."""
        super().__init__(message)
        self.code = code


class ViperClient:
    """Asks one viper node. Close it when done, or use it in a `with`."""

    def __init__(self, name: str = "/viper", context: Context | None = None) -> None:
        """`name` is the viper node's full name.

        `context` None: rclpy's default one, or, where that is not initialised, one of the client's own.
        """
        default = rclpy.get_default_context()
        self._context = context or (default if default.ok() else Context())  # a context is initialised once only
        self._owns_context = not self._context.ok()
        if self._owns_context:
            rclpy.init(context=self._context)
        self.name = name if name.startswith("/") else f"/{name}"
        self._node = rclpy.create_node(
            f"viper_client_{os.getpid()}_{next(_NUMBERS)}",
            context=self._context,
            use_global_arguments=False,
            start_parameter_services=False,
        )
        self._query = self._node.create_client(Query, f"{self.name}/query", qos_profile=MANY_REQUESTS)
        self._state = self._node.create_client(GetState, f"{self.name}/get_state")
        self._ground = ActionClient(self._node, Ground, f"{self.name}/ground")
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=spin_on, args=(self._executor, self._node), daemon=True)
        self._thread.start()

    def __enter__(self) -> ViperClient:
        """The client itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Stop the thread and destroy the client's node; rclpy is shut down only if the client initialised it."""
        self._executor.shutdown(timeout_sec=2.0)
        self._thread.join(timeout=2.0)
        self._ground.destroy()
        self._node.destroy_node()
        if self._owns_context:
            rclpy.shutdown(context=self._context)

    def wait_until_ready(self, timeout_s: float = 10.0) -> None:
        """Return once the node is active. Raises ViperError with what is missing after `timeout_s`."""
        ends_s = time.monotonic() + timeout_s
        label = "not there or not answering"
        while (left_s := ends_s - time.monotonic()) > 0.0:
            if not self._state.wait_for_service(timeout_sec=left_s) or not self._query.wait_for_service(left_s):
                break
            state = _wait(self._state.call_async(GetState.Request()), min(left_s, 2.0))
            if state is not None and state.current_state.id == State.PRIMARY_STATE_ACTIVE:
                return
            label = state.current_state.label if state is not None else label
            time.sleep(0.05)
        raise ViperError(f"{self.name} is {label} after {timeout_s:.1f} s: start it, then configure and activate it")

    def query(
        self,
        instruction: str,
        *,
        image: np.ndarray | Image | None = None,
        max_image_age_s: float = 0.0,
        not_before: Time | None = None,
        timeout_s: float = 5.0,
        target_frame: str = "",
        threshold: float = 0.0,
        max_regions: int = 0,
        want_3d: bool = False,
        want_answer: bool = True,
    ) -> Grounding:
        """Ask one question about the newest frame, or about `image`: (H, W, 3) uint8 RGB or a message.

        Zeros and empty strings leave the choice to the node, but for `timeout_s`, which is ours as well and above 0.
        The fields are those of srv/Query. "Not found" is an answer (`present` is False). Raises ViperError for the
        codes that are not in ANSWERED, and when no answer came.
        """
        _check_timeout(timeout_s)
        request = Query.Request(
            instruction=instruction,
            image=_image_message(image),
            max_image_age=duration_from_s(max_image_age_s),
            not_before=not_before or Time(),
            timeout=duration_from_s(timeout_s),
            target_frame=target_frame,
            threshold=threshold,
            max_regions=max_regions,
            want_3d=want_3d,
            want_answer=want_answer,
        )
        if not self._query.wait_for_service(timeout_sec=timeout_s):
            raise ViperError(f"{self.name}/query is not there after {timeout_s:.1f} s: is the viper node running?")
        response = _wait(self._query.call_async(request), timeout_s + SLACK_S)
        if response is None:
            raise ViperError(f"{self.name}/query did not answer within {timeout_s + SLACK_S:.1f} s")
        return checked(response.grounding)

    def ground(
        self,
        instruction: str,
        *,
        timeout_s: float = 10.0,
        watch: bool = False,
        target_frame: str = "",
        threshold: float = 0.0,
        max_regions: int = 0,
        want_3d: bool = False,
        on_feedback: Callable[[Ground.Feedback], Any] | None = None,
        should_cancel: Callable[[], bool] = lambda: False,
    ) -> Ground.Result:
        """Look for something until it is found, or watch it for `timeout_s`; the fields are those of action/Ground.

        `on_feedback` is called for each frame from the client's thread, so it must not ask the client anything;
        `should_cancel` is looked at every 50 ms and ends the goal. Not found within the time is a result (status
        NOT_FOUND); so is CANCELED. Raises ViperError for the other codes that are not in ANSWERED, and when the node
        does not answer.
        """
        _check_timeout(timeout_s)
        goal = Ground.Goal(
            instruction=instruction,
            timeout=duration_from_s(timeout_s),
            watch=watch,
            target_frame=target_frame,
            threshold=threshold,
            max_regions=max_regions,
            want_3d=want_3d,
        )
        if not self._ground.wait_for_server(timeout_sec=timeout_s):
            raise ViperError(f"{self.name}/ground is not there after {timeout_s:.1f} s: is the viper node running?")
        tell = (lambda message: on_feedback(message.feedback)) if on_feedback else None
        handle = _wait(self._ground.send_goal_async(goal, feedback_callback=tell), timeout_s + SLACK_S)
        if handle is None or not handle.accepted:
            raise ViperError(f"{self.name}/ground did not accept the goal within {timeout_s + SLACK_S:.1f} s")
        return self._result_of(handle, timeout_s, should_cancel)

    def _result_of(self, handle: Any, timeout_s: float, should_cancel: Callable[[], bool]) -> Ground.Result:
        done = handle.get_result_async()
        ends_s = time.monotonic() + timeout_s + SLACK_S
        canceling = False
        try:
            while (response := _wait(done, 0.05)) is None:
                if not canceling and should_cancel():
                    canceling = True
                    handle.cancel_goal_async()
                if time.monotonic() > ends_s:
                    raise ViperError(f"{self.name}/ground did not end within {timeout_s + SLACK_S:.1f} s")
        except BaseException:  # whatever ends the wait, nobody wants the result any more: its place is for others
            handle.cancel_goal_async()
            raise
        if response.status != GoalStatus.STATUS_CANCELED:
            checked(response.result.grounding)
        return response.result


def checked(grounding: Grounding) -> Grounding:
    """The grounding itself when it was answered; otherwise ViperError with the node's own reason."""
    status = grounding.status
    if status.code not in ANSWERED:
        raise ViperError(f"{STATUS_NAMES.get(status.code, status.code)}: {status.message}", status.code)
    return grounding


def _image_message(image: np.ndarray | Image | None) -> Image:
    if image is None:
        return Image()
    if isinstance(image, Image):
        return image
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"image must be (H, W, 3) uint8 RGB, got {image.shape} {image.dtype}")
    return array_to_image(image, "rgb8", Header())


def _check_timeout(timeout_s: float) -> None:
    if not timeout_s > 0.0:
        raise ValueError(f"timeout_s must be above 0, got {timeout_s}")


def _wait(future: Future, timeout_s: float) -> Any:
    """The future's result, or None after the timeout; the client's thread completes it."""
    done = threading.Event()
    future.add_done_callback(lambda _: done.set())
    return future.result() if done.wait(timeout_s) else None
