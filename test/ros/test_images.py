"""Every encoding that a camera may send, through serialised bytes, and every way to get an image wrong."""

import cv2
import numpy as np
import pytest
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from viper_ros.ros import images
from viper_ros.ros.images import (
    ConversionError,
    array_to_image,
    compressed_to_rgb,
    depth_to_metres,
    image_to_rgb,
)

RED, GREEN, BLUE = (200, 40, 20), (20, 180, 60), (30, 50, 220)


def through_bytes(message):
    return deserialize_message(serialize_message(message), type(message))


@pytest.fixture
def rgb():
    """(10, 14, 3): three wide flat fields, so that chroma subsampling and demosaicing keep them."""
    image = np.empty((10, 14, 3), np.uint8)
    image[:, :4], image[:, 4:10], image[:, 10:] = RED, GREEN, BLUE
    return image


def message_of(rgb, encoding):
    """The image in another encoding, made by OpenCV or by hand, never by the code under test."""
    swapped = {"rgb": rgb, "bgr": rgb[..., ::-1]}
    alpha = np.full((*rgb.shape[:2], 1), 7, np.uint8)
    if encoding in ("8UC3", "8UC4", "16UC3", "16UC4"):  # no colour order in the name: BGR
        pixels = np.concatenate([rgb[..., ::-1], alpha], -1)[..., : int(encoding[-1])]
        pixels = pixels.astype(np.uint16) << 8 if encoding.startswith("16") else pixels
    elif encoding[:3] in swapped:
        pixels = swapped[encoding[:3]]
        pixels = np.concatenate([pixels, alpha], -1) if encoding[3] == "a" else pixels
        pixels = pixels.astype(np.uint16) << 8 if encoding.endswith("16") else pixels
    return array_to_image(pixels, encoding, Header(frame_id="camera"))


COLOUR = ("rgb8", "bgr8", "rgba8", "bgra8", "8UC3", "8UC4", "rgb16", "bgr16", "rgba16", "bgra16", "16UC3", "16UC4")


@pytest.mark.parametrize("encoding", COLOUR)
def test_colour_comes_out_as_it_went_in(rgb, encoding):
    message = through_bytes(message_of(rgb, encoding))
    np.testing.assert_array_equal(image_to_rgb(message), rgb)
    assert image_to_rgb(message).dtype == np.uint8


@pytest.mark.parametrize("encoding", COLOUR)
@pytest.mark.parametrize("padding", [1, 5, 64])
def test_padding_at_the_end_of_rows_is_skipped(rgb, encoding, padding):
    dense = message_of(rgb, encoding)
    rows = np.frombuffer(dense.data, np.uint8).reshape(dense.height, dense.step)
    strided = np.pad(rows, ((0, 0), (0, padding)), constant_values=99)
    dense.step, dense.data = strided.shape[1], strided.tobytes()
    np.testing.assert_array_equal(image_to_rgb(through_bytes(dense)), rgb)


def test_the_last_row_may_lack_its_padding(rgb):
    message = message_of(rgb, "rgb8")
    rows = np.pad(np.frombuffer(message.data, np.uint8).reshape(message.height, -1), ((0, 0), (0, 6)))
    message.step, message.data = rows.shape[1], rows.tobytes()[:-6]
    np.testing.assert_array_equal(image_to_rgb(through_bytes(message)), rgb)


@pytest.mark.parametrize("encoding", ["rgb16", "bgra16", "mono16"])
def test_big_endian_samples_are_swapped(rgb, encoding):
    pixels = rgb[..., 0].astype(np.uint16) << 8 if encoding == "mono16" else None
    message = array_to_image(pixels, encoding, Header()) if pixels is not None else message_of(rgb, encoding)
    expected = np.repeat(rgb[..., :1], 3, axis=2) if pixels is not None else rgb
    message.data = np.frombuffer(message.data, "<u2").astype(">u2").tobytes()
    message.is_bigendian = 1
    np.testing.assert_array_equal(image_to_rgb(through_bytes(message)), expected)


@pytest.mark.parametrize("encoding", ["mono8", "8UC1", "mono16", "16UC1"])
def test_grey_becomes_three_equal_channels(encoding):
    grey = np.arange(35, dtype=np.uint8).reshape(5, 7) * 7
    pixels = grey.astype(np.uint16) * 256 + 13 if "16" in encoding else grey
    found = image_to_rgb(through_bytes(array_to_image(pixels, encoding, Header())))
    np.testing.assert_array_equal(found, np.repeat(grey[..., None], 3, axis=2))


BAYER = {"rggb": ((0, 1), (1, 2)), "bggr": ((2, 1), (1, 0)), "gbrg": ((1, 2), (0, 1)), "grbg": ((1, 0), (2, 1))}


@pytest.mark.parametrize("order", BAYER)
@pytest.mark.parametrize("bits", [8, 16])
def test_a_bayer_mosaic_gets_its_colours_back(order, bits):
    mosaic = np.empty((12, 12), np.uint8)
    for row in range(2):
        for column in range(2):
            mosaic[row::2, column::2] = RED[BAYER[order][row][column]]
    pixels = mosaic if bits == 8 else mosaic.astype(np.uint16) << 8
    found = image_to_rgb(through_bytes(array_to_image(pixels, f"bayer_{order}{bits}", Header())))
    np.testing.assert_array_equal(found[2:-2, 2:-2], np.broadcast_to(np.uint8(RED), (8, 8, 3)))


@pytest.mark.parametrize("encoding", ["yuv422", "uyvy", "yuv422_yuy2", "yuyv"])
def test_yuv_with_shared_chroma_gets_its_colours_back(rgb, encoding):
    y, u, v = np.moveaxis(_video_range_yuv(rgb), -1, 0)
    chroma = np.where(np.arange(rgb.shape[1]) % 2 == 0, u, v)
    pair = (chroma, y) if encoding in ("yuv422", "uyvy") else (y, chroma)
    message = through_bytes(array_to_image(np.stack(pair, axis=-1), encoding, Header()))
    assert np.abs(image_to_rgb(message).astype(int) - rgb).max() <= 3


def test_nv21_gets_its_colours_back(rgb):
    y, u, v = np.moveaxis(_video_range_yuv(rgb), -1, 0)
    chroma = np.stack([v[::2, ::2], u[::2, ::2]], axis=-1).reshape(rgb.shape[0] // 2, rgb.shape[1])
    message = array_to_image(np.concatenate([y, chroma]), "nv21", Header())
    message.height = rgb.shape[0]
    found = image_to_rgb(through_bytes(message))
    assert found.shape == rgb.shape
    assert np.abs(found.astype(int) - rgb).max() <= 3


def _video_range_yuv(rgb):
    """BT.601 by its definition, 16-235 for Y and 16-240 for U and V."""
    r, g, b = np.moveaxis(rgb.astype(float), -1, 0)
    y = 16 + (65.481 * r + 128.553 * g + 24.966 * b) / 255
    u = 128 + (-37.797 * r - 74.203 * g + 112.0 * b) / 255
    v = 128 + (112.0 * r - 93.786 * g - 18.214 * b) / 255
    return np.stack([y, u, v], axis=-1).round().astype(np.uint8)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 1), (33, 17)])
def test_odd_sizes_come_through(size):
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    np.testing.assert_array_equal(image_to_rgb(through_bytes(array_to_image(image, "rgb8", Header()))), image)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_compressed_images_keep_their_colours(suffix):
    image = np.empty((32, 48, 3), np.uint8)
    image[:] = GREEN
    data = cv2.imencode(suffix, image[..., ::-1])[1].tobytes()
    found = compressed_to_rgb(through_bytes(CompressedImage(format=suffix[1:], data=data)))
    assert found.shape == image.shape
    assert np.abs(found.astype(int) - image).max() <= 3


def test_a_compressed_grey_image_becomes_rgb():
    data = cv2.imencode(".png", np.full((4, 6), 90, np.uint8))[1].tobytes()
    np.testing.assert_array_equal(compressed_to_rgb(CompressedImage(data=data)), np.full((4, 6, 3), 90))


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_the_size_in_a_header_is_read_before_anything_is_decoded(suffix, monkeypatch):
    data = cv2.imencode(suffix, np.zeros((40, 60, 3), np.uint8))[1].tobytes()
    monkeypatch.setattr(images, "MAX_PIXELS", 40 * 60)
    assert compressed_to_rgb(CompressedImage(data=data)).shape == (40, 60, 3)
    monkeypatch.setattr(images, "MAX_PIXELS", 40 * 60 - 1)
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(ConversionError, match="60x40 pixels: at most 2399"):
        compressed_to_rgb(CompressedImage(data=data))


@pytest.mark.parametrize("data", [b"", b"\xff\xd8 no jpeg", b"\xff\xd8\xff\xe0" + bytes(20), bytes(100)])
def test_unreadable_compressed_data_is_refused(data):
    with pytest.raises(ConversionError, match=f"{len(data)} bytes"):
        compressed_to_rgb(CompressedImage(format="jpeg", data=data))


BROKEN = {
    "no rows": ({"height": 0}, "width and height must be > 0"),
    "no columns": ({"width": 0}, "width and height must be > 0"),
    "short step": ({"step": 5}, "step must be at least 42"),
    "no step": ({"step": 0}, "step must be at least 42"),
    "long step": ({"step": 4000}, "data must hold at least"),
    "short data": ({"data": bytes(50)}, "data must hold at least 420 bytes, got 50"),
    "no data": ({"data": b""}, "got 0"),
    "unknown encoding": ({"encoding": "fancy"}, "unknown encoding"),
    "no encoding": ({"encoding": ""}, "unknown encoding"),
    "depth as colour": ({"encoding": "32FC1"}, "is no colour image"),
    "absurd size": ({"width": 4_000_000_000, "height": 4_000_000_000, "step": 4_000_000_000}, "at most"),
}


@pytest.mark.parametrize("fields, message", BROKEN.values(), ids=BROKEN)
def test_a_broken_image_is_refused_with_the_reason(rgb, fields, message):
    image = message_of(rgb, "rgb8")
    for name, value in fields.items():
        setattr(image, name, value)
    with pytest.raises(ConversionError, match=message):
        image_to_rgb(through_bytes(image))


def test_yuv_of_odd_width_is_refused():
    image = array_to_image(np.zeros((4, 5, 2), np.uint8), "yuv422", Header())
    with pytest.raises(ConversionError, match="cannot be converted"):
        image_to_rgb(image)


def test_depth_in_millimetres_becomes_metres_and_zero_is_a_hole():
    pixels = np.array([[0, 1, 1500], [65535, 700, 0]], np.uint16)
    found = depth_to_metres(through_bytes(array_to_image(pixels, "16UC1", Header())))
    np.testing.assert_allclose(found, [[np.nan, 0.001, 1.5], [65.535, 0.7, np.nan]], rtol=1e-6)
    assert found.dtype == np.float32


def test_depth_in_metres_keeps_its_values_and_what_is_no_distance_is_a_hole():
    pixels = np.array([[0.0, 0.5, np.nan], [np.inf, -1.0, 2.25]], np.float32)
    found = depth_to_metres(through_bytes(array_to_image(pixels, "32FC1", Header())))
    np.testing.assert_array_equal(found, [[np.nan, 0.5, np.nan], [np.nan, np.nan, 2.25]])


def test_depth_with_padded_rows_is_read():
    pixels = np.arange(1, 7, dtype=np.uint16).reshape(2, 3) * 1000
    message = array_to_image(np.pad(pixels, ((0, 0), (0, 2))), "16UC1", Header())
    message.width = 3
    np.testing.assert_allclose(depth_to_metres(through_bytes(message)), pixels / 1000.0, rtol=1e-6)


def test_colour_is_no_depth(rgb):
    with pytest.raises(ConversionError, match="is no depth image"):
        depth_to_metres(message_of(rgb, "rgb8"))


def test_image_data_is_the_array_that_rclpy_takes_without_a_copy_per_byte(rgb):
    message = array_to_image(rgb[::2, ::2], "rgb8", Header())
    assert message.data.typecode == "B"
    assert message.step == 7 * 3
    assert bytes(message.data) == rgb[::2, ::2].tobytes()


def test_an_unknown_encoding_is_told_with_the_known_ones():
    with pytest.raises(ConversionError, match="bgr8"):
        image_to_rgb(Image(width=1, height=1, step=3, encoding="BGR", data=bytes(3)))
