"""The node's work on one frame: image, model, 3D, status. Knows requests and frames, no topics and no threads."""

from __future__ import annotations

import time
import traceback
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sensor_msgs.msg import CompressedImage

from viper_ros.msg import Status
from viper_ros.ros.frames import Frame
from viper_ros.ros.images import ConversionError, compressed_to_rgb, image_to_rgb
from viper_ros.ros.lifting import Lifted, lift_regions
from viper_ros.ros.parameters import Settings
from viper_ros.ros.requests import BadRequest, Request
from viper_ros.ros.results import Result
from viper_ros.ros.transforms import TransformBuffer

if TYPE_CHECKING:
    from viper_ros.perception import EncodedImage, Grounding, Predictor

IMAGES_KEPT = 8
"""Encoded images kept, so that requests on the same frame share its encoding."""

TIMES_KEPT = 200
"""Inference times kept for the percentiles in the diagnostics."""


@dataclass(frozen=True, eq=False)
class SeenImage:
    """An image that went through the grid encoder: `rgb` (H, W, 3) uint8 and its encoding."""

    rgb: np.ndarray
    encoded: EncodedImage


class Engine:
    """One predictor with the encodings of the newest images. Not for several threads at once."""

    def __init__(self, predictor: Predictor, transforms: TransformBuffer, now_s: Callable[[], float]) -> None:
        """`now_s` is the node's clock, against which an image's age is told."""
        self.info = dict(predictor.info)
        self.images_encoded = 0
        self.times_ms: deque[float] = deque(maxlen=TIMES_KEPT)
        self._predictor = predictor
        self._transforms = transforms
        self._now_s = now_s
        self._seen: OrderedDict[object, SeenImage] = OrderedDict()

    def answer(
        self, request: Request, frame: Frame, settings: Settings, should_stop: Callable[[], bool] = lambda: False
    ) -> Result:
        """Ground the request in the frame. Never raises: a fault becomes the result's status and message."""
        try:
            return self._answer(request, frame, settings, should_stop)
        except ConversionError as error:
            code = Status.NO_IMAGE if frame.from_camera else Status.BAD_REQUEST
            status = Status(code=code, message=str(error))
        except BadRequest as error:
            status = Status(code=Status.BAD_REQUEST, message=str(error))
        except Exception as error:
            status = Status(code=Status.INTERNAL, message=f"{type(error).__name__}: {error}")
            return Result(request, status, frame.header, model=self.info["model"], trace=traceback.format_exc())
        return Result(request, status, frame.header, model=self.info["model"])

    def _answer(self, request: Request, frame: Frame, settings: Settings, should_stop: Callable[[], bool]) -> Result:
        started_s, image_age_s = time.perf_counter(), self._now_s() - frame.taken_s  # before a clock jumps
        seen = self._see(frame)
        found = self._ask(request, seen.encoded, should_stop)
        elapsed_ms = (time.perf_counter() - started_s) * 1000.0
        self.times_ms.append(elapsed_ms)
        lifted = self._lift(request, frame, found, settings)
        return Result(
            request=request,
            status=_status(found, lifted),
            header=frame.header,
            grounding=found,
            rgb=seen.rgb,
            places=lifted.places if lifted else (),
            camera_info=frame.camera_info,
            image_age_s=image_age_s,
            inference_time_ms=elapsed_ms,
            model=self.info["model"],
        )

    def _see(self, frame: Frame) -> SeenImage:
        seen = self._seen.get(frame.key)
        if seen is None:
            convert = compressed_to_rgb if isinstance(frame.image, CompressedImage) else image_to_rgb
            rgb = convert(frame.image)
            seen = SeenImage(rgb, self._predictor.encode(rgb))
            self.images_encoded += 1
            self._seen[frame.key] = seen
            if len(self._seen) > IMAGES_KEPT:
                self._seen.popitem(last=False)
        self._seen.move_to_end(frame.key)
        return seen

    def _ask(self, request: Request, encoded: EncodedImage, should_stop: Callable[[], bool]) -> Grounding:
        common = (encoded, request.instruction, request.threshold, request.max_regions)
        try:
            if request.want_answer:
                return self._predictor.query(*common, should_stop=should_stop)
            return self._predictor.ground(*common)
        except ValueError as error:  # an instruction that the checkpoint cannot read, such as one with too many tokens
            raise BadRequest(str(error)) from error

    def _lift(self, request: Request, frame: Frame, found: Grounding, settings: Settings) -> Lifted | None:
        if not request.want_3d or not found.regions:
            return None
        return lift_regions(found, frame, request.target_frame, settings, self._transforms)


def _status(found: Grounding, lifted: Lifted | None) -> Status:
    if not found.present:
        text = (
            f"nothing in view matches {found.instruction!r}: probability {found.confidence:.2f}, "
            f"{found.threshold:.2f} is needed"
        )
        return Status(code=Status.NOT_FOUND, message=text)
    return lifted.status if lifted else Status(code=Status.OK)
