"""The lifecycle node `viper`: an image and an instruction in; answer, relevance, regions and positions out.

    ros2 run viper_ros viper_node --ros-args -p autostart:=true -r image:=/camera/color/image_raw ...

configure loads the model, activate subscribes, deactivate answers everything pending and rests, cleanup gives the
memory back. The service and the action exist in every state and answer NOT_ACTIVE at once when the node is not active.
"""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable
from functools import partial, wraps

from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import String

from viper_ros.msg import Status
from viper_ros.ros.diagnostics import Health, Vitals, diagnose
from viper_ros.ros.engine import Engine
from viper_ros.ros.frames import Frame, FrameBuffer
from viper_ros.ros.ground import MAX_GOALS, GroundServer
from viper_ros.ros.memory import give_back_memory, megabytes, resident_bytes
from viper_ros.ros.outputs import Outputs
from viper_ros.ros.parameters import check_parameters, declare_parameters, read_settings
from viper_ros.ros.predictors import load_predictor
from viper_ros.ros.qos import NEWEST_SENSOR_DATA, SENSOR_DATA_IN_BURSTS, has_misfit, subscription_events
from viper_ros.ros.query import QueryServer
from viper_ros.ros.requests import BadRequest, Request, check_settings
from viper_ros.ros.results import Result
from viper_ros.ros.spinning import run_node
from viper_ros.ros.stamps import on_jump_back
from viper_ros.ros.standing import StandingInstruction
from viper_ros.ros.transforms import TransformBuffer, make_transform_buffer
from viper_ros.ros.worker import Job, Worker

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE
Transition = Callable[["ViperNode", LifecycleState], TransitionCallbackReturn]

EXECUTOR_THREADS = MAX_GOALS + 4
"""A goal holds a thread while it runs; the others are for topics, requests, parameters and transitions."""


def reported(transition: Transition) -> Transition:
    """A transition whose exception is reported and becomes ERROR; rclpy would swallow it without a word."""

    @wraps(transition)
    def run(node: ViperNode, state: LifecycleState) -> TransitionCallbackReturn:
        try:
            return transition(node, state)
        except Exception as error:
            node.report(error)
            node.health.transition_error = f"{transition.__name__.removeprefix('on_')}: {node.health.last_error}"
            return TransitionCallbackReturn.ERROR

    return run


class ViperNode(LifecycleNode):
    """The node. Its parts see it as `host.Host`; `main` gives it an executor and a process."""

    def __init__(self, **kwargs: object) -> None:
        """Declare the parameters and advertise what exists in every state.

        Raises rclpy's InvalidParameterValueException or -TypeException for a parameter given at start that is no good.
        """
        super().__init__("viper", **kwargs)
        declare_parameters(self)
        self.settings = read_settings(self)
        self.health = Health()
        self.engine: Engine | None = None
        self._state = "unconfigured"
        self._outputs: Outputs | None = None
        self._transforms: TransformBuffer | None = None
        self._inputs: list = []
        self.frames = FrameBuffer(self.now_s, self.settings.sync_slop, on_frame=lambda: self.worker.wake())
        self.worker = Worker(self.frames.frames, self.report)
        self._jump = on_jump_back(self, self.frames.clear_images)
        self._standing = StandingInstruction(self)
        self._query = QueryServer(self, self)
        self._ground = GroundServer(self, self)
        self.add_on_set_parameters_callback(self._on_set_parameters)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", QoSProfile(depth=1))
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # sim time may stand still, diagnostics must not
        group = MutuallyExclusiveCallbackGroup()
        self._diagnostics_timer = self.create_timer(1.0, self._publish_diagnostics, group, steady)
        if self.settings.autostart:
            # In the default group, which the lifecycle services are in: transitions never overlap.
            self._autostart_timer = self.create_timer(0.01, self._autostart, clock=steady)

    # Lifecycle

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Check the parameters and load the model. On failure the reason is logged and the node stays unconfigured."""
        try:
            self.settings = read_settings(self)
            check_settings(self.settings)
            predictor = load_predictor(self.settings)
            give_back_memory()  # loading leaves as much behind as the model takes
            self._transforms = make_transform_buffer(self)
            self._outputs = Outputs(self, ReentrantCallbackGroup(), self.health.record_incompatible)
            self.engine = Engine(predictor, self._transforms, self.now_s)
        except Exception as error:
            self._release()
            self.report(error)
            self.health.transition_error = f"configure: {self.health.last_error}"
            return FAILURE
        self.health.transition_error = ""
        self._state = "inactive"
        told = "model {model} with {parameters} parameters on {device}, {dtype}".format(**self.engine.info)
        self.get_logger().info(f"{told}; memory of the process: {megabytes(resident_bytes())}")
        return SUCCESS

    @reported
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe and take requests."""
        self._subscribe()
        self.worker.open()
        self._standing.start()
        self._state = "active"
        self.get_logger().info(f"active, listening to {self.resolve_topic_name('image')}")
        return SUCCESS

    @reported
    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Answer everything pending with NOT_ACTIVE and unsubscribe; returns when the worker is at rest."""
        self._rest()
        self.get_logger().info("inactive: everything pending is answered")
        return SUCCESS

    @reported
    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Give back the model's memory, unless another node of this process still uses the model."""
        before = resident_bytes()
        self._release()
        after = resident_bytes()
        self.get_logger().info(f"model released; memory of the process: {megabytes(before)} -> {megabytes(after)}")
        return SUCCESS

    @reported
    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Rest and release, whatever the state was."""
        self._release()
        self._state = "finalized"
        return SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Recover to unconfigured; what was at fault stays in the diagnostics and in NOT_ACTIVE answers."""
        self.get_logger().error(f"a transition from {state.label} failed: {self.health.last_error}")
        self._release()
        return SUCCESS

    def close(self) -> None:
        """End the threads, answer what is pending and destroy the node."""
        self._release()
        self._jump.unregister()
        self.worker.end()
        self._ground.destroy()
        self.destroy_node()

    def _autostart(self) -> None:
        self._autostart_timer.cancel()
        if self.trigger_configure() == SUCCESS:
            self.trigger_activate()

    def _rest(self) -> None:
        if self._state == "active":
            self._state = "inactive"
        for subscription in self._inputs:
            self.destroy_subscription(subscription)
        self._inputs.clear()
        self.worker.close()
        self.frames.clear()

    def _release(self) -> None:
        self._rest()
        self._state = "unconfigured"
        self.engine = None
        if self._outputs is not None:
            self._outputs.destroy()
        if self._transforms is not None:
            self._transforms.close()
        self._outputs = self._transforms = None
        give_back_memory()

    # Inputs

    def _subscribe(self) -> None:
        image = self.resolve_topic_name("image")
        if self.settings.image_transport == "compressed":
            self._listen(CompressedImage, f"{image}/compressed", self.frames.put_image)
        else:
            self._listen(Image, image, self.frames.put_image)
        self._listen(CameraInfo, "camera_info", self.frames.put_camera_info)
        self._listen(Image, "depth/image", self.frames.put_depth, SENSOR_DATA_IN_BURSTS)
        self._listen(CameraInfo, "depth/camera_info", self.frames.put_depth_info)
        self._listen(String, "instruction", self._on_instruction, QoSProfile(depth=1))

    def _listen(self, kind: type, topic: str, callback: object, qos: QoSProfile = NEWEST_SENSOR_DATA) -> None:
        events = subscription_events(self.resolve_topic_name(topic), self.health.record_incompatible)
        group = MutuallyExclusiveCallbackGroup()  # per topic: messages of one topic stay in order
        self._inputs.append(
            self.create_subscription(kind, topic, callback, qos, callback_group=group, event_callbacks=events)
        )

    def _on_instruction(self, message: String) -> None:
        """An instruction by topic is the parameter set by topic: one place that checks, one value to read back."""
        result = self.set_parameters([Parameter("instruction", value=message.data)])[0]
        if not result.successful:
            self.get_logger().error(f"instruction refused: {result.reason}")

    def _on_set_parameters(self, parameters: list[Parameter]) -> SetParametersResult:
        result = check_parameters(parameters, configured=self._state in ("inactive", "active"))
        if not result.successful:
            return result
        settings = read_settings(self, parameters)
        try:
            check_settings(settings)
        except BadRequest as error:
            return SetParametersResult(successful=False, reason=str(error))
        self.settings = settings
        self.frames.slop_s = settings.sync_slop
        self._standing.renew()
        self.worker.wake()
        return result

    # What the parts of the node need: see host.Host

    def is_active(self) -> bool:
        """See Host."""
        return self._state == "active"

    def not_active(self) -> Status:
        """See Host."""
        text = f"{self.get_fully_qualified_name()} is {self._state}, not active: "
        text += "start it anew" if self._state == "finalized" else "configure and activate it"
        if self.health.transition_error:
            text += f" (its last transition failed: {self.health.transition_error})"
        return Status(code=Status.NOT_ACTIVE, message=text)

    def now_s(self) -> float:
        """See Host."""
        return self.get_clock().now().nanoseconds * 1e-9

    def answer(self, request: Request, frame: Frame, job: Job) -> Result:
        """See Host."""
        result = self.engine.answer(request, frame, self.settings, job.is_over)
        if result.status.code == Status.INTERNAL:
            self.health.record_error(result.status.message)
            self.get_logger().error(f"{result.status.message}\n{result.trace}")
        elif result.grounding is None:
            self.get_logger().warning(result.status.message, throttle_duration_sec=5.0)
        return result

    def publish(self, result: Result) -> None:
        """See Host."""
        try:
            self._outputs.publish(result)
        except Exception as error:  # an output that fails must cost neither the caller nor the other requests
            self.report(error)

    def report(self, error: Exception) -> None:
        """See Host."""
        self.health.record_error(f"{type(error).__name__}: {error}")
        self.get_logger().error(f"{error}\n{''.join(traceback.format_exception(error))}")

    def _publish_diagnostics(self) -> None:
        newest = self.frames.newest()
        outputs = self._outputs
        self.health.forget_misfits(partial(has_misfit, self))
        vitals = Vitals(
            name=self.get_fully_qualified_name(),
            state=self._state,
            active=self.is_active(),
            settings_model=self.settings.model,
            frames=self.frames,
            frames_dropped=self._standing.frames_dropped,
            rate_out_hz=outputs.published.rate_hz(time.monotonic()) if outputs else 0.0,
            queue_length=self.worker.queue_length(),
            image_age_s=self.now_s() - newest.taken_s if newest else None,
            health=self.health,
            engine=self.engine,
        )
        message = DiagnosticArray(status=[diagnose(vitals)])
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)


def main(args: list[str] | None = None) -> int:
    """Run the node as a process; the exit status."""
    return run_node(ViperNode, EXECUTOR_THREADS, args)


if __name__ == "__main__":
    sys.exit(main())
