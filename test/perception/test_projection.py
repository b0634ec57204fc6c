"""Lifting regions to metres, held against analytic scenes: balls and boxes on a plane, traced ray by ray."""

import numpy as np
import pytest

from viper_ros.perception.projection import CameraModel, NotEnoughDepth, lift_region, transform_points

WIDTH, HEIGHT = 320, 240
K = np.array([[280.0, 0, 159.5], [0, 280.0, 119.5], [0, 0, 1]])
CAMERA = CameraModel(WIDTH, HEIGHT, K)


def look_at(elevation_deg: float, distance_m: float) -> np.ndarray:
    """T_world_camera (4, 4) of a camera that looks at the world's origin from -y."""
    e = np.radians(elevation_deg)
    eye = distance_m * np.array([0.0, -np.cos(e), np.sin(e)])
    forward = -eye / distance_m
    right = np.array([1.0, 0, 0])
    T = np.eye(4)
    T[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    T[:3, 3] = eye
    return T


def hit_box(origin, rays, centre, half):
    """Distances (N,) along the rays to an axis-aligned box, inf where missed."""
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.stack([(centre + s * half - origin) / rays for s in (-1, 1)])
    near, far = t.min(0).max(1), t.max(0).min(1)
    return np.where((near <= far) & (near > 0), near, np.inf)


def hit_ball(origin, rays, centre, radius):
    offset = origin - centre
    a, b, c = (rays**2).sum(1), rays @ offset, offset @ offset - radius**2
    root = np.sqrt(np.maximum(b * b - a * c, 0))
    return np.where(b * b >= a * c, (-b - root) / a, np.inf)


def trace(T, *hits, camera=CAMERA, table_z=0.0, table_half_m=0.6):
    """Depth (H, W) float32 and ids (H, W) of things on a table, with a floor 0.7 m below it."""
    y, x = np.mgrid[: camera.height, : camera.width]
    rays = camera.rays(np.stack([x.ravel(), y.ravel()], 1)) @ T[:3, :3].T  # unit z-depth: distances are z-depths
    origin = T[:3, 3]
    table = (table_z - origin[2]) / rays[:, 2]
    on_table = (np.abs((origin + table[:, None] * rays)[:, :2]) < table_half_m).all(1) & (table > 0)
    floor = np.where(rays[:, 2] < 0, (table_z - 0.7 - origin[2]) / rays[:, 2], np.inf)
    layers = [np.where(on_table, table, floor)] + [hit(origin, rays) for hit in hits]
    depth = np.min(layers, axis=0)
    ids = np.argmin(layers, axis=0)
    shape = (camera.height, camera.width)
    return np.where(np.isfinite(depth), depth, 0).astype(np.float32).reshape(shape), ids.reshape(shape)


def box(centre, half):
    centre, half = np.asarray(centre, float), np.asarray(half, float)
    return lambda origin, rays: hit_box(origin, rays, centre, half)


def ball(centre, radius):
    return lambda origin, rays: hit_ball(origin, rays, np.asarray(centre, float), radius)


def window(mask):
    rows, columns = np.nonzero(mask)
    y0, x0 = rows.min(), columns.min()
    return int(x0), int(y0), mask[y0 : rows.max() + 1, x0 : columns.max() + 1]


def dilated(mask, pixels):
    out = mask.copy()
    for dy in range(-pixels, pixels + 1):
        for dx in range(-pixels, pixels + 1):
            out |= np.roll(mask, (dy, dx), (0, 1))
    return out


THINGS = {
    "ball": (ball([0.03, 0.02, 0.04], 0.04), [0.03, 0.02, 0.04], [0.08, 0.08, 0.08]),
    "cube": (box([-0.04, 0.05, 0.03], [0.03, 0.03, 0.03]), [-0.04, 0.05, 0.03], [0.06, 0.06, 0.06]),
    "tall box": (box([0.0, 0.0, 0.1], [0.03, 0.04, 0.1]), [0.0, 0.0, 0.1], [0.06, 0.08, 0.2]),
    "book": (box([0.05, -0.05, 0.01], [0.1, 0.07, 0.01]), [0.05, -0.05, 0.01], [0.2, 0.14, 0.02]),
    "plate": (box([0.0, 0.0, 0.002], [0.1, 0.1, 0.002]), [0.0, 0.0, 0.002], [0.2, 0.2, 0.004]),
}


@pytest.mark.parametrize("elevation_deg", [35, 60, 85])
@pytest.mark.parametrize("name", THINGS)
def test_the_centre_and_size_of_a_body_are_found_in_the_world_frame(name, elevation_deg):
    hit, centre, size = THINGS[name]
    T = look_at(elevation_deg, 0.9)
    depth, ids = trace(T, hit)
    found = lift_region(window(ids == 1), depth, CAMERA).transformed(T)
    assert np.linalg.norm(found.position_m - centre) < 0.01
    assert np.abs(found.size_m - size).max() < 0.02
    assert found.valid_fraction == 1.0
    assert np.linalg.eigvalsh(found.covariance_m2).min() > 0


def test_a_ball_in_the_air_is_found_without_a_plane_under_it():
    centre = np.array([0.05, 0.0, 0.4])
    T = look_at(45, 1.2)
    depth, ids = trace(T, ball(centre, 0.06))
    found = lift_region(window(ids == 1), depth, CAMERA).transformed(T)
    assert np.linalg.norm(found.position_m - centre) < 0.015
    assert np.abs(found.size_m - 0.12).max() < 0.03


def test_a_wall_that_fills_the_view_is_where_its_surface_is_and_of_unknown_depth():
    depth = np.full((HEIGHT, WIDTH), 1.5, np.float32)
    found = lift_region((0, 0, np.ones((HEIGHT, WIDTH), bool)), depth, CAMERA)
    assert np.allclose(found.position_m, [0, 0, 1.5], atol=0.01)
    assert found.covariance_m2[2, 2] > 0.05**2


def test_a_loose_mask_does_not_take_the_table_in():
    hit, centre, size = THINGS["cube"]
    T = look_at(45, 0.9)
    depth, ids = trace(T, hit)
    loose = lift_region(window(dilated(ids == 1, 8)), depth, CAMERA).transformed(T)
    assert np.linalg.norm(loose.position_m - centre) < 0.015
    assert np.abs(loose.size_m - size).max() < 0.02
    assert loose.points_m[:, 2].min() > 0.002


def test_the_floor_behind_the_edge_of_the_table_does_not_leak_in():
    centre = np.array([0.0, 0.56, 0.04])
    T = look_at(35, 0.9)
    depth, ids = trace(T, ball(centre, 0.04))
    found = lift_region(window(dilated(ids == 1, 6)), depth, CAMERA).transformed(T)
    assert np.linalg.norm(found.position_m - centre) < 0.02


def test_holes_and_noise_move_the_position_by_millimetres_only():
    hit, centre, _ = THINGS["ball"]
    T = look_at(45, 0.9)
    depth, ids = trace(T, hit)
    rng = np.random.default_rng(3)
    depth += rng.normal(0, 0.002, depth.shape).astype(np.float32)
    holes = rng.random(depth.shape)
    depth[holes < 0.2] = 0
    depth[(holes >= 0.2) & (holes < 0.3)] = np.nan
    depth[(holes >= 0.3) & (holes < 0.35)] = np.inf
    found = lift_region(window(ids == 1), depth, CAMERA).transformed(T)
    assert np.linalg.norm(found.position_m - centre) < 0.015
    assert 0.55 < found.valid_fraction < 0.75


def test_depth_at_half_the_resolution_gives_the_same_place():
    hit, _, _ = THINGS["tall box"]
    T = look_at(45, 0.9)
    depth, ids = trace(T, hit)
    half_depth, _ = trace(T, hit, camera=CAMERA.scaled(WIDTH // 2, HEIGHT // 2))
    full = lift_region(window(ids == 1), depth, CAMERA)
    half = lift_region(window(ids == 1), half_depth, CAMERA)
    assert np.linalg.norm(full.position_m - half.position_m) < 0.004
    assert (ids[half.pixels_px[:, 1], half.pixels_px[:, 0]] == 1).mean() > 0.97


def test_depth_of_another_view_is_refused():
    with pytest.raises(ValueError, match="register depth to colour"):
        lift_region((10, 10, np.ones((5, 5), bool)), np.ones((240, 240), np.float32), CAMERA)


@pytest.mark.parametrize("empty", [0.0, np.nan, np.inf])
def test_a_mask_without_depth_says_how_much_there_was(empty):
    depth = np.full((HEIGHT, WIDTH), empty, np.float32)
    depth[100, 100:103] = 1.0
    with pytest.raises(NotEnoughDepth, match="3 of 400 pixels"):
        lift_region((95, 95, np.ones((20, 20), bool)), depth, CAMERA)


def test_the_millimetres_of_a_raw_depth_image_are_refused():
    with pytest.raises(ValueError, match=r"float metres, got .* uint16"):
        lift_region((95, 95, np.ones((20, 20), bool)), np.ones((HEIGHT, WIDTH), np.uint16), CAMERA)


def test_weights_of_zero_everywhere_count_as_no_weights():
    depth, ids = trace(look_at(45, 0.9), THINGS["ball"][0])
    region = window(ids == 1)
    plain = lift_region(region, depth, CAMERA)
    zero = lift_region(region, depth, CAMERA, weights=np.zeros(region[2].shape))
    assert np.array_equal(plain.position_m, zero.position_m)


def test_any_mask_over_any_depth_gives_a_positive_size_and_lands_in_its_own_box():
    rng = np.random.default_rng(11)
    for _ in range(200):
        depth, _ = trace(
            look_at(rng.uniform(10, 89), rng.uniform(0.4, 2)),
            ball(rng.uniform(-0.2, 0.2, 3), rng.uniform(0.01, 0.2)),
            box(rng.uniform(-0.3, 0.3, 3), rng.uniform(0.002, 0.2, 3)),
            camera=CAMERA.scaled(80, 60),
        )
        depth[rng.random(depth.shape) < rng.uniform(0, 0.5)] = 0
        x0, y0 = int(rng.integers(0, 300)), int(rng.integers(0, 220))
        mask = rng.random((int(rng.integers(1, HEIGHT - y0 + 1)), int(rng.integers(1, WIDTH - x0 + 1)))) < 0.8
        try:
            found = lift_region((x0, y0, mask), depth, CAMERA, weights=rng.random(mask.shape))
        except NotEnoughDepth:
            continue
        x, y = CAMERA.project(found.position_m)[0]
        assert x0 - 1e-6 <= x <= x0 + mask.shape[1] - 1 + 1e-6
        assert y0 - 1e-6 <= y <= y0 + mask.shape[0] - 1 + 1e-6
        assert (found.size_m > 0).all() and np.isfinite(found.position_m).all() and found.position_m[2] > 0
        assert np.linalg.eigvalsh(found.covariance_m2).min() > 0
        assert len(found.points_m) == len(found.pixels_px) > 0


def test_a_transform_turns_position_covariance_and_points_together():
    depth, ids = trace(look_at(45, 0.9), THINGS["book"][0])
    found = lift_region(window(ids == 1), depth, CAMERA)
    T = np.array([[0.0, 0, 1, 1], [-1, 0, 0, 2], [0, -1, 0, 3], [0, 0, 0, 1]])
    moved = found.transformed(T)
    assert np.allclose(moved.position_m, found.position_m[[2, 0, 1]] * [1, -1, -1] + [1, 2, 3])
    assert np.allclose(np.diag(moved.covariance_m2), np.diag(found.covariance_m2)[[2, 0, 1]])
    assert np.allclose(moved.size_m, found.size_m[[2, 0, 1]], atol=1e-5)
    assert np.allclose(moved.points_m, transform_points(T, found.points_m), atol=1e-5)


@pytest.mark.parametrize(
    ("model", "D"),
    [
        ("plumb_bob", [-0.3, 0.1, 0.001, -0.002, 0.0]),
        ("rational_polynomial", [0.2, -0.1, 0.001, 0.0, 0.01, 0.1, 0.02, 0.0]),
        ("equidistant", [0.05, -0.01, 0.002, 0.0]),
    ],
)
def test_rays_undo_the_distortion_of_projection(model, D):
    camera = CameraModel(WIDTH, HEIGHT, K, D, model)
    pixels = np.array([[20.0, 15.0], [159.5, 119.5], [300.0, 230.0], [80.5, 200.25]])
    points = camera.rays(pixels) * np.array([[0.5], [1.0], [2.0], [0.7]])
    assert np.allclose(camera.project(points), pixels, atol=0.02)
    assert np.abs(camera.rays(pixels) - CAMERA.rays(pixels)).max() > 0.005


def test_a_distorted_camera_finds_the_same_place():
    hit, centre, _ = THINGS["cube"]
    T = look_at(45, 0.5)
    camera = CameraModel(WIDTH, HEIGHT, K, [-0.35, 0.12, 0.0, 0.0, 0.0])
    depth, ids = trace(T, hit, camera=camera)
    found = lift_region(window(ids == 1), depth, camera).transformed(T)
    assert np.linalg.norm(found.position_m - centre) < 0.012


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 240, K), "size in pixels"),
        ((320, 240, np.zeros((3, 3))), "calibrate the camera"),
        ((320, 240, K, [0.1, 0.2, 0.3]), "coefficients"),
        ((320, 240, K, [0.1] * 4, "fov"), "rectified"),
        ((320, 240, K, [0.1] * 5, "equidistant"), "4 coefficients"),
    ],
)
def test_a_camera_that_cannot_be_used_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        CameraModel(*arguments)
