import pytest
import torch

from viper_ros.model.sampling import Sampler, Sampling, nucleus, penalised

LOGITS = torch.tensor([[2.0, 1.0, -1.0, 0.0], [0.0, 0.5, 3.0, 2.9]])


def test_the_default_takes_the_most_likely_token():
    assert Sampler(Sampling())(LOGITS).tolist() == [0, 2]


def test_a_seed_fixes_what_is_drawn():
    def draw(seed):
        choose = Sampler(Sampling(temperature=1.5, seed=seed))
        return [choose(LOGITS).tolist() for _ in range(20)]

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)


def test_low_temperature_comes_close_to_greedy():
    choose = Sampler(Sampling(temperature=0.01))
    assert all(choose(LOGITS[:1]).tolist() == [0] for _ in range(20))


def test_the_nucleus_is_the_fewest_tokens_that_hold_the_probability():
    probabilities = torch.tensor([[0.1, 0.5, 0.15, 0.25]])
    assert (nucleus(probabilities, 0.7) > 0).tolist() == [[False, True, False, True]]
    assert (nucleus(probabilities, 0.4) > 0).tolist() == [[False, True, False, False]]
    assert (nucleus(probabilities, 1.0) > 0).all()


def test_the_penalty_makes_seen_tokens_less_likely_whatever_their_sign():
    out = penalised(LOGITS[:1], torch.tensor([[0, 2]]), 2.0)
    assert out.tolist() == [[1.0, 1.0, -2.0, 0.0]]


def test_a_strong_penalty_ends_a_repetition():
    choose = Sampler(Sampling(repetition_penalty=4.0), prompt=torch.tensor([[3]]))
    assert [int(choose(LOGITS[:1])) for _ in range(2)] == [0, 1]


@pytest.mark.parametrize(
    "wrong",
    [{"temperature": -1}, {"temperature": float("nan")}, {"top_p": 0}, {"top_p": 1.1}, {"repetition_penalty": 0}],
)
def test_senseless_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Sampling(**wrong)
