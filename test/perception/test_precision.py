import numpy as np
import pytest
import torch

from viper_ros.model import ModulatorConfig, ViperF1
from viper_ros.model.s4 import S4StateSpace
from viper_ros.perception import Predictor, load_checkpoint
from viper_ros.perception.precision import PRECISIONS, for_inference, with_precision

IMAGE = np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_predictor_answers_nearly_the_same_in_every_precision(tiny_checkpoint, predictor, precision):
    other = Predictor.from_pretrained(tiny_checkpoint, precision=precision)
    assert other.info["dtype"] == precision
    exact, found = predictor.query(IMAGE, "red mug"), other.query(IMAGE, "red mug")
    assert isinstance(found.answer, str)
    assert np.abs(found.relevance - exact.relevance).max() < 0.05


def test_int8_stores_linear_maps_in_a_byte_each(tiny_checkpoint):
    model = with_precision(load_checkpoint(tiny_checkpoint), "int8")
    assert model.blocks[0].ffn[1].weight().dtype == torch.qint8
    assert model.decoder.mlps[0].down.weight().dtype == torch.qint8


def test_half_precision_leaves_the_kernel_of_s4_as_it_was():
    torch.manual_seed(0)
    space = S4StateSpace.from_config(6, ModulatorConfig(state_size=16, kernel_taps=32)).eval()
    x = torch.randn(1, 20, 6)
    with torch.inference_mode():
        exact = space(x, x)[0]
        half = space.to(torch.bfloat16)(x.bfloat16(), x.bfloat16())[0]
    assert space.a_imag.dtype == torch.float32
    assert half.dtype == torch.bfloat16
    assert (half.float() - exact).abs().max() < 0.05


def test_an_unknown_precision_lists_the_valid_ones(tiny_checkpoint):
    model: ViperF1 = load_checkpoint(tiny_checkpoint)
    with pytest.raises(ValueError, match=r"'int4'; valid are \['float32', 'bfloat16', 'int8'\]"):
        with_precision(model, "int4")


@torch.inference_mode()
def test_a_model_made_for_inference_computes_the_same_without_batch_normalisation(tiny_checkpoint):
    plain, fast = load_checkpoint(tiny_checkpoint), load_checkpoint(tiny_checkpoint)
    for a, b in zip(plain.buffers(), fast.buffers(), strict=True):
        if a.is_floating_point():  # statistics as after a training
            a.copy_(torch.rand_like(a) + 0.5)
            b.copy_(a)
    fast = for_inference(fast)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in fast.modules())
    ids, pixels = torch.tensor([[5, 6, 1]]), torch.randn(1, 3, 64, 96)
    for ours, theirs in zip(fast(ids, pixels)[:4], plain(ids, pixels)[:4], strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-3)
