import pytest
import torch

from viper_ros.model.s4 import (
    S4StateSpace,
    convolution,
    cut,
    discretised,
    fft_convolution,
    hippo_legs,
    recurrence,
    uncut,
)

WIDTH, STATE, TAPS = 6, 64, 512


@pytest.fixture
def space():
    torch.manual_seed(0)
    return S4StateSpace(WIDTH, STATE, TAPS).eval()


def steps_in_single_precision(system, taps, u):
    """The recurrence one token at a time: (B, D, T) -> (B, D, T)."""
    stepping = recurrence(system, taps)
    stepping = type(stepping)(*(v.to(torch.complex64 if v.is_complex() else torch.float32) for v in stepping))
    h = torch.zeros(*u.shape[:2], STATE // 2, dtype=torch.complex64)
    outputs = []
    for t in range(u.shape[-1]):
        y, h = stepping.step(u[..., t], h)
        outputs.append(y)
    return torch.stack(outputs, dim=-1)


def test_hippo_is_the_matrix_that_the_paper_writes():
    a, b, p = hippo_legs(8)
    n = torch.arange(8, dtype=torch.float64)
    written = -torch.tril(torch.sqrt((2 * n + 1).outer(2 * n + 1)), -1) - torch.diag(n + 1)
    a, p = torch.cat([a, a.conj()]), torch.cat([p, p.conj()])
    found = torch.linalg.eigvals(torch.diag(a) - p.outer(p.conj()))
    expected = torch.linalg.eigvals(written)  # -1 ... -8, whatever the basis
    torch.testing.assert_close(found.real.sort().values, expected.real.sort().values, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(b.abs().square().sum() * 2, torch.sum(2 * n + 1))


def test_kernel_is_the_impulse_response_of_the_dense_system(space):
    system = space.system()
    kernel = convolution(system, TAPS)
    plain, step = uncut(system, TAPS).whole(), discretised(system)
    eye = torch.eye(STATE, dtype=torch.complex128)
    half = plain.dt.view(-1, 1, 1) / 2
    a = torch.diag_embed(plain.a) - plain.p.unsqueeze(-1) * plain.p.conj().unsqueeze(-2)
    h = torch.linalg.solve(eye - half * a, 2 * half * plain.b.unsqueeze(-1))  # Bbar
    for i in range(40):
        torch.testing.assert_close((plain.c.unsqueeze(-2) @ h).real.flatten(), kernel[:, i], atol=1e-9, rtol=1e-9)
        h = step @ h


def test_recurrence_equals_convolution_over_512_steps_in_single_precision(space):
    u = torch.randn(2, WIDTH, TAPS)
    by_steps = steps_in_single_precision(space.system(), TAPS, u)
    by_convolution = fft_convolution(u, convolution(space.system(), TAPS).float())
    torch.testing.assert_close(by_steps, by_convolution, atol=1e-4, rtol=1e-4)


def test_undoing_the_cut_is_needed_to_step(space):
    u = torch.randn(1, WIDTH, TAPS)
    by_convolution = fft_convolution(u, convolution(space.system(), TAPS).float())
    without_undoing = steps_in_single_precision(space.system(), 0, u)
    assert (without_undoing - by_convolution).abs().max() > 0.1


def test_cutting_and_undoing_it_are_inverse(space):
    system = space.system()
    again = cut(uncut(system, TAPS), TAPS)
    torch.testing.assert_close(again.c, system.c, atol=1e-8, rtol=1e-8)


def test_fft_convolution_equals_the_sum_that_defines_it():
    torch.manual_seed(0)
    u, kernel = torch.randn(1, 2, 37), torch.randn(2, 10)
    direct = [sum(kernel[:, i] * u[0, :, t - i] for i in range(min(10, t + 1))) for t in range(37)]
    torch.testing.assert_close(fft_convolution(u, kernel)[0], torch.stack(direct, dim=-1), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("taps", [0, 16, 512])
@torch.inference_mode()
def test_steps_equal_one_pass_before_and_after_the_last_tap(taps):
    torch.manual_seed(1)
    space = S4StateSpace(WIDTH, 16, taps).eval()
    x = torch.randn(2, 40, WIDTH)
    whole, last = space(x, x)
    first, state = space(x[:, :11], x[:, :11])
    pieces = [first]
    for t in range(11, 30):
        y, state = space(x[:, t : t + 1], x[:, t : t + 1], state)
        pieces.append(y)
    y, state = space(x[:, 30:], x[:, 30:], state)
    torch.testing.assert_close(torch.cat([*pieces, y], dim=1), whole, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(state, last, atol=1e-4, rtol=1e-4)


@torch.inference_mode()
def test_without_a_cut_the_space_never_forgets(space):
    system = uncut(space.system(), TAPS)
    endless = S4StateSpace(WIDTH, STATE, taps=0).eval()
    endless.load_state_dict(space.state_dict() | {"c": torch.view_as_real(system.c).float()})
    x = torch.randn(1, TAPS + 60, WIDTH)
    cut_off, never = space(x, x)[0], endless(x, x)[0]
    torch.testing.assert_close(cut_off[:, :TAPS], never[:, :TAPS], atol=2e-4, rtol=1e-3)
    assert (cut_off[:, TAPS:] - never[:, TAPS:]).abs().max() > 1e-3


def test_new_weights_make_a_new_kernel(space):
    x = torch.randn(1, 5, WIDTH)
    with torch.inference_mode():
        before = space(x, x)[0]
        other = S4StateSpace(WIDTH, STATE, TAPS).state_dict()
        space.load_state_dict(other)
        assert (space(x, x)[0] - before).abs().max() > 1e-3


def test_every_parameter_learns():
    space = S4StateSpace(WIDTH, 16, 32)
    y, _ = space(torch.randn(1, 20, WIDTH), torch.zeros(1, 20, WIDTH))
    y.square().sum().backward()
    assert [name for name, p in space.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []
