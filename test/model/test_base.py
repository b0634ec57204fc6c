"""The released architecture on tiny sizes: state, pointing and choice of parts."""

import dataclasses

import pytest
import torch

pytest.importorskip("transformers")

from viper_ros.model import ViperF1
from viper_ros.model.presets import released_layout, released_modulator
from viper_ros.model.registry import STATE_SPACES

VISION = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": 64,
    "patch_size": 16,
}
LM = {
    "hidden_size": 32,
    "block_ff_dim": 48,
    "block_auto_adjust_ff_dim": False,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "full_attn_idxs": [1],
}
IMAGE, END = 5, 2


def tiny(**modulator):
    config = released_layout(
        VISION,
        LM,
        vocab_size=40,
        image_token_id=IMAGE,
        eos_token_id=END,
        modulator=dataclasses.replace(released_modulator(), state_size=8, **modulator),
    )
    torch.manual_seed(0)
    return ViperF1(config).eval()


@pytest.fixture(scope="module")
def model():
    return tiny(kernel_taps=6)  # shorter than the sequences below, so that the cut takes part


@pytest.fixture(scope="module")
def prompt():
    torch.manual_seed(1)
    return torch.tensor([[8, IMAGE, 9, 7, END, 3], [8, IMAGE, 11, 3, END, 3]]), torch.randn(2, 3, 256, 256)


@pytest.mark.parametrize("space", sorted(STATE_SPACES))
@torch.inference_mode()
def test_steps_with_state_equal_full_recomputation(space, prompt):
    model, (ids, pixels) = tiny(state_space=space, kernel_taps=6), prompt
    further = torch.randint(6, 40, (2, 9))
    whole = model(torch.cat([ids, further], dim=1), pixels)
    output, state = model.prefill(ids, model.encode(pixels))
    torch.testing.assert_close(output.logits, whole.logits[:, :6], atol=1e-4, rtol=1e-3)
    for t in range(9):
        logits, relevance, state = model.step(further[:, t : t + 1], state)
        torch.testing.assert_close(logits[:, 0], whole.logits[:, 6 + t], atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(relevance[:, 0], whole.relevance[:, 6 + t], atol=1e-5, rtol=1e-4)


@torch.inference_mode()
def test_a_state_is_a_value_that_serves_twice(model, prompt):
    _, state = model.prefill(prompt[0], model.encode(prompt[1]))
    first, second = torch.tensor([[4], [9]]), torch.tensor([[7], [30]])
    once = model.step(second, model.step(first, state)[2])[0]
    model.step(second, state)
    again = model.step(second, model.step(first, state)[2])[0]
    torch.testing.assert_close(again, once, atol=0, rtol=0)


@torch.inference_mode()
def test_relevance_is_dense_where_it_points_and_released_where_it_answers(model, prompt):
    output = model(*prompt)
    assert output.relevance.shape == (2, 6, 5)
    assert output.dense_relevance.shape == (2, 6, 256)
    assert output.target_logits.shape == (2, 16, 16)
    torch.testing.assert_close(output.dense_relevance.sum(dim=-1), torch.ones(2, 6))


@torch.inference_mode()
def test_only_the_users_words_point(model, prompt):
    ids, pixels = prompt
    other_template = ids.clone()
    other_template[:, 0], other_template[:, 5] = 30, 31
    other_words = ids.clone()
    other_words[:, 3] = 20
    output = model(ids, pixels)
    torch.testing.assert_close(model(other_template, pixels).target_logits, output.target_logits, atol=1e-5, rtol=1e-4)
    assert (model(other_words, pixels).target_logits - output.target_logits).abs().max() > 1e-3


@torch.inference_mode()
def test_a_cell_with_its_fair_share_has_even_odds(model):
    logits, presence, count, _ = model.target_head(
        None, torch.zeros(1, 4, 256), model.encode(torch.zeros(1, 3, 256, 256))
    )
    torch.testing.assert_close(logits, torch.zeros(1, 16, 16), atol=1e-5, rtol=0)
    torch.testing.assert_close(presence, torch.zeros(1), atol=1e-5, rtol=0)
    assert count is None


@torch.inference_mode()
def test_a_stop_token_ends_the_answer(model, prompt):
    ids, pixels = prompt[0][:1], prompt[1][:1]
    free = model.generate(ids, pixels, 6)[0].tolist()
    config = model.config
    model.config = dataclasses.replace(config, stop_token_ids=(free[2],), eos_token_id=39)
    try:
        stopped = model.generate(ids, pixels, 6)[0].tolist()
    finally:
        model.config = config
    assert stopped == free[: free.index(free[2]) + 1]


def test_the_embedding_is_held_once(model):
    tables = [name for name, p in model.named_parameters() if p.shape == (40, 32)]
    assert tables == ["embed.weight"]
