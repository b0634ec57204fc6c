"""Viper-F1: words modulate a state space by what they find in the image.

B batch, T tokens, D width, G grid cells, Gf fine cells (four for a cell), V vocabulary, H heads.

    pixels -> grid -> [ correlation -> FiLM -> state space -> FiLM -> perceptron ] x blocks -> decoder -> logits

Between two blocks the sentence's state modulates the grid, so that what the first block found steers what the next
looks for. No attention anywhere: cost is linear in tokens and in cells, and a new token costs one step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from viper_ros.model.config import ModulatorConfig, ViperConfig, lookup
from viper_ros.model.correlation import Correlation, GridMemory, TokenGridCorrelation
from viper_ros.model.decoder import DECODERS
from viper_ros.model.film import FiLM, GridModulation
from viper_ros.model.grid import GRID_ENCODERS, Grid
from viper_ros.model.state_space import STATE_SPACES


class ViperOutput(NamedTuple):
    """What the model says of a sequence of tokens and an image."""

    logits: Tensor  # (B, T, V), next token
    relevance: Tensor  # (B, T, G), R of the last block: non-negative, sums to 1 over the cells
    target_logits: Tensor | None  # (B, 2 Gh, 2 Gw): does the cell show what the instruction asks for?
    presence_logit: Tensor | None  # (B,): is it in view at all?


class ViperState(NamedTuple):
    """Everything that a further token needs, as a value: the past of each block and layer, and the grids."""

    memories: tuple[GridMemory, ...]  # one a block
    spaces: tuple[Tensor, ...]  # one a block
    decoder: tuple[Tensor, ...]


class ModulatorBlock(nn.Module):
    """Correlation, FiLM in, state space, FiLM out, perceptron (the paper's cross-modal state-space modulation)."""

    def __init__(self, width: int, grid_width: int, config: ModulatorConfig) -> None:
        super().__init__()
        self.correlation = TokenGridCorrelation(
            width, grid_width, config.heads, config.head_width, config.top_k, config.mass
        )
        self.gate = nn.Parameter(torch.tensor(0.5))
        self.norm_in = nn.LayerNorm(width)
        self.film_in = FiLM(width, width)
        self.space = lookup(STATE_SPACES, config.state_space, "state space")(width, config.state_size)
        self.film_out = FiLM(width, width)
        self.ffn = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, config.ffn_ratio * width),
            nn.GELU(),
            nn.Linear(config.ffn_ratio * width, width),
        )
        self.norm_out = nn.LayerNorm(width)

    def forward(
        self, x: Tensor, memory: GridMemory, state: Tensor | None
    ) -> tuple[Tensor, Correlation, Tensor]:
        """Tokens (B, T, D), memory of the grid, state of the space -> tokens, correlation, state."""
        found = self.correlation(x, memory)
        y = self.film_in(self.norm_in(x), found.context, self.gate)
        y, state = self.space(y, found.context, state)
        x = x + self.film_out(y, found.context, self.gate)
        return self.norm_out(x + self.ffn(x)), found, state


class TargetHead(nn.Module):
    """Scores of the instruction's token -> one logit for each fine cell, and one for "it is in view".

    The coarse term is the correlation itself (averaged over heads, scaled); the fine term correlates the sentence
    with edges at twice the resolution.
    """

    def __init__(self, width: int, heads: int, fine_width: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(4.0))
        self.bias = nn.Parameter(torch.tensor(-3.0))
        self.fine_query = nn.Linear(width, fine_width)
        self.presence = nn.Sequential(nn.Linear(width + heads + 1, 64), nn.GELU(), nn.Linear(64, 1))

    def forward(self, sentence: Tensor, scores: Tensor, grid: Grid) -> tuple[Tensor, Tensor]:
        """Sentence (B, D), its scores (B, H, G), grid -> target logits (B, 2 Gh, 2 Gw), presence logit (B,)."""
        coarse = self.scale * scores.mean(dim=1) + self.bias  # (B, G)
        mass = torch.log1p(torch.sigmoid(scores).sum(dim=-1))  # (B, H)
        presence = self.presence(torch.cat([sentence, mass, coarse.amax(dim=-1, keepdim=True)], dim=-1))
        coarse = coarse.view(-1, 1, *grid.shape)  # (B, 1, Gh, Gw)
        coarse = nn.functional.interpolate(coarse, scale_factor=2.0, mode="bilinear", align_corners=False)
        query = self.fine_query(sentence) * grid.fine.shape[1] ** -0.5  # (B, Df)
        fine = torch.einsum("bd,bdhw->bhw", query, grid.fine)  # (B, 2 Gh, 2 Gw)
        return coarse.squeeze(1) + fine, presence.squeeze(-1)


class ViperF1(nn.Module):
    """The model. Build it from a :class:`ViperConfig`; load weights through ``viper_ros.perception``."""

    def __init__(self, config: ViperConfig) -> None:
        super().__init__()
        self.config = config
        c, m = config, config.modulator
        self.embed = nn.Embedding(c.vocab_size, c.width)
        nn.init.normal_(self.embed.weight, std=c.width**-0.5)  # shared with the language head
        self.grid_encoder = lookup(GRID_ENCODERS, c.grid.name, "grid encoder")(c.grid)
        self.blocks = nn.ModuleList(ModulatorBlock(c.width, c.grid.width, m) for _ in range(m.blocks))
        self.grid_modulations = nn.ModuleList(
            GridModulation(c.grid.width, c.width, m.heads) for _ in range(m.blocks - 1)
        )
        self.target_head = TargetHead(c.width, m.heads, c.grid.fine_width)
        self.embed_norm = nn.LayerNorm(c.width)
        self.decoder = lookup(DECODERS, c.decoder.name, "decoder")(c.width, c.decoder)

    def encode(self, pixel_values: Tensor) -> Grid:
        """Pixels (B, 3, H, W), normalised, H and W multiples of ``config.stride`` -> grid, reusable."""
        stride = self.config.stride
        if pixel_values.dim() != 4 or pixel_values.shape[1] != 3 or any(s % stride for s in pixel_values.shape[2:]):
            raise ValueError(
                f"pixel_values must be (B, 3, H, W) with H and W multiples of {stride}, got {tuple(pixel_values.shape)}"
            )
        return self.grid_encoder(pixel_values)

    def forward(self, input_ids: Tensor, pixel_values: Tensor) -> ViperOutput:
        """Tokens (B, T) int64 padded on the right, pixels (B, 3, H, W) -> :class:`ViperOutput`."""
        return self.prefill(input_ids, self.encode(pixel_values))[0]

    def prefill(self, input_ids: Tensor, grid: Grid) -> tuple[ViperOutput, ViperState]:
        """Tokens (B, T) that hold the whole instruction, closed by the ground token, and a grid of the same batch.

        The instruction ends at its first ground token; a sequence without one is an instruction as a whole.
        """
        sentence_at = self._sentence_index(input_ids)  # (B,)
        row = torch.arange(len(input_ids), device=input_ids.device)
        x = self.embed_norm(self.embed(input_ids))  # (B, T, D)
        cells, memories, spaces = grid.cells, [], []
        for i, block in enumerate(self.blocks):
            memories.append(block.correlation.remember(cells))
            x, found, space = block(x, memories[-1], None)
            spaces.append(space)
            sentence, scores = x[row, sentence_at], found.scores[row, :, sentence_at]  # (B, D), (B, H, G)
            if i < len(self.grid_modulations):
                cells = self.grid_modulations[i](cells, sentence, scores, grid.shape)
        target, presence = self.target_head(sentence, scores, grid)
        y, decoder = self.decoder(x)
        output = ViperOutput(y @ self.embed.weight.T, found.relevance, target, presence)
        return output, ViperState(tuple(memories), tuple(spaces), decoder)

    def step(self, input_ids: Tensor, state: ViperState) -> tuple[Tensor, Tensor, ViperState]:
        """One or more further tokens (B, T) -> logits (B, T, V), relevance (B, T, G), state."""
        x, spaces = self.embed_norm(self.embed(input_ids)), []
        for block, memory, space in zip(self.blocks, state.memories, state.spaces, strict=True):
            x, found, space = block(x, memory, space)
            spaces.append(space)
        y, decoder = self.decoder(x, state.decoder)
        return y @ self.embed.weight.T, found.relevance, ViperState(state.memories, tuple(spaces), decoder)

    @torch.inference_mode()
    def generate(self, input_ids: Tensor, pixel_values: Tensor, max_new_tokens: int = 16) -> Tensor:
        """Greedy answer: tokens (B, T) without padding -> new tokens (B, <= max_new_tokens), pads after the end."""
        output, state = self.prefill(input_ids, self.encode(pixel_values))
        pieces = list(self.stream(output.logits[:, -1], state, max_new_tokens))
        return torch.stack(pieces, dim=1) if pieces else input_ids[:, :0]

    @torch.inference_mode()
    def stream(
        self,
        last_logits: Tensor,
        state: ViperState,
        max_new_tokens: int,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[Tensor]:
        """Greedy tokens (B,) one by one after a prefill, at one step each; ``should_stop`` is asked before each."""
        done = torch.zeros(len(last_logits), dtype=torch.bool, device=last_logits.device)
        for _ in range(max_new_tokens):
            if should_stop():
                return
            token = last_logits.argmax(dim=-1).masked_fill(done, self.config.pad_token_id)  # (B,)
            yield token
            done = done | (token == self.config.eos_token_id)
            if bool(done.all()):
                return
            logits, _, state = self.step(token.unsqueeze(1), state)
            last_logits = logits[:, -1]

    def _sentence_index(self, input_ids: Tensor) -> Tensor:
        is_ground = input_ids == self.config.ground_token_id
        last = input_ids.shape[1] - 1
        return torch.where(is_ground.any(dim=1), is_ground.int().argmax(dim=1), last)
