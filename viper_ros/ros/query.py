"""The service `~/query`: one question, one frame, one answer, within the timeout."""

from __future__ import annotations

import hashlib

from rclpy.node import Node
from sensor_msgs.msg import Image

from viper_ros.msg import Status
from viper_ros.ros.conversions import result_to_ros
from viper_ros.ros.deferred_service import DeferredService, Respond
from viper_ros.ros.frames import Frame
from viper_ros.ros.host import Host, failed
from viper_ros.ros.picking import FramePicker, deadline_after
from viper_ros.ros.requests import BadRequest, request_from_query
from viper_ros.ros.results import Result, refused
from viper_ros.ros.stamps import stamp_s
from viper_ros.ros.worker import Job, Refusal
from viper_ros.srv import Query


class QueryServer:
    """Serves `~/query` in every lifecycle state. Whatever comes in, exactly one response goes out."""

    def __init__(self, node: Node, host: Host) -> None:
        self._host = host
        self._service = DeferredService(node, Query, "~/query", self._receive)

    def _receive(self, message: Query.Request, respond: Respond) -> None:
        try:
            if self._host.is_active():
                self._submit(message, respond)
                return
            status = self._host.not_active()
        except BadRequest as error:
            status = Status(code=Status.BAD_REQUEST, message=str(error))
        except Exception as error:
            self._host.report(error)
            status = failed(error)
        response = Query.Response()
        response.grounding.instruction = message.instruction
        response.grounding.status = status
        respond(response)

    def _submit(self, message: Query.Request, respond: Respond) -> None:
        request = request_from_query(message, self._host.settings)
        own = self._own_frame(message.image)
        picker = FramePicker(request, self._host.frames, self._host.now_s)

        def work(frame: Frame) -> bool:
            result = self._host.answer(request, frame, job)
            if _respond(result, respond) and result.grounding is not None:
                self._host.publish(result)
            return False

        def refuse(refusal: Refusal) -> None:
            if refusal is Refusal.CLOSED:
                status = self._host.not_active()
            elif refusal is Refusal.FAILED:
                status = failed(job.error)
            else:
                status = picker.too_slow() if own else picker.refusal()
            _respond(refused(request, status), respond)

        job = Job(
            pick=(lambda frames, now_s: own) if own else picker.pick,
            work=work,
            refuse=refuse,
            deadline_s=deadline_after(request.timeout_s),
        )
        self._host.worker.submit(job)

    def _own_frame(self, image: Image) -> Frame | None:
        """The image inside a request as a frame, with the camera's depth of the same stamp; None: there is no image."""
        if not image.height and not image.width and not image.data:
            return None
        if not image.height or not image.width:
            raise BadRequest(
                f"image has {image.width}x{image.height} pixels and {len(image.data)} bytes: send a whole image, or "
                f"leave it empty to ask about the newest frame"
            )
        digest = hashlib.blake2b(memoryview(image.data), digest_size=16).digest()
        key = (digest, image.width, image.height, image.step, image.encoding, image.is_bigendian)
        stamp = stamp_s(image.header.stamp)
        frame = Frame(key, image, stamp or self._host.now_s())
        return self._host.frames.completed(frame) if stamp else frame


def _respond(result: Result, respond: Respond) -> bool:
    return respond(Query.Response(grounding=result_to_ros(result)))
