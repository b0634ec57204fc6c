"""What a camera may send, published over DDS to a node: what the model saw of it, and where the points then are."""

import cv2
import numpy as np
import pytest
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2
from std_msgs.msg import Header

from viper_ros.msg import Status
from viper_ros.perception.camera import CameraModel
from viper_ros.ros.clouds import organised_points_from_ros
from viper_ros.ros.conversions import camera_to_ros
from viper_ros.ros.images import array_to_image

K = np.array([[60.0, 0, 31.5], [0, 60.0, 23.5], [0, 0, 1]])
WIDTH, HEIGHT = 64, 48
COLOUR = (180, 90, 40)


def flat(height=HEIGHT, width=WIDTH, colour=COLOUR):
    return np.full((height, width, 3), colour, np.uint8)


def yuv(colour):
    """BT.601, video range."""
    r, g, b = (value / 255 for value in colour)
    y = 16 + 65.481 * r + 128.553 * g + 24.966 * b
    u = 128 - 37.797 * r - 74.203 * g + 112.0 * b
    v = 128 + 112.0 * r - 93.786 * g - 18.214 * b
    return round(y), round(u), round(v)


def mosaic(red_row, red_column):
    """A Bayer mosaic of a flat colour with its red sample at that place of each 2 x 2 block."""
    samples = np.full((HEIGHT, WIDTH), COLOUR[1], np.uint8)
    samples[red_row::2, red_column::2] = COLOUR[0]
    samples[1 - red_row :: 2, 1 - red_column :: 2] = COLOUR[2]
    return samples


def encoded(encoding):
    """(pixels of the flat colour, what the node should see of it)."""
    y, u, v = yuv(COLOUR)
    chroma = np.where(np.arange(WIDTH) % 2 == 0, u, v) + np.zeros((HEIGHT, 1), int)
    luma = np.full((HEIGHT, WIDTH), y)
    grey = np.full((HEIGHT, WIDTH), 77, np.uint8)
    pixels = {
        "rgb8": flat(),
        "bgr8": flat()[..., ::-1],
        "rgba8": np.dstack([flat(), grey]),
        "bgra8": np.dstack([flat()[..., ::-1], grey]),
        "rgb16": flat().astype(np.uint16) << 8,
        "mono8": grey,
        "mono16": grey.astype(np.uint16) << 8,
        "bayer_rggb8": mosaic(0, 0),
        "bayer_gbrg8": mosaic(1, 0),
        "bayer_grbg16": mosaic(0, 1).astype(np.uint16) << 8,
        "yuv422": np.dstack([chroma, luma]).astype(np.uint8),
        "yuv422_yuy2": np.dstack([luma, chroma]).astype(np.uint8),
    }[encoding]
    return pixels, (77, 77, 77) if encoding.startswith("mono") else COLOUR


ENCODINGS = (
    *("rgb8", "bgr8", "rgba8", "bgra8", "rgb16", "mono8", "mono16"),
    *("bayer_rggb8", "bayer_gbrg8", "bayer_grbg16", "yuv422", "yuv422_yuy2"),
)


class Camera:
    """Publishes to a rig what a test composes."""

    def __init__(self, rig):
        self.rig = rig
        kinds = {
            "image": Image,
            "image/compressed": CompressedImage,
            "camera_info": CameraInfo,
            "depth/image": Image,
            "depth/camera_info": CameraInfo,
        }
        self._publishers = {topic: rig.user.create_publisher(kind, topic, 5) for topic, kind in kinds.items()}
        listens = "image/compressed" if rig.viper.settings.image_transport == "compressed" else "image"
        for topic in (listens, "camera_info", "depth/image", "depth/camera_info"):
            rig.wait_for(self._publishers[topic].get_subscription_count)

    def send(self, message, topic="image", camera=None, depth=None, depth_camera=None, depth_encoding="32FC1"):
        """Publish a frame under one header, its image last; returns that header once the node has all of it."""
        rig, frames = self.rig, self.rig.viper.frames
        header = message.header = Header(stamp=rig.now(), frame_id=rig.optical)
        before = frames.colour.count
        if camera is not None:
            self._publishers["camera_info"].publish(camera_to_ros(camera, header))
        if depth_camera is not None:
            self._publishers["depth/camera_info"].publish(camera_to_ros(depth_camera, header))
        if depth is not None:
            self._publishers["depth/image"].publish(array_to_image(depth, depth_encoding, header))
        self._publishers[topic].publish(message)
        rig.wait_for(lambda: frames.colour.count > before and self._has(frames.newest(), camera, depth, depth_camera))
        return header

    def _has(self, frame, camera, depth, depth_camera):
        wanted = (camera, frame.camera_info), (depth, frame.depth), (depth_camera, frame.depth_info)
        return all(sent is None or got is not None for sent, got in wanted)

    def seen(self):
        """(H, W, 3): the newest image that went into the model."""
        return next(reversed(self.rig.viper.engine._seen.values())).rgb


@pytest.fixture
def camera(rig):
    return Camera(rig)


def test_images_in_every_encoding_reach_the_model_in_their_colours(rig, camera):
    for encoding in ENCODINGS:
        pixels, expected = encoded(encoding)
        header = camera.send(array_to_image(pixels, encoding, Header()))
        found = rig.ask()
        assert (found.status.code, found.header) == (Status.OK, header), (encoding, found.status.message)
        inner = camera.seen()[2:-2, 2:-2].astype(int)
        assert camera.seen().shape == (HEIGHT, WIDTH, 3)
        assert np.abs(inner - expected).max() <= 3, encoding


@pytest.mark.parametrize("size", [(64, 48), (31, 17), (480, 37)], ids=["portrait", "odd", "narrow"])
def test_images_of_any_shape_with_padded_rows_are_seen_whole_in_their_own_pixels(rig, camera, size):
    height, width = size
    message = array_to_image(flat(height, width), "rgb8", Header())
    rows = np.pad(np.frombuffer(message.data, np.uint8).reshape(height, -1), ((0, 0), (0, 13)))
    message.step, message.data = rows.shape[1], rows.tobytes()
    camera.send(message)
    found = rig.ask()
    assert list(found.regions[0].box_xyxy_px) == [0, 0, width, height]
    np.testing.assert_array_equal(camera.seen(), flat(height, width))


COMPRESSED = {  # format as image_transport writes it -> (file type, pixels as OpenCV takes them, what is seen)
    "rgb8; jpeg compressed bgr8": (".jpg", flat()[..., ::-1], COLOUR),
    "bgr8; png compressed bgr8": (".png", flat()[..., ::-1], COLOUR),
    "bayer_rggb8; jpeg compressed bgr8": (".jpg", flat()[..., ::-1], COLOUR),
    "mono8; jpeg compressed ": (".jpg", np.full((HEIGHT, WIDTH), 77, np.uint8), (77, 77, 77)),
    "mono16; png compressed ": (".png", np.full((HEIGHT, WIDTH), 77 << 8, np.uint16), (77, 77, 77)),
    "jpeg": (".jpg", flat()[..., ::-1], COLOUR),
}


@pytest.mark.parametrize("rig", [{"image_transport": "compressed"}], indirect=True)
def test_compressed_images_in_every_format_reach_the_model_in_their_colours(rig, camera):
    for name, (suffix, pixels, expected) in COMPRESSED.items():
        data = cv2.imencode(suffix, pixels)[1].tobytes()
        header = camera.send(CompressedImage(format=name, data=data), "image/compressed")
        found = rig.ask()
        assert (found.status.code, found.header) == (Status.OK, header), (name, found.status.message)
        assert np.abs(camera.seen().astype(int) - expected).max() <= 4, name


# ---- 3D


def cloud_of(rig, clouds):
    """The next cloud after a query for 3D, and the answer."""
    count = len(clouds)
    found = rig.ask(want_3d=True)
    assert found.status.code == Status.OK, found.status.message
    rig.wait_for(lambda: len(clouds) > count)
    return organised_points_from_ros(clouds[-1])[0], found


def assert_rays(points, camera, depth_m):
    """Each point (h, w, 3) is on the ray of its pixel, at the depth."""
    rows, columns = np.nonzero(np.isfinite(points[..., 2]))
    assert len(rows) > 100
    expected = camera.rays(np.stack([columns, rows], axis=1)) * depth_m
    np.testing.assert_allclose(points[rows, columns], expected, atol=1e-4)


LENSES = {
    "plumb_bob": [-0.3, 0.1, 0.002, -0.001, 0.01],
    "rational_polynomial": [-0.2, 0.05, 0.001, 0.001, 0.0, 0.01, 0.0, 0.0],
    "equidistant": [0.05, -0.01, 0.002, 0.0],
}


@pytest.mark.parametrize("model", LENSES)
def test_the_distortion_in_camera_info_is_undone_for_the_rays_of_points(rig, camera, model):
    lens = CameraModel(WIDTH, HEIGHT, K, np.array(LENSES[model]), model)
    corner = np.array([[2.0, 2.0]])
    assert np.abs(lens.rays(corner) - CameraModel(WIDTH, HEIGHT, K).rays(corner)).max() > 0.01  # it matters
    clouds = rig.listen(PointCloud2, "viper/region_points")
    wall = np.full((HEIGHT, WIDTH), 1.5, np.float32)
    camera.send(array_to_image(flat(), "rgb8", Header()), camera=lens, depth=wall)
    points, _ = cloud_of(rig, clouds)
    assert_rays(points, lens, 1.5)


@pytest.mark.parametrize("rig", [{"image_is_rectified": True}], indirect=True)
def test_a_rectified_image_is_not_undistorted_again(rig, camera):
    lens = CameraModel(WIDTH, HEIGHT, K, np.array(LENSES["plumb_bob"]))
    clouds = rig.listen(PointCloud2, "viper/region_points")
    wall = np.full((HEIGHT, WIDTH), 1.5, np.float32)
    camera.send(array_to_image(flat(), "rgb8", Header()), camera=lens, depth=wall)
    points, _ = cloud_of(rig, clouds)
    assert_rays(points, CameraModel(WIDTH, HEIGHT, K), 1.5)


def test_depth_that_is_smaller_than_colour_is_taken_with_its_own_calibration(rig, camera):
    full = CameraModel(WIDTH, HEIGHT, K)
    half = full.scaled(WIDTH // 2, HEIGHT // 2)
    clouds = rig.listen(PointCloud2, "viper/region_points")
    wall = np.full((HEIGHT // 2, WIDTH // 2), 2.0, np.float32)
    camera.send(array_to_image(flat(), "rgb8", Header()), camera=full, depth=wall, depth_camera=half)
    points, found = cloud_of(rig, clouds)
    assert points.shape == (HEIGHT // 2, WIDTH // 2, 3)
    assert_rays(points, half, 2.0)
    assert list(found.regions[0].box_xyxy_px) == [0, 0, WIDTH, HEIGHT]


def test_smaller_depth_of_another_lens_is_refused_and_the_2d_result_stays(rig, camera):
    full = CameraModel(WIDTH, HEIGHT, K)
    wide = CameraModel(WIDTH // 2, HEIGHT // 2, np.array([[20.0, 0, 15.5], [0, 20.0, 11.5], [0, 0, 1]]))
    wall = np.full((HEIGHT // 2, WIDTH // 2), 2.0, np.float32)
    camera.send(array_to_image(flat(), "rgb8", Header()), camera=full, depth=wall, depth_camera=wide)
    found = rig.ask(want_3d=True)
    assert found.status.code == Status.NO_DEPTH
    assert "not registered to colour" in found.status.message
    assert found.present and found.regions


@pytest.mark.parametrize("encoding, unit", [("16UC1", 1000), ("32FC1", 1)])
def test_holes_in_depth_are_no_points_and_are_counted_in_both_encodings(rig, camera, encoding, unit):
    wall = np.full((HEIGHT, WIDTH), 2.0)
    wall[10:20, 20:40] = 0 if unit == 1000 else np.nan
    depth = (wall * unit).astype(np.uint16 if unit == 1000 else np.float32)
    full = CameraModel(WIDTH, HEIGHT, K)
    clouds = rig.listen(PointCloud2, "viper/region_points")
    camera.send(array_to_image(flat(), "rgb8", Header()), camera=full, depth=depth, depth_encoding=encoding)
    points, found = cloud_of(rig, clouds)
    assert_rays(points, full, 2.0)
    assert np.isnan(points[10:20, 20:40]).all()
    assert found.regions[0].valid_depth_fraction == pytest.approx(1 - 200 / (WIDTH * HEIGHT), abs=1e-3)
