import pytest
import torch

from viper_ros.model.film import FiLM, GridModulation, relative_places


@pytest.fixture
def inputs():
    torch.manual_seed(0)
    return torch.randn(2, 8 * 12, 16), torch.randn(2, 24), torch.randn(2, 3, 8 * 12)


def test_a_closed_gate_lets_features_pass_unchanged():
    torch.manual_seed(0)
    film, x = FiLM(8, 16), torch.randn(2, 5, 16)
    torch.testing.assert_close(film(x, torch.randn(2, 5, 8), gate=0.0), x)


@pytest.mark.parametrize("pool", [1, 2, 4])
def test_all_cells_of_a_tile_are_changed_alike(inputs, pool):
    grid, sentence, scores = inputs
    modulation = GridModulation(16, 24, heads=3, pool=pool)
    change = (modulation(grid, sentence, scores, (8, 12)) - grid).view(2, 8 // pool, pool, 12 // pool, pool, 16)
    torch.testing.assert_close(change, change[:, :, :1, :, :1].expand_as(change), atol=1e-6, rtol=1e-5)
    assert change.std() > 0


def test_a_change_keeps_to_the_place_of_what_was_found(inputs):
    """Depthwise 7x7 over tiles of 2x2 cells reaches three tiles, so the far side of the grid stays as it was."""
    grid, sentence, scores = inputs
    modulation = GridModulation(16, 24, heads=3, pool=2)
    found = scores.clone()
    found[:, :, 0] += 5.0  # the upper left cell
    difference = modulation(grid, sentence, found, (8, 12)) - modulation(grid, sentence, scores, (8, 12))
    difference = difference.view(2, 8, 12, 16).abs().amax(dim=(0, 3))
    assert difference[0, 0] > 0
    assert difference[:, 8:].max() == 0


def test_without_film_the_sentence_changes_nothing(inputs):
    grid, sentence, scores = inputs
    torch.manual_seed(0)
    modulation = GridModulation(16, 24, heads=3, film=False)
    torch.testing.assert_close(
        modulation(grid, sentence, scores, (8, 12)), modulation(grid, 2 * sentence, scores, (8, 12))
    )


def test_a_grid_that_tiles_do_not_cover_is_refused(inputs):
    grid, sentence, scores = inputs
    with pytest.raises(ValueError, match=r"\(8, 12\) cells is not made of squares of 5 x 5"):
        GridModulation(16, 24, heads=3, pool=5)(grid, sentence, scores, (8, 12))


def test_anchors_change_nothing_until_they_have_learnt(inputs):
    grid, sentence, scores = inputs
    torch.manual_seed(0)
    plain = GridModulation(16, 24, heads=3, pool=2)
    torch.manual_seed(0)
    more = GridModulation(16, 24, heads=3, pool=2, anchors=True)
    torch.testing.assert_close(
        more(grid, sentence, scores, (8, 12), torch.randn_like(scores)), plain(grid, sentence, scores, (8, 12))
    )


def test_a_cell_knows_where_it_lies_as_seen_from_a_map():
    shares = torch.zeros(1, 1, 4, 8)
    shares[0, 0, 1, 2] = shares[0, 0, 1, 6] = 0.5
    right, below, away, to_the_left, above = relative_places(shares)[0].unbind(dim=-1)
    cell = 2 / 8
    assert right[0].tolist() == pytest.approx([cell * (x - 4) for x in range(8)])
    assert below[:, 3].tolist() == pytest.approx([cell * (y - 1) for y in range(4)])
    assert float(away[3, 6]) == pytest.approx(cell * 8**0.5, abs=1e-4)
    assert to_the_left[2].tolist() == [0, 0, 0.25, 0.5, 0.5, 0.5, 0.75, 1.0], "the leftmost: half of itself"
    assert above[:, 0].tolist() == [0, 0.5, 1, 1]


def test_maps_and_modulation_fit_each_other(inputs):
    grid, sentence, scores = inputs
    with pytest.raises(ValueError, match="scores of anchors are wanted"):
        GridModulation(16, 24, heads=3, anchors=True)(grid, sentence, scores, (8, 12))
    with pytest.raises(ValueError, match="scores of anchors are wanted"):
        GridModulation(16, 24, heads=3)(grid, sentence, scores, (8, 12), scores)


def test_an_anchor_far_away_reaches_every_cell(inputs):
    """Unlike the 7x7 convolution: what lies left of a mug may lie half an image away from it."""
    grid, sentence, scores = inputs
    modulation = GridModulation(16, 24, heads=3, pool=2, anchors=True)
    torch.nn.init.normal_(modulation.places.seen_from.weight)
    moved = scores.clone()
    moved[:, :, 0] += 5.0
    change = modulation(grid, sentence, scores, (8, 12), scores) - modulation(grid, sentence, scores, (8, 12), moved)
    assert change.abs().amax(dim=-1).min() > 0
