"""Images: sensor_msgs in, numpy out, and back.

cv_bridge converts what every release of it converts rightly. The rest (padded rows, big-endian data, 16 bits, YUV) is
brought into that form, or converted by OpenCV here. Colour is (H, W, 3) uint8 RGB; depth is (H, W) float32 metres with
NaN where nothing was measured (REP 118). Arrays may share memory with the message: read, do not write.
"""

from __future__ import annotations

import struct
import sys
from array import array

import cv2
import numpy as np
from cv_bridge import CvBridge
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

MAX_PIXELS = 1 << 26
"""Larger images (64 megapixels) are refused: a wrong header makes them, no camera does."""

_HEADER_BYTES = 1 << 18  # in which a JPEG's frame header comes, behind profiles and thumbnails

DEPTH_IN_METRES = "32FC1"
DEPTH_IN_MILLIMETRES = ("16UC1", "mono16")

_BRIDGE = CvBridge()

# What the Python and the C++ releases of cv_bridge both turn into rgb8 rightly, given rows without padding.
_BRIDGED = ("rgb8", "bgr8", "rgba8", "bgra8", "mono8", "bayer_rggb8", "bayer_bggr8", "bayer_gbrg8")

# encoding -> (numpy type of a sample, samples per pixel in a row).
_LAYOUTS: dict[str, tuple[str, int]] = {
    **{"rgb8": ("u1", 3), "bgr8": ("u1", 3), "rgba8": ("u1", 4), "bgra8": ("u1", 4), "mono8": ("u1", 1)},
    **{"rgb16": ("u2", 3), "bgr16": ("u2", 3), "rgba16": ("u2", 4), "bgra16": ("u2", 4), "mono16": ("u2", 1)},
    **{
        f"{depth}C{channels}": (kind, channels)
        for depth, kind in (("8U", "u1"), ("16U", "u2"))
        for channels in (1, 3, 4)
    },
    **{f"bayer_{order}8": ("u1", 1) for order in ("rggb", "bggr", "gbrg", "grbg")},
    **{f"bayer_{order}16": ("u2", 1) for order in ("rggb", "bggr", "gbrg", "grbg")},
    **{"yuv422": ("u1", 2), "uyvy": ("u1", 2), "yuv422_yuy2": ("u1", 2), "yuyv": ("u1", 2), "nv21": ("u1", 1)},
}

# encoding without its bit depth -> OpenCV's code for RGB. OpenCV names a Bayer order by its second row, and an image
# without a colour order (8UC3) is BGR by its convention.
_CODES: dict[str, int | None] = {
    **{"rgb": None, "rgba": cv2.COLOR_RGBA2RGB, "mono": cv2.COLOR_GRAY2RGB, "C1": cv2.COLOR_GRAY2RGB},
    **{"bgr": cv2.COLOR_BGR2RGB, "bgra": cv2.COLOR_BGRA2RGB, "C3": cv2.COLOR_BGR2RGB, "C4": cv2.COLOR_BGRA2RGB},
    **{"bayer_rggb": cv2.COLOR_BayerBG2RGB, "bayer_bggr": cv2.COLOR_BayerRG2RGB},
    **{"bayer_gbrg": cv2.COLOR_BayerGR2RGB, "bayer_grbg": cv2.COLOR_BayerGB2RGB},
    **{"yuv422": cv2.COLOR_YUV2RGB_UYVY, "uyvy": cv2.COLOR_YUV2RGB_UYVY, "nv21": cv2.COLOR_YUV2RGB_NV21},
    **{"yuv422_yuy2": cv2.COLOR_YUV2RGB_YUY2, "yuyv": cv2.COLOR_YUV2RGB_YUY2},
}


class ConversionError(ValueError):
    """A message cannot be converted; the text says what came, what was expected and what to do."""


def image_to_rgb(message: Image) -> np.ndarray:
    """A colour or grey image in any encoding of `_LAYOUTS` -> (H, W, 3) uint8 RGB. Raises ConversionError.

    16 bits are reduced to the upper 8, as cv_bridge does; alpha is dropped.
    """
    if message.encoding == DEPTH_IN_METRES:
        raise ConversionError(f"{_told(message)} is no colour image: {_expected()}")
    rows = _pixels(message)
    try:
        if message.encoding in _BRIDGED:
            return _BRIDGE.imgmsg_to_cv2(_dense(message, rows), "rgb8")
        return _to_rgb(rows, message)
    except cv2.error as error:
        raise ConversionError(f"{_told(message)} cannot be converted to rgb8: {str(error).strip()}") from error


def compressed_to_rgb(message: CompressedImage) -> np.ndarray:
    """A JPEG or PNG image -> (H, W, 3) uint8 RGB. Raises ConversionError.

    The EXIF orientation is ignored: camera_info describes the pixels as they are stored.
    """
    data = np.frombuffer(message.data, dtype=np.uint8)
    width, height = _stored_size(bytes(message.data[:_HEADER_BYTES]))
    if width * height > MAX_PIXELS:
        raise ConversionError(f"compressed image of {width}x{height} pixels: at most {MAX_PIXELS} are decoded")
    bgr = cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION) if data.size else None
    if bgr is None:
        raise ConversionError(
            f"compressed image of {data.size} bytes, format {message.format!r}, is no readable JPEG or PNG: "
            f"a compressed depth image needs image_transport's republisher, anything else is a fault of the sender"
        )
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


def _stored_size(head: bytes) -> tuple[int, int]:
    """Width and height that the head of a PNG or a JPEG names, before anything is decoded; (0, 0) if it names none."""
    if head.startswith(b"\x89PNG\r\n\x1a\n") and len(head) >= 24:
        width, height = struct.unpack(">II", head[16:24])
        return width, height
    at = 2 if head.startswith(b"\xff\xd8") else len(head)
    while at + 9 <= len(head) and head[at] == 0xFF:
        kind, length = head[at + 1], int.from_bytes(head[at + 2 : at + 4], "big")
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):  # a frame header (ITU-T T.81, table B.1)
            height, width = struct.unpack(">HH", head[at + 5 : at + 9])
            return width, height
        at += 2 + length
    return 0, 0


def depth_to_metres(message: Image) -> np.ndarray:
    """A depth image, 16UC1 (or mono16) in millimetres or 32FC1 in metres -> (H, W) float32 [m], NaN: not measured.

    The unit follows the encoding (REP 118). Raises ConversionError.
    """
    if message.encoding not in (DEPTH_IN_METRES, *DEPTH_IN_MILLIMETRES):
        raise ConversionError(f"{_told(message)} is no depth image: 16UC1 [mm] or 32FC1 [m] is expected (REP 118)")
    samples = _pixels(message)
    depth_m = samples.astype(np.float32)
    if message.encoding in DEPTH_IN_MILLIMETRES:
        depth_m *= 0.001
    depth_m[~(np.isfinite(depth_m) & (depth_m > 0.0))] = np.nan
    return depth_m


def array_to_image(pixels: np.ndarray, encoding: str, header: Header) -> Image:
    """(H, W) or (H, W, C) of the encoding's type -> Image under `header`."""
    pixels = np.ascontiguousarray(pixels)
    height, width = pixels.shape[:2]
    return Image(
        header=header,
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=sys.byteorder == "big",
        step=pixels.nbytes // height if height else 0,
        data=bytes_array(pixels),
    )


def bytes_array(pixels: np.ndarray) -> array:
    """The bytes of an array in the one form that rclpy takes without a copy per element."""
    data = array("B")
    data.frombytes(np.ascontiguousarray(pixels).data.cast("B") if pixels.size else b"")
    return data


def _pixels(message: Image) -> np.ndarray:
    """The samples (H, W) or (H, W, C), (3H/2, W) for NV21, in native byte order and without the rows' padding."""
    layout = ("f4", 1) if message.encoding == DEPTH_IN_METRES else _LAYOUTS.get(message.encoding)
    if layout is None:
        raise ConversionError(f"{_told(message)}: unknown encoding, {_expected()}")
    if not message.height or not message.width or message.height * message.width > MAX_PIXELS:
        raise ConversionError(f"{_told(message)}: width and height must be > 0, with at most {MAX_PIXELS} pixels")
    kind, channels = layout
    dtype = np.dtype(kind).newbyteorder(">" if message.is_bigendian else "<")
    row_bytes = message.width * channels * dtype.itemsize
    row_count = message.height * 3 // 2 if message.encoding == "nv21" else message.height
    if message.step < row_bytes:
        raise ConversionError(f"{_told(message)}: step must be at least {row_bytes} bytes, got {message.step}")
    needed = message.step * (row_count - 1) + row_bytes
    if len(message.data) < needed:
        raise ConversionError(f"{_told(message)}: data must hold at least {needed} bytes, got {len(message.data)}")
    shape = (row_count, message.width, channels) if channels > 1 else (row_count, message.width)
    strides = (message.step, channels * dtype.itemsize, dtype.itemsize)[: len(shape)]
    samples = np.ndarray(shape, dtype, buffer=memoryview(message.data), strides=strides)
    return samples.astype(dtype.newbyteorder("="), copy=False)


def _dense(message: Image, rows: np.ndarray) -> Image:
    """The message itself where its rows have no padding (cv_bridge ignores `step`), otherwise a packed copy."""
    if message.step * message.height == rows.nbytes and not message.is_bigendian:
        return message
    return array_to_image(rows, message.encoding, message.header)


def _to_rgb(samples: np.ndarray, message: Image) -> np.ndarray:
    code = _CODES[message.encoding.removeprefix("16U").removeprefix("8U").removesuffix("16").removesuffix("8")]
    samples = np.ascontiguousarray(samples)
    rgb = samples if code is None else cv2.cvtColor(samples, code)
    return rgb if rgb.dtype == np.uint8 else (rgb >> 8).astype(np.uint8)


def _expected() -> str:
    return f"expected one of {', '.join(sorted(_LAYOUTS))}"


def _told(message: Image) -> str:
    return f"image of {message.width}x{message.height} pixels, encoding {message.encoding!r}"
