"""One thread that does all the work, and an orderly queue in front of it.

A job waits until a frame fits it (`pick`), in the order of submission; the first that fits is worked on. A job whose
`work` returns True goes to the end of the queue and waits for its next frame: that is how a goal and the standing
instruction take turns with single requests. A second thread only watches deadlines, so that a job is refused on time
even while the worker is busy with it or with another. Every job ends by exactly one of: `work` returned False,
`refuse` was called (also when `work` raised), it was withdrawn.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from viper_ros.ros.frames import Frame


class Refusal(Enum):
    """Why a job ends without having done its work."""

    TIMEOUT = "timeout"
    CLOSED = "closed"
    FAILED = "failed"


@dataclass(eq=False)
class Job:
    """Something to do on a frame.

    `pick(frames, now_s)` gets the frames at hand, newest first, and returns the one to work on, or the time (steady
    clock, may be infinite) at which to look again without a new frame. It is called with the queue locked: be quick.
    `work(frame)` runs in the worker thread. `refuse` runs in any thread, at most once, possibly while `work` still
    runs; `error` is what `work` raised where that is the reason.
    """

    pick: Callable[[Sequence[Frame], float], Frame | float]
    work: Callable[[Frame], bool]
    refuse: Callable[[Refusal], None]
    deadline_s: float = math.inf
    error: Exception | None = None
    _over: threading.Event = field(default_factory=threading.Event)

    def is_over(self) -> bool:
        """Whether nobody waits for the result any more; long work looks here and stops."""
        return self._over.is_set()


class Worker:
    """The queue and its two threads. `frames()` is asked for the frames at hand; `on_error` gets what `work` raises."""

    def __init__(self, frames: Callable[[], Sequence[Frame]], on_error: Callable[[Exception], None]) -> None:
        self._frames = frames
        self._on_error = on_error
        self._changed = threading.Condition()
        self._pending: list[Job] = []
        self._current: Job | None = None
        self._open = False
        self._ended = False
        self._threads = [
            threading.Thread(target=target, name=f"viper_{name}", daemon=True)
            for name, target in (("worker", self._work_loop), ("deadlines", self._deadline_loop))
        ]
        for thread in self._threads:
            thread.start()

    def open(self) -> None:
        """Take jobs from now on."""
        with self._changed:
            self._open = True

    def close(self) -> None:
        """Refuse all jobs, take no more, and return when the worker is at rest."""
        with self._changed:
            self._open = False
            refused = [job for job in self._all() if not job.is_over()]
            self._finish(refused)
        self._refuse(refused, Refusal.CLOSED)
        with self._changed:
            self._changed.wait_for(lambda: self._current is None)

    def end(self) -> None:
        """Close and end both threads."""
        self.close()
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def submit(self, job: Job) -> None:
        """Put a job at the end of the queue; a closed queue refuses it at once."""
        with self._changed:
            if self._open:
                self._pending.append(job)
                self._changed.notify_all()
                return
            self._finish([job])
        self._refuse([job], Refusal.CLOSED)

    def withdraw(self, job: Job) -> None:
        """Take a job back; its `refuse` is not called."""
        with self._changed:
            self._finish([job])

    def wake(self) -> None:
        """Look at the queue again: a frame has come, or a setting has changed."""
        with self._changed:
            self._changed.notify_all()

    def queue_length(self) -> int:
        """Jobs that wait or are worked on."""
        with self._changed:
            return len(self._all())

    def _all(self) -> list[Job]:
        return self._pending + ([self._current] if self._current else [])

    def _finish(self, jobs: Sequence[Job]) -> None:
        """Mark jobs as over and drop them from the queue; with the queue locked."""
        for job in jobs:
            job._over.set()
        if jobs:
            self._pending = [job for job in self._pending if not job.is_over()]
            self._changed.notify_all()

    def _work_loop(self) -> None:
        while (task := self._next_task()) is not None:
            job, frame = task
            again = self._work(job, frame)
            with self._changed:
                self._current = None
                if again and not job.is_over():
                    self._pending.append(job)
                else:
                    job._over.set()
                self._changed.notify_all()

    def _work(self, job: Job, frame: Frame) -> bool:
        try:
            return job.work(frame)
        except Exception as error:
            self._on_error(error)
            job.error = error
            with self._changed:
                unanswered = not job.is_over()
                self._finish([job])
            if unanswered:
                self._refuse([job], Refusal.FAILED)
            return False

    def _next_task(self) -> tuple[Job, Frame] | None:
        """Wait for the first job in the queue that a frame fits; None when the worker is to end."""
        with self._changed:
            while not self._ended:
                now_s, look_again_s = time.monotonic(), math.inf
                frames = self._frames() if self._pending else ()
                for job in self._pending:
                    picked = job.pick(frames, now_s)
                    if isinstance(picked, Frame):
                        self._pending.remove(job)
                        self._current = job
                        return job, picked
                    look_again_s = min(look_again_s, picked)
                self._wait_until(look_again_s)
        return None

    def _deadline_loop(self) -> None:
        while True:
            with self._changed:
                if self._ended:
                    return
                now_s = time.monotonic()
                late = [job for job in self._all() if job.deadline_s <= now_s and not job.is_over()]
                self._finish(late)
                if not late:
                    self._wait_until(self._next_deadline_s())
            self._refuse(late, Refusal.TIMEOUT)

    def _next_deadline_s(self) -> float:
        return min((job.deadline_s for job in self._all() if not job.is_over()), default=math.inf)

    def _wait_until(self, time_s: float) -> None:
        left_s = time_s - time.monotonic()
        self._changed.wait(None if math.isinf(left_s) else max(left_s, 0.001))

    def _refuse(self, jobs: Sequence[Job], refusal: Refusal) -> None:
        for job in jobs:
            try:
                job.refuse(refusal)
            except Exception as error:
                self._on_error(error)
