import pytest
import torch

from viper_ros.model.state_space import LiquidStateSpace, scan


def scan_loop(decay, drive):
    """What scan must give, one step after the other."""
    h = [drive[:, 0]]
    for t in range(1, decay.shape[1]):
        h.append(decay[:, t] * h[-1] + drive[:, t])
    return torch.stack(h, dim=1)


@pytest.mark.parametrize("length", [1, 2, 3, 7, 16, 33])
def test_scan_equals_the_loop(length):
    torch.manual_seed(length)
    decay, drive = torch.rand(2, length, 3, 4), torch.randn(2, length, 3, 4)
    torch.testing.assert_close(scan(decay, drive), scan_loop(decay, drive))


def test_scan_has_the_gradients_of_the_loop():
    torch.manual_seed(0)
    decay, drive = torch.rand(2, 9, 3), torch.randn(2, 9, 3)
    weight = torch.randn(2, 9, 3)
    gradients = []
    for function in (scan, scan_loop):
        a, b = decay.clone().requires_grad_(), drive.clone().requires_grad_()
        (function(a, b) * weight).sum().backward()
        gradients.append((a.grad, b.grad))
    torch.testing.assert_close(gradients[0], gradients[1])


def test_complex_scan_has_the_gradients_of_the_loop():
    torch.manual_seed(0)
    decay, drive, weight = (torch.randn(2, 9, 3, dtype=torch.complex128) for _ in range(3))
    gradients = []
    for function in (scan, scan_loop):
        a, b = decay.clone().requires_grad_(), drive.clone().requires_grad_()
        (function(a, b) * weight).sum().abs().backward()
        gradients.append((a.grad, b.grad))
    torch.testing.assert_close(gradients[0], gradients[1])


def test_liquid_steps_equal_one_pass():
    torch.manual_seed(0)
    space = LiquidStateSpace(width=12, state_size=4)
    x, context = torch.randn(2, 10, 12), torch.randn(2, 10, 12)
    whole, last = space(x, context)
    state, pieces = None, []
    for t in range(10):
        y, state = space(x[:, t : t + 1], context[:, t : t + 1], state)
        pieces.append(y)
    torch.testing.assert_close(torch.cat(pieces, dim=1), whole, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(state, last, atol=1e-5, rtol=1e-4)


def test_context_moves_the_dynamics_and_not_only_the_input():
    torch.manual_seed(0)
    space = LiquidStateSpace(width=12, state_size=4)
    x = torch.randn(1, 6, 12)
    x[:, 3:] = 0  # nothing is fed in after the third token, so only dt can make a difference there
    context = torch.zeros(1, 6, 12)
    elsewhere = context.clone()
    elsewhere[:, 3:] = 3.0
    _, calm = space(x, context)
    _, moved = space(x, elsewhere)
    assert (calm - moved).abs().max() > 1e-3
