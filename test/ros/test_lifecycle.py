"""Whatever the order of transitions, and whatever fails in them, the node lives, answers, and says what was wrong."""

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.msg import TransitionEvent
from std_msgs.msg import Header

from viper_ros.msg import Status
from viper_ros.ros.images import array_to_image
from viper_ros.ros.stamps import duration_from_s

STEPS = 20
NEXT = {
    ("unconfigured", "configure"): "inactive",
    ("inactive", "activate"): "active",
    ("inactive", "cleanup"): "unconfigured",
    ("active", "deactivate"): "inactive",
}
"""The transitions that there are; every other one is refused and changes nothing."""

AT_WORK_IN = {"activate": "_subscribe", "deactivate": "_rest", "cleanup": "_release"}
"""What a transition calls, and what therefore can fail in it."""

IMAGE = array_to_image(np.zeros((12, 16, 3), np.uint8), "rgb8", Header(frame_id="elsewhere"))


def fail_once(node, name):
    """The method raises when it is called next, and works after that."""
    working = getattr(node, name)

    def fail():
        setattr(node, name, working)
        raise RuntimeError(f"a fault in {name}")

    setattr(node, name, fail)
    return lambda: setattr(node, name, working)


@pytest.mark.parametrize("seed", range(3))
def test_random_transitions_with_faults_leave_a_node_that_answers_everybody(resting_rig, seed):
    rig, rng = resting_rig, np.random.default_rng(seed)
    state, codes = "unconfigured", []
    for _ in range(STEPS):
        label = str(rng.choice(["configure", "activate", "deactivate", "cleanup"]))
        fails = label != "configure" and rng.random() < 0.2
        mend = fail_once(rig.viper, AT_WORK_IN[label]) if fails else lambda: None
        before = [rig.ask_async(f"mug {index}", image=IMAGE) for index in range(3)]
        goal = rig.send_goal(timeout=duration_from_s(30)) if rng.random() < 0.3 else None
        allowed = (state, label) in NEXT
        assert rig.transition(label) == (allowed and not fails)
        if allowed:
            state = "unconfigured" if fails else NEXT[state, label]
        mend()
        assert rig.state() == state
        codes += [rig.finish(future).grounding.status.code for future in before]
        expected = Status.OK if state == "active" else Status.NOT_ACTIVE
        assert rig.ask(image=IMAGE).status.code == expected
        if goal is not None:
            if state == "active":
                rig.finish(goal.cancel_goal_async())
            assert rig.finish(goal.get_result_async()).result.grounding.status.code in (
                Status.NOT_ACTIVE,
                Status.CANCELED,
            )
    assert set(codes) <= {Status.OK, Status.NOT_ACTIVE}
    assert rig.viper.worker.queue_length() == (state == "active")  # the standing instruction alone


@pytest.mark.parametrize(
    "before, label",
    [(["configure"], "activate"), (["configure", "activate"], "deactivate"), (["configure"], "cleanup")],
)
def test_a_fault_goes_through_the_error_state_and_its_reason_is_told_to_callers_and_in_diagnostics(
    resting_rig, before, label
):
    rig = resting_rig
    got = rig.listen(DiagnosticArray, "/diagnostics")
    assert all([rig.transition(earlier) for earlier in before])
    events = rig.listen(TransitionEvent, "viper/transition_event")
    fail_once(rig.viper, AT_WORK_IN[label])
    assert not rig.transition(label)
    rig.wait_for(lambda: any(event.goal_state.label == "errorprocessing" for event in events))
    assert rig.state() == "unconfigured"
    reason = f"{label}: RuntimeError: a fault in {AT_WORK_IN[label]}"
    assert reason in rig.ask().status.message
    name = rig.viper.get_fully_qualified_name()
    told = rig.wait_for(
        lambda: [s for m in got for s in m.status if name in s.name and s.level == DiagnosticStatus.ERROR]
    )
    assert reason in told[0].message
    assert rig.transition("configure")
    assert "a fault" not in rig.ask().status.message


def test_a_failed_configure_tells_callers_why(resting_rig):
    assert resting_rig.set_parameter("model", "no_such_model").successful
    assert not resting_rig.transition("configure")
    assert "no checkpoint 'no_such_model'" in resting_rig.ask().status.message


def test_shutdown_from_any_state_answers_what_waits_and_the_service_still_speaks(make_rig):
    for before in ([], ["configure"], ["configure", "activate"]):
        rig = make_rig()
        assert all([rig.transition(label) for label in before])
        waiting = rig.ask_async("the mug", timeout=duration_from_s(60))
        assert rig.transition("shutdown")
        assert rig.finish(waiting).grounding.status.code == Status.NOT_ACTIVE
        assert not rig.transition("configure")
        assert "finalized" in rig.ask().status.message
