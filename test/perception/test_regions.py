import numpy as np
import pytest

from viper_ros.perception.regions import find_regions


def blob(x0, y0, x1, y1, value, size=(40, 60)):
    heatmap = np.zeros(size, np.float32)
    heatmap[y0:y1, x0:x1] = value
    return heatmap


def test_two_blobs_are_two_regions_best_first():
    heatmap = blob(5, 5, 15, 12, 0.7) + blob(30, 20, 50, 30, 0.9)
    regions = find_regions(heatmap, max_regions=8)
    assert [region.box_xyxy_px for region in regions] == [(30, 20, 50, 30), (5, 5, 15, 12)]
    assert [region.score for region in regions] == pytest.approx([0.9, 0.7])
    assert regions[0].centroid_px == pytest.approx((40, 25))


def test_the_mask_is_the_blob_and_the_window_is_its_cut_out():
    heatmap = blob(5, 5, 15, 12, 0.7)
    region = find_regions(heatmap, 1)[0]
    np.testing.assert_array_equal(region.mask(), heatmap > 0.5)
    x0, y0, window = region.mask_window()
    np.testing.assert_array_equal(region.mask()[y0 : y0 + window.shape[0], x0 : x0 + window.shape[1]], window)


def test_a_faint_map_still_says_where_it_is_warmest():
    regions = find_regions(blob(5, 5, 15, 12, 0.2), 8)
    assert [region.box_xyxy_px for region in regions] == [(5, 5, 15, 12)]


def test_a_region_reaches_down_to_a_share_of_the_peak_and_an_echo_is_none():
    heatmap = np.maximum(blob(5, 5, 25, 20, 0.4), blob(10, 8, 20, 15, 0.9)) + blob(40, 30, 50, 38, 0.35)
    assert [region.box_xyxy_px for region in find_regions(heatmap, 8)] == [(5, 5, 25, 20)]


def test_an_all_zero_map_has_no_region():
    assert find_regions(np.zeros((10, 10), np.float32), 8) == ()


def test_specks_go_unless_nothing_else_is_left():
    heatmap = blob(5, 5, 15, 12, 0.7) + blob(30, 20, 31, 21, 0.9)
    assert len(find_regions(heatmap, 8, min_area_px=10)) == 1
    assert len(find_regions(blob(30, 20, 31, 21, 0.9), 8, min_area_px=10)) == 1


@pytest.mark.parametrize("seed", range(20))
def test_no_box_is_ever_degenerate_and_every_centroid_is_inside(seed):
    rng = np.random.default_rng(seed)
    heatmap = rng.random((rng.integers(1, 40), rng.integers(1, 40)), dtype=np.float32)
    for region in find_regions(heatmap, max_regions=5):
        x0, y0, x1, y1 = region.box_xyxy_px
        assert 0 <= x0 < x1 <= heatmap.shape[1]
        assert 0 <= y0 < y1 <= heatmap.shape[0]
        assert x0 <= region.centroid_px[0] <= x1
        assert y0 <= region.centroid_px[1] <= y1
        assert 0 < region.score <= 1
