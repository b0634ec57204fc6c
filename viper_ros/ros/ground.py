"""The action `~/ground`: look until something is found, or watch it for a time.

Policy for several goals: each runs on its own until it ends; they take turns on the worker and share the encodings of
their frames. At most MAX_GOALS run at once; one more is aborted at once with a message. All goals are accepted, because
a rejection could not say why: the result's status does.

    ends by                       action state   status of the result
    found (watch: time over)      succeeded      of the best grounding: OK, NO_DEPTH, TF_UNAVAILABLE (watch: NOT_FOUND)
    time over, nothing found      aborted        NOT_FOUND, or NO_IMAGE or STALE_IMAGE when no frame could be looked at
    cancel                        canceled       CANCELED
    deactivation                  aborted        NOT_ACTIVE
    bad goal, fault               aborted        BAD_REQUEST, INTERNAL
"""

from __future__ import annotations

import threading

from rclpy.action import ActionServer, CancelResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node

from viper_ros.action import Ground
from viper_ros.msg import Status
from viper_ros.ros.frames import Frame
from viper_ros.ros.host import Host, failed
from viper_ros.ros.picking import FramePicker, deadline_after
from viper_ros.ros.requests import BadRequest, request_from_goal
from viper_ros.ros.watch import Watch
from viper_ros.ros.worker import Job, Refusal

MAX_GOALS = 8
"""Goals at once; each holds one thread of the executor, which waits for its end and looks for a cancel."""

CANCEL_CHECK_S = 0.05


class GroundServer:
    """Serves `~/ground` in every lifecycle state."""

    def __init__(self, node: Node, host: Host) -> None:
        self._host = host
        self._places = threading.Semaphore(MAX_GOALS)
        self._server = ActionServer(
            node,
            Ground,
            "~/ground",
            self._execute,
            callback_group=ReentrantCallbackGroup(),
            cancel_callback=lambda handle: CancelResponse.ACCEPT,
        )

    def destroy(self) -> None:
        """Take the action back."""
        self._server.destroy()

    def _execute(self, handle: ServerGoalHandle) -> Ground.Result:
        try:
            return self._run(handle)
        except BadRequest as error:
            status = Status(code=Status.BAD_REQUEST, message=str(error))
        except Exception as error:
            self._host.report(error)
            status = failed(error)
        return _aborted(handle, status)

    def _run(self, handle: ServerGoalHandle) -> Ground.Result:
        if not self._host.is_active():
            return _aborted(handle, self._host.not_active())
        request = request_from_goal(handle.request, self._host.settings)
        if not self._places.acquire(blocking=False):
            text = f"{MAX_GOALS} goals are running, no more run at once: cancel one or wait"
            return _aborted(handle, Status(code=Status.BAD_REQUEST, message=text))
        try:
            return _Goal(self._host, handle, Watch(request)).run()
        finally:
            self._places.release()


class _Goal:
    """One running goal. `run` waits in a thread of the executor while the worker calls `_look` frame by frame."""

    def __init__(self, host: Host, handle: ServerGoalHandle, seen: Watch) -> None:
        self.host, self.handle, self.seen = host, handle, seen
        self.picker = FramePicker(seen.request, host.frames, host.now_s)
        deadline_s = deadline_after(seen.request.timeout_s)
        self.job = Job(pick=self.picker.pick, work=self._look, refuse=self._refuse, deadline_s=deadline_s)
        self.over = threading.Event()
        self.fault: Status | None = None
        self.refusal: Refusal | None = None

    def run(self) -> Ground.Result:
        """Returns when the goal has ended; the handle is in its final state then."""
        self.host.worker.submit(self.job)
        while not self.over.wait(CANCEL_CHECK_S):
            if self.handle.is_cancel_requested:
                self.host.worker.withdraw(self.job)
                return self._canceled()
        return self._canceled() if self.handle.is_cancel_requested else self._ended()

    def _look(self, frame: Frame) -> bool:
        result = self.host.answer(self.seen.request, frame, self.job)
        if self.job.is_over():
            return False
        if result.grounding is None:
            self.fault = result.status
            again = result.status.code == Status.NO_IMAGE  # this frame was unreadable, the next may be fine
        else:
            self.fault = None
            self.seen.add(result)
            self.handle.publish_feedback(self.seen.feedback(result))
            again = self.handle.request.watch or not result.grounding.present
        self.host.publish(result)
        if not again:
            self.over.set()
        return again

    def _refuse(self, refusal: Refusal) -> None:
        self.refusal = refusal
        self.over.set()

    def _canceled(self) -> Ground.Result:
        self.handle.canceled()
        return self.seen.result(Status(code=Status.CANCELED, message=f"cancelled after {self.seen.frames} frames"))

    def _ended(self) -> Ground.Result:
        if self.refusal is Refusal.CLOSED:
            return _aborted(self.handle, self.host.not_active(), self.seen)
        if self.refusal is Refusal.FAILED:
            return _aborted(self.handle, failed(self.job.error), self.seen)
        if self.fault is not None:
            return _aborted(self.handle, self.fault, self.seen)
        if self.seen.best is None:
            return _aborted(self.handle, self.picker.refusal(), self.seen)
        if self.seen.frames_present or self.handle.request.watch:
            self.handle.succeed()
            return self.seen.result()
        return _aborted(self.handle, self.seen.best.status, self.seen)


def _aborted(handle: ServerGoalHandle, status: Status, seen: Watch | None = None) -> Ground.Result:
    handle.abort()
    if seen is not None:
        return seen.result(status)
    message = Ground.Result()
    message.grounding.instruction = handle.request.instruction
    message.grounding.status = status
    return message
