import math

import pytest
import torch

from viper_ros.model.grid import Grid
from viper_ros.model.target import LARGEST_COUNT, TargetHead, _bins

ROWS, COLUMNS, HEADS = 6, 8, 2


@pytest.fixture
def head():
    torch.manual_seed(0)
    return TargetHead(width=12, grid_width=4, heads=HEADS, fine_width=3, cells_across=COLUMNS)


def look(head, areas):
    """What the head finds where things of so many cells are pointed at, in cells that know how large their thing is."""
    cells, scores = torch.zeros(1, ROWS * COLUMNS, 4), torch.full((1, HEADS, ROWS * COLUMNS), -5.0)
    start = 0
    for area in areas:
        cells[0, start : start + area, 0] = math.log(math.expm1(1 / area))  # softplus of it is 1 / area
        scores[0, :, start : start + area] = 5.0
        start += area
    with torch.no_grad():
        head.density.weight.copy_(torch.tensor([[1.0, 0, 0, 0]]))
        head.density.bias.zero_()
    return head(torch.randn(1, 12), scores, Grid(cells, (ROWS, COLUMNS), torch.randn(1, 3, 2 * ROWS, 2 * COLUMNS)))


@pytest.mark.parametrize("areas", [(), (4,), (1, 9), (3, 3, 3), (2, 5, 8, 12)])
@torch.inference_mode()
def test_the_count_is_that_of_the_things_whatever_their_sizes(head, areas):
    assert float(look(head, areas).count) == pytest.approx(len(areas), abs=0.03)


@torch.inference_mode()
def test_a_larger_image_of_the_same_things_counts_the_same(head):
    cells, scores = torch.randn(1, 4, ROWS, COLUMNS), torch.randn(1, HEADS, ROWS, COLUMNS)
    counts = []
    for scale in (1, 2, 3):
        shape = (scale * ROWS, scale * COLUMNS)
        larger = [x.repeat_interleave(scale, 2).repeat_interleave(scale, 3).flatten(2) for x in (cells, scores)]
        grid = Grid(larger[0].transpose(1, 2), shape, torch.randn(1, 3, 2 * shape[0], 2 * shape[1]))
        counts.append(float(head(torch.randn(1, 12), larger[1], grid).count))
    assert counts[1:] == pytest.approx(counts[:1] * 2, rel=1e-4)


@torch.inference_mode()
def test_the_reader_is_told_the_number_and_the_presence(head):
    finding = look(head, (2, 5, 8))
    assert finding.summary.shape == (1, head.summary_width)
    bins = finding.summary[0, -2 - LARGEST_COUNT : -1]
    assert int(bins.argmax()) == 3 and float(bins[3]) > 0.99
    assert float(finding.summary[0, -1]) == float(finding.presence_logit)


def test_a_count_between_two_numbers_is_near_both():
    bins = _bins(torch.tensor([2.5]))[0, 1:]
    assert bins[2] == pytest.approx(float(bins[3])) and bins[2] > 0.5 and bins[4] < 0.02


def test_the_gradient_of_a_count_reaches_map_and_density(head):
    scores = torch.zeros(1, HEADS, ROWS * COLUMNS, requires_grad=True)
    grid = Grid(torch.randn(1, ROWS * COLUMNS, 4), (ROWS, COLUMNS), torch.randn(1, 3, 2 * ROWS, 2 * COLUMNS))
    head(torch.randn(1, 12), scores, grid).count.sum().backward()
    assert scores.grad.abs().sum() > 0 and head.density.weight.grad.abs().sum() > 0
