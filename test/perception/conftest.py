import pytest
import torch

from viper_ros.model import DecoderConfig, GridEncoderConfig, ModulatorConfig, ViperConfig, ViperF1
from viper_ros.perception import Predictor, Tokenizer, save_checkpoint

SENTENCES = ["pick up the red mug left of the plate", "is there a blue box?", "red mug", "yes", "no", "not found"]


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory):
    """A folder with a randomly initialised checkpoint, written by the real code."""
    torch.manual_seed(1)
    tokenizer = Tokenizer.train(SENTENCES, vocab_size=200)
    config = ViperConfig(
        name="tiny",
        vocab_size=len(tokenizer),
        width=24,
        ground_token_id=tokenizer.ground_id,
        eos_token_id=tokenizer.end_id,
        grid=GridEncoderConfig(width=16, fine_width=8, widths=(8, 12, 16, 16), depths=(1, 1, 1, 1), name="conv"),
        modulator=ModulatorConfig(blocks=2, heads=2, head_width=8, state_size=4),
        decoder=DecoderConfig(layers=2, ffn_width=32),
    )
    folder = tmp_path_factory.mktemp("models") / "tiny"
    save_checkpoint(folder, ViperF1(config), tokenizer, dtype=torch.float32)
    return folder


@pytest.fixture(scope="session")
def predictor(tiny_checkpoint):
    return Predictor.from_pretrained(tiny_checkpoint)
