import numpy as np
import pytest

from viper_ros.perception.letterbox import Letterbox, check_image

HALF = (0.5, 0.5, 0.5)
SIZES = [(640, 480), (480, 640), (1280, 720), (256, 256), (31, 17), (1, 1), (4000, 30), (3, 900)]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_input_is_a_multiple_of_the_stride_and_holds_the_image(width, height):
    box = Letterbox.fit(width, height, 256, 32)
    assert box.input_width % 32 == box.input_height % 32 == 0
    assert 1 <= box.inner_width <= box.input_width <= 256
    assert 1 <= box.inner_height <= box.input_height <= 256
    assert max(box.inner_width, box.inner_height) == 256
    assert box.apply(np.zeros((height, width, 3), np.uint8), HALF, HALF).shape == (3, box.input_height, box.input_width)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_cells_over_the_image_cover_it_and_no_more(width, height):
    box = Letterbox.fit(width, height, 256, 32)
    rows, columns = box.input_height // 4, box.input_width // 4
    mapping = box.grid_mapping(rows, columns)
    assert mapping.cell_width * box.inner_width / 4 == pytest.approx(width)
    assert mapping.cell_height * box.inner_height / 4 == pytest.approx(height)


@pytest.mark.parametrize(("width", "height"), [(640, 480), (480, 640), (1280, 720), (200, 150)])
def test_a_bright_pixel_lands_in_the_cell_that_the_mapping_says(width, height):
    box = Letterbox.fit(width, height, 256, 32)
    mapping = box.grid_mapping(box.input_height // 8, box.input_width // 8)
    rng = np.random.default_rng(0)
    for _ in range(20):
        x, y = int(rng.integers(8, width - 8)), int(rng.integers(8, height - 8))
        image = np.zeros((height, width, 3), np.uint8)
        image[y - 4 : y + 5, x - 4 : x + 5] = 255
        brightest = np.unravel_index(box.apply(image, HALF, HALF)[0].argmax(), (box.input_height, box.input_width))
        source_x = (brightest[1] + 0.5) / 8 * mapping.cell_width + mapping.offset_x
        source_y = (brightest[0] + 0.5) / 8 * mapping.cell_height + mapping.offset_y
        assert abs(source_x - (x + 0.5)) <= 4 + width / 256
        assert abs(source_y - (y + 0.5)) <= 4 + width / 256


@pytest.mark.parametrize(
    ("image", "came"),
    [
        (None, "NoneType"),
        (np.zeros((4, 4), np.uint8), r"\(4, 4\) uint8"),
        (np.zeros((4, 4, 4), np.uint8), r"\(4, 4, 4\) uint8"),
        (np.zeros((480, 640, 3), np.float32), r"\(480, 640, 3\) float32"),
        (np.zeros((0, 640, 3), np.uint8), r"\(0, 640, 3\) uint8"),
    ],
)
def test_other_images_are_refused_with_what_came(image, came):
    with pytest.raises(ValueError, match=came):
        check_image(image)
