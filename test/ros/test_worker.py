"""The queue: order, deadlines, refusals. Each job ends in exactly one way, whatever happens."""

import math
import threading
import time

import pytest
from sensor_msgs.msg import Image

from viper_ros.ros.frames import Frame
from viper_ros.ros.worker import Job, Refusal, Worker

FRAME = Frame("frame", Image(), 0.0, 1)


class Log:
    """A worker with a record of what its jobs did."""

    def __init__(self):
        self.events, self.errors, self.ready = [], [], {}
        self.worker = Worker(lambda: (FRAME,), self.errors.append)
        self.worker.open()

    def job(self, name, work=None, deadline_s=math.inf, ready=True):
        self.ready[name] = ready
        job = Job(
            pick=lambda frames, now_s: frames[0] if self.ready[name] else math.inf,
            work=lambda frame: self.events.append(name) or (work(job) if work else False),
            refuse=lambda refusal: self.events.append((name, refusal)),
            deadline_s=deadline_s,
        )
        return job

    def submit(self, *args, **more):
        job = self.job(*args, **more)
        self.worker.submit(job)
        return job

    def until(self, condition, timeout_s=5.0):
        ends_s = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < ends_s, self.events
            time.sleep(0.005)


@pytest.fixture
def log():
    log = Log()
    yield log
    log.worker.end()
    assert not log.worker._threads[0].is_alive() and not log.worker._threads[1].is_alive()


def test_jobs_are_done_in_the_order_of_submission(log):
    gate = threading.Event()
    log.submit("gate", lambda job: not gate.wait(5))
    for index in range(30):
        log.submit(index)
    gate.set()
    log.until(lambda: len(log.events) == 31)
    assert log.events == ["gate", *range(30)]


def test_a_job_that_waits_for_its_frame_holds_up_nobody(log):
    log.submit("waiting", ready=False)
    log.submit("ready")
    log.until(lambda: log.events == ["ready"])
    log.ready["waiting"] = True
    log.worker.wake()
    log.until(lambda: log.events == ["ready", "waiting"])


def test_jobs_that_go_on_take_turns_with_the_others(log):
    counts = {"a": 0, "b": 0}

    def again(name):
        def work(job):
            counts[name] += 1
            return counts[name] < 3

        return work

    gate = threading.Event()
    log.submit("gate", lambda job: not gate.wait(5))
    log.submit("a", again("a"))
    log.submit("b", again("b"))
    gate.set()
    log.until(lambda: len(log.events) == 7)
    assert log.events[1:] == ["a", "b"] * 3


def test_a_deadline_is_kept_while_the_worker_is_busy_with_another_job(log):
    gate = threading.Event()
    log.submit("gate", lambda job: not gate.wait(5))
    log.submit("late", deadline_s=time.monotonic() + 0.05)
    log.until(lambda: ("late", Refusal.TIMEOUT) in log.events)
    gate.set()
    log.submit("next")
    log.until(lambda: "next" in log.events)
    assert log.events == ["gate", ("late", Refusal.TIMEOUT), "next"]


def test_a_deadline_is_kept_for_the_very_job_that_is_worked_on_and_tells_it_to_stop(log):
    stopped = threading.Event()

    def work(job):
        while not job.is_over():
            time.sleep(0.005)
        stopped.set()
        return True  # wants to go on, but its time is over

    log.submit("slow", work, deadline_s=time.monotonic() + 0.05)
    assert stopped.wait(5)
    log.until(lambda: log.worker.queue_length() == 0)
    assert log.events == ["slow", ("slow", Refusal.TIMEOUT)]


def test_a_job_that_raises_is_refused_with_the_error_and_the_worker_lives(log):
    job = log.submit("broken", lambda job: 1 / 0)
    log.submit("next")
    log.until(lambda: "next" in log.events)
    assert log.events == ["broken", ("broken", Refusal.FAILED), "next"]
    assert isinstance(job.error, ZeroDivisionError) and log.errors == [job.error]


def test_closing_refuses_everything_once_and_waits_for_the_work_in_hand(log):
    begun, done = threading.Event(), threading.Event()

    def work(job):
        begun.set()
        time.sleep(0.1)
        done.set()
        return True

    log.submit("in hand", work)
    log.submit("waiting", ready=False)
    assert begun.wait(5)
    log.worker.close()
    assert done.is_set()
    assert sorted(map(str, log.events[1:])) == sorted(map(str, [(n, Refusal.CLOSED) for n in ("in hand", "waiting")]))
    assert log.worker.queue_length() == 0
    log.submit("too late")
    assert log.events[-1] == ("too late", Refusal.CLOSED)
    log.worker.open()
    log.submit("open again")
    log.until(lambda: log.events[-1] == "open again")


def test_a_job_taken_back_is_neither_done_nor_refused(log):
    job = log.submit("taken back", ready=False, deadline_s=time.monotonic() + 0.1)
    log.worker.withdraw(job)
    log.ready["taken back"] = True
    time.sleep(0.2)
    log.submit("next")
    log.until(lambda: log.events == ["next"])


def test_a_refusal_that_raises_does_not_cost_the_others_theirs(log):
    def refuse(refusal):
        raise RuntimeError("the caller is gone")

    log.worker.submit(Job(pick=lambda *_: math.inf, work=lambda _: False, refuse=refuse))
    log.submit("other", ready=False)
    log.worker.close()
    assert log.events == [("other", Refusal.CLOSED)]
    assert str(log.errors[0]) == "the caller is gone"


def test_many_threads_submit_and_every_job_ends_exactly_once(log):
    def submit(thread):
        for index in range(50):
            late = index % 5 == 0
            log.submit((thread, index), ready=not late, deadline_s=time.monotonic() + 0.05 if late else math.inf)

    threads = [threading.Thread(target=submit, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.until(lambda: len(log.events) == 300)
    time.sleep(0.1)
    names = [event[0] if isinstance(event[1], Refusal) else event for event in log.events]
    assert sorted(names) == [(thread, index) for thread in range(6) for index in range(50)]
