import numpy as np
import pytest

from viper_ros.perception.overlay import BEST_RGB, draw_grounding


@pytest.mark.parametrize("size", [(160, 120), (640, 480), (1920, 1080), (480, 640)])
def test_the_overlay_is_hot_where_relevance_is_and_writes_legibly(size, grounding_of):
    width, height = size
    rgb = np.full((height, width, 3), 60, np.uint8)
    found = grounding_of(width, height)
    picture = draw_grounding(rgb, found)
    assert picture.shape == rgb.shape and picture.dtype == np.uint8
    assert (rgb == 60).all(), "the source image must stay as it was"
    centre = picture[height // 2, width // 2].astype(int)
    assert centre[0] > 100 and centre[0] > centre[2] + 60
    np.testing.assert_array_equal(picture[-2, -2], rgb[-2, -2])
    x0, y0, *_ = (int(edge) for edge in found.regions[0].box_xyxy_px)
    np.testing.assert_array_equal(picture[round(y0 + height / 6), x0], BEST_RGB)
    caption = picture[: height // 5, : width // 2]
    assert (caption > 200).all(axis=2).sum() > 30, "bright letters"
    assert (caption < 40).all(axis=2).sum() > 100, "on a dark ground"


@pytest.mark.parametrize("text", ["a" * 500, "rote Tässe \N{HOT BEVERAGE}", "one\ntwo"])
def test_no_text_breaks_the_overlay(text, grounding_of):
    picture = draw_grounding(np.zeros((40, 50, 3), np.uint8), grounding_of(50, 40, instruction=text, answer=text))
    assert picture.shape == (40, 50, 3)
