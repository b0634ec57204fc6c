import pytest
import torch

from viper_ros.model.correlation import Pointer, TokenGridCorrelation


@pytest.fixture
def tokens_and_grid():
    torch.manual_seed(0)
    return torch.randn(2, 5, 24), torch.randn(2, 30, 16)


@pytest.mark.parametrize(("top_k", "most_cells"), [(None, 30), (4, 4 * 3), (1, 3)])
def test_relevance_is_a_distribution_over_at_most_top_k_cells_a_head(tokens_and_grid, top_k, most_cells):
    tokens, grid = tokens_and_grid
    correlation = TokenGridCorrelation(24, 16, heads=3, head_width=8, top_k=top_k)
    found = correlation(tokens, correlation.remember(grid))
    assert found.relevance.shape == (2, 5, 30)
    assert (found.relevance >= 0).all()
    torch.testing.assert_close(found.relevance.sum(dim=-1), torch.ones(2, 5))
    assert int((found.relevance > 0).sum(dim=-1).max()) <= most_cells


def test_context_is_the_relevance_weighted_mean_of_values(tokens_and_grid):
    tokens, grid = tokens_and_grid
    correlation = TokenGridCorrelation(24, 16, heads=3, head_width=8, top_k=4)
    found = correlation(tokens, correlation.remember(grid))
    values = correlation.v_proj(grid)  # (B, G, D), as the paper writes it
    torch.testing.assert_close(found.context, found.relevance @ values, atol=1e-5, rtol=1e-4)


def test_mass_tells_one_object_from_two_of_the_same():
    torch.manual_seed(0)
    correlation = TokenGridCorrelation(24, 16, heads=3, head_width=8, top_k=None, mass=True)
    token, background, thing = torch.randn(1, 1, 24), torch.zeros(1, 28, 16), torch.randn(1, 1, 16) * 5
    one = torch.cat([background, thing, torch.zeros(1, 1, 16)], dim=1)
    two = torch.cat([background, thing, thing], dim=1)
    contexts = [correlation(token, correlation.remember(grid)).context for grid in (one, two)]
    assert (contexts[0] - contexts[1]).abs().max() > 1e-3


def test_without_choice_every_token_gets_the_mean_of_the_grid(tokens_and_grid):
    tokens, grid = tokens_and_grid
    correlation = TokenGridCorrelation(24, 16, heads=3, head_width=8, top_k=None, mass=True, choose=False)
    found = correlation(tokens, correlation.remember(grid))
    torch.testing.assert_close(found.relevance, torch.full((2, 5, 30), 1 / 30))
    torch.testing.assert_close(found.context, found.context[:, :1].expand_as(found.context), atol=1e-5, rtol=1e-4)
    assert found.scores.std() > 0, "what points keeps its scores"


def test_a_pointer_starts_with_the_mean_of_the_words_and_leaves_out_what_is_not_the_instruction():
    torch.manual_seed(0)
    pointer, states, scores = Pointer(24, heads=3), torch.randn(2, 5, 24), torch.randn(2, 3, 5, 30)
    is_instruction = torch.tensor([[True] * 5, [True, True, False, False, False]])
    pointed = pointer(states, scores, is_instruction)
    torch.testing.assert_close(pointed[0], scores[0].mean(dim=1))
    torch.testing.assert_close(pointed[1], scores[1, :, :2].mean(dim=1))


def test_a_pointer_can_choose_a_word_for_each_head():
    pointer, scores = Pointer(2, heads=2), torch.randn(1, 2, 2, 30)
    with torch.no_grad():
        pointer.weight.weight.copy_(torch.tensor([[50.0, 0.0], [0.0, 50.0]]))
    pointed = pointer(torch.eye(2).unsqueeze(0), scores, torch.ones(1, 2, dtype=torch.bool))
    torch.testing.assert_close(pointed[0, 0], scores[0, 0, 0])
    torch.testing.assert_close(pointed[0, 1], scores[0, 1, 1])
