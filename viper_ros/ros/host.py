"""What the service, the action and the standing instruction see of the node."""

from __future__ import annotations

from typing import Protocol

from viper_ros.msg import Status
from viper_ros.ros.frames import Frame, FrameBuffer
from viper_ros.ros.parameters import Settings
from viper_ros.ros.requests import Request
from viper_ros.ros.results import Result
from viper_ros.ros.worker import Job, Worker


class Host(Protocol):
    """The node, as its parts need it. Safe from any thread, except `answer`: from the worker only."""

    settings: Settings
    frames: FrameBuffer
    worker: Worker

    def is_active(self) -> bool:
        """Whether the lifecycle state is active."""
        ...

    def not_active(self) -> Status:
        """NOT_ACTIVE with the state the node is in and what to do."""
        ...

    def now_s(self) -> float:
        """The node's clock: wall time or sim time [s]."""
        ...

    def answer(self, request: Request, frame: Frame, job: Job) -> Result:
        """Ground the request in the frame; never raises."""
        ...

    def publish(self, result: Result) -> None:
        """Publish a result on the output topics; never raises."""
        ...

    def report(self, error: Exception) -> None:
        """Log a fault with its trace and show it in the diagnostics."""
        ...


def failed(error: Exception | None) -> Status:
    """INTERNAL with the reason; the log has the trace."""
    return Status(code=Status.INTERNAL, message=f"{type(error).__name__}: {error}")
