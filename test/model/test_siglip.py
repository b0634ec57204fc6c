import pytest
import torch

from viper_ros.model import GridEncoderConfig, ViperConfig, ViperF1

pytest.importorskip("transformers")

from viper_ros.model.siglip import SiglipTilesGridEncoder

BACKBONE = {
    "hidden_size": 24,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "image_size": 64,
    "patch_size": 16,
}


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    encoder = SiglipTilesGridEncoder(GridEncoderConfig("siglip_tiles", width=24, backbone=BACKBONE)).eval()
    for p in encoder.parameters():  # biases start at zero, and then could be forgotten unnoticed
        p.data.add_(torch.randn_like(p) * 0.05)
    return encoder


@torch.inference_mode()
def test_an_image_of_256_px_has_the_whole_and_four_tiles_and_a_dense_grid_of_16(encoder):
    grid = encoder(torch.randn(2, 3, 256, 256))
    assert grid.cells.shape == (2, 5, 24)
    assert grid.dense.shape == (2, 256, 24)
    assert grid.shape == (16, 16)


@pytest.mark.parametrize(("height", "width", "tiles"), [(256, 256, 4), (192, 256, 4), (128, 256, 2), (64, 512, 4)])
def test_tiles_cover_an_image_of_any_shape(encoder, height, width, tiles):
    assert encoder.tiles(torch.randn(1, 3, height, width)).shape == (1, tiles, 3, 128, 128)


def test_tiles_come_row_by_row_and_repeat_the_border(encoder):
    image = torch.arange(192 * 256.0).view(1, 1, 192, 256).expand(1, 3, -1, -1)
    tiles = encoder.tiles(image)
    torch.testing.assert_close(tiles[0, 1], image[0, :, :128, 126:254])
    torch.testing.assert_close(tiles[0, 2, :, :66], image[0, :, 126:192, :128])
    torch.testing.assert_close(tiles[0, 2, :, 70], image[0, :, 191, :128])


@torch.inference_mode()
def test_a_patch_pooled_alone_is_the_pooling_head_on_that_patch(encoder):
    patches = torch.randn(2, 7, 24)
    alone = encoder.vision.head(patches.reshape(14, 1, 24)).view(2, 7, 24)
    torch.testing.assert_close(encoder.pool_each(patches), alone, atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_an_image_of_equal_patches_is_pooled_to_what_each_of_them_is(encoder):
    patches = torch.randn(1, 1, 24).expand(1, 9, 24)
    pooled = encoder.vision.head(patches)
    torch.testing.assert_close(encoder.pool_each(patches), pooled.unsqueeze(1).expand(1, 9, 24), atol=1e-5, rtol=1e-5)


def test_several_blocks_need_cells_that_are_a_map():
    grid = GridEncoderConfig("siglip_tiles", width=24, backbone=BACKBONE)
    with pytest.raises(ValueError, match="takes 1 block, got 3"):
        ViperF1(ViperConfig(grid=grid))


def test_widths_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"grid\.width 32.*width 24"):
        SiglipTilesGridEncoder(GridEncoderConfig("siglip_tiles", width=32, backbone=BACKBONE))
