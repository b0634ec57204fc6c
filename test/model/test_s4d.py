import torch

from viper_ros.model.s4d import S4DStateSpace


def test_steps_equal_one_pass_across_chunks():
    torch.manual_seed(0)
    space = S4DStateSpace(width=5, state_size=8)
    x = torch.randn(2, 140, 5)
    whole, last = space(x, x)
    pieces, state = [], None
    for t in range(140):
        y, state = space(x[:, t : t + 1], x, state)
        pieces.append(y)
    torch.testing.assert_close(torch.cat(pieces, dim=1), whole, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(state, last, atol=1e-4, rtol=1e-4)


def test_every_parameter_learns():
    space = S4DStateSpace(width=5, state_size=8)
    y, _ = space(torch.randn(1, 20, 5), torch.zeros(1, 20, 5))
    y.square().sum().backward()
    assert [name for name, p in space.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []
