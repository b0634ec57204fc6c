import numpy as np
import pytest

from viper_ros.perception.heatmap import heatmap_from_grid, overlay_heatmap
from viper_ros.perception.letterbox import GridMapping, Letterbox


def test_a_ramp_over_cells_is_the_same_ramp_over_pixels():
    mapping = GridMapping(0.0, 0.0, 10.0, 10.0)
    relevance = np.tile(np.arange(8, dtype=np.float32), (6, 1))
    heatmap = heatmap_from_grid(relevance, mapping, 80, 60)
    x = np.arange(80) + 0.5
    inside = slice(5, 75)
    np.testing.assert_allclose(heatmap[30, inside], (x / 10 - 0.5)[inside], atol=0.02)  # warpAffine has 1/32 px steps


@pytest.mark.parametrize(("width", "height"), [(640, 480), (480, 640), (1280, 720), (77, 31)])
def test_the_hottest_pixel_lies_in_the_hottest_cell(width, height):
    box = Letterbox.fit(width, height, 256, 32)
    rows, columns = box.input_height // 4, box.input_width // 4
    mapping = box.grid_mapping(rows, columns)
    rng = np.random.default_rng(0)
    for _ in range(10):
        row, column = rng.integers(box.inner_height // 4), rng.integers(box.inner_width // 4)
        relevance = np.zeros((rows, columns), np.float32)
        relevance[row, column] = 1
        heatmap = heatmap_from_grid(relevance, mapping, width, height)
        y, x = np.unravel_index(heatmap.argmax(), heatmap.shape)
        assert int((x + 0.5) / mapping.cell_width) == column
        assert int((y + 0.5) / mapping.cell_height) == row


def test_values_stay_probabilities():
    relevance = np.random.default_rng(0).random((48, 64), dtype=np.float32)
    heatmap = heatmap_from_grid(relevance, GridMapping(0.0, 0.0, 10.0, 10.0), 640, 480)
    assert heatmap.shape == (480, 640)
    assert heatmap.dtype == np.float32
    assert heatmap.min() >= 0
    assert heatmap.max() <= 1


def test_the_overlay_leaves_cold_pixels_alone_and_paints_warm_ones():
    image = np.full((4, 4, 3), 90, np.uint8)
    heatmap = np.zeros((4, 4), np.float32)
    heatmap[1, 2] = 1
    picture = overlay_heatmap(image, heatmap)
    assert (picture[0, 0] == 90).all()
    assert int(picture[1, 2, 0]) > int(picture[1, 2, 2])  # the warm end is red
