"""Viper-F1: words modulate a state space by what they find in the image.

B batch, T tokens, D width, G = Gh * Gw grid cells, V vocabulary, H heads.

    pixels -> grid -> [ correlation -> FiLM -> state space -> FiLM -> perceptron ] x blocks -> decoder -> logits
                              |-> pointer, summed over blocks -> target, presence, count, FiLM of the decoder

Between two blocks the sentence's state modulates the grid, so that what the first block found steers what the next
looks for: where the words point so far, and where the things lie that they mention on the way ("the mug" of "left of
the mug"), at which the first blocks point as well. What all blocks together point at is what the answer is about: its
cells modulate the decoder. No attention in nano: cost is linear in tokens and in cells, and a new token costs one step.
The parts are chosen by name (registry.py); ``base`` has SigLIP's grid, one block with S4 and LFM2, as the released
checkpoints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from viper_ros.model.config import ViperConfig, lookup
from viper_ros.model.correlation import GridMemory, Pointer
from viper_ros.model.film import FiLM, GridModulation
from viper_ros.model.grid import Grid
from viper_ros.model.registry import BLOCKS, DECODERS, GRID_ENCODERS, STATE_SPACES, TARGET_HEADS
from viper_ros.model.sampling import GREEDY, Sampler, Sampling


class ViperOutput(NamedTuple):
    """What the model says of a sequence of tokens and an image."""

    logits: Tensor  # (B, T, V), next token
    relevance: Tensor  # (B, T, G), R of the last block: non-negative, sums to 1 over the cells
    target_logits: Tensor | None  # (B, 2 Gh, 2 Gw), or (B, Gh, Gw) of a dense grid: is this what was asked for?
    presence_logit: Tensor | None  # (B,): is it in view at all?
    dense_relevance: Tensor | None = None  # (B, T, Gh Gw): R over the dense cells, where the grid has such
    count: Tensor | None = None  # (B,): about how many things were asked for, if the target head counts


class ViperState(NamedTuple):
    """Everything that a further token needs, as a value: the past of each block and layer, and the grids."""

    memories: tuple[GridMemory, ...]  # one a block
    spaces: tuple[Any, ...]  # one a block
    decoder: Any  # the decoder's own
    summary: Tensor | None  # of what the instruction found; the decoder is modulated by it


class ViperF1(nn.Module):
    """The model. Build it from a :class:`ViperConfig`; load weights through ``viper_ros.perception``."""

    def __init__(self, config: ViperConfig) -> None:
        super().__init__()
        self.config = config
        c, m = config, config.modulator
        self.embed = nn.Embedding(c.vocab_size, c.width)
        nn.init.normal_(self.embed.weight, std=c.width**-0.5)  # shared with the language head
        self.grid_encoder = lookup(GRID_ENCODERS, c.grid.name, "grid encoder")(c.grid)
        if m.blocks < 1:
            raise ValueError(f"a modulator has at least 1 block, got {m.blocks}")
        if m.blocks > 1 and not self.grid_encoder.cells_are_a_map:
            raise ValueError(
                f"grid encoder {c.grid.name!r} has cells that are no map; it takes 1 block, got {m.blocks}"
            )
        block, space = lookup(BLOCKS, m.block, "block"), lookup(STATE_SPACES, m.state_space, "state space")
        self.blocks = nn.ModuleList(
            block(c.width, c.grid.width, m, space.from_config(c.width, m)) for _ in range(m.blocks)
        )
        self.grid_modulations = nn.ModuleList(
            GridModulation(c.grid.width, c.width, m.heads, m.grid_pool, m.film, anchors=m.anchors and m.pointer)
            for _ in range(m.blocks - 1 if block.modulates_grid else 0)
        )
        self.anchor_pointers = nn.ModuleList(
            Pointer(c.width, m.heads) for modulation in self.grid_modulations if modulation.places is not None
        )
        self.pointers = nn.ModuleList(Pointer(c.width, m.heads) for _ in range(m.blocks if m.pointer else 0))
        self.target_head = lookup(TARGET_HEADS, c.target_head, "target head").from_config(c)
        summary_width = self.target_head.summary_width if m.film else 0
        self.reading = FiLM(summary_width, c.width) if summary_width else None
        self.embed_norm = nn.LayerNorm(c.width) if c.embed_norm else nn.Identity()
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
        place = torch.arange(input_ids.shape[1], device=input_ids.device) - sentence_at.unsqueeze(1)  # (B, T)
        is_instruction, is_answer = place <= 0, place >= 0  # the token that closes the one begins the other
        x = self.embed_norm(self.embed(input_ids))  # (B, T, D)
        cells, memories, spaces = grid.cells, [], []
        scores, anchors = cells.new_zeros(()), None
        for i, block in enumerate(self.blocks):
            words = x
            memories.append(block.correlation.remember(cells))
            x, found, space = block(words, memories[-1], None)
            spaces.append(space)
            sentence = x[row, sentence_at]  # (B, D)
            if self.pointers:
                scores = scores + self.pointers[i](x, found.scores, is_instruction)  # (B, H, G)
            else:
                scores = found.scores[row, :, sentence_at]  # (B, H, G)
            if i < len(self.anchor_pointers):
                pointed = self.anchor_pointers[i](x, found.scores, is_instruction)  # (B, H, G)
                anchors = pointed if anchors is None else anchors + pointed
            if i < len(self.grid_modulations):
                cells = self.grid_modulations[i](cells, sentence, scores, grid.shape, anchors)
        dense = None
        if grid.dense is not None:
            dense, scores = self._look_closer(words, grid.dense, input_ids)
        target, presence, count, summary = self.target_head(sentence, scores, grid)
        y, decoder = self.decoder(torch.where(is_answer.unsqueeze(-1), self._tell(x, summary), x))
        output = ViperOutput(self._read(y), found.relevance, target, presence, dense, count)
        return output, ViperState(tuple(memories), tuple(spaces), decoder, summary)

    def step(self, input_ids: Tensor, state: ViperState) -> tuple[Tensor, Tensor, ViperState]:
        """One or more further tokens (B, T) -> logits (B, T, V), relevance (B, T, G), state."""
        x, relevance, spaces = self.modulate(self.embed_norm(self.embed(input_ids)), state.memories, state.spaces)
        y, decoder = self.decoder(self._tell(x, state.summary), state.decoder)
        return self._read(y), relevance, ViperState(state.memories, spaces, decoder, state.summary)

    def modulate(
        self, x: Tensor, memories: tuple[GridMemory, ...], spaces: tuple[Tensor | None, ...]
    ) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        """Embeddings (B, T, D) through all blocks, given their grids and pasts -> (B, T, D), relevance, pasts."""
        after = []
        for block, memory, space in zip(self.blocks, memories, spaces, strict=True):
            x, found, space = block(x, memory, space)
            after.append(space)
        return x, found.relevance, tuple(after)

    @torch.inference_mode()
    def generate(
        self, input_ids: Tensor, pixel_values: Tensor, max_new_tokens: int = 16, sampling: Sampling = GREEDY
    ) -> Tensor:
        """Answer: tokens (B, T) without padding -> new tokens (B, <= max_new_tokens), pads after a row's end."""
        output, state = self.prefill(input_ids, self.encode(pixel_values))
        pieces = list(self.stream(output.logits[:, -1], state, max_new_tokens, sampling=sampling, prompt_ids=input_ids))
        return torch.stack(pieces, dim=1) if pieces else input_ids[:, :0]

    @torch.inference_mode()
    def stream(
        self,
        last_logits: Tensor,
        state: ViperState,
        max_new_tokens: int,
        should_stop: Callable[[], bool] = lambda: False,
        sampling: Sampling = GREEDY,
        prompt_ids: Tensor | None = None,
    ) -> Iterator[Tensor]:
        """Tokens (B,) one by one after a prefill, at one step each, until every row has said a stop token.

        Args:
            last_logits: (B, V) after the prompt.
            state: of the prefill; it is not changed, so one prefill serves many answers.
            max_new_tokens: at most this many.
            should_stop: asked before each token; True ends the answer there.
            sampling: how to choose.
            prompt_ids: (B, T), for the repetition penalty.
        """
        choose = Sampler(sampling, prompt_ids)
        stops = torch.tensor([self.config.eos_token_id, *self.config.stop_token_ids], device=last_logits.device)
        done = torch.zeros(len(last_logits), dtype=torch.bool, device=last_logits.device)
        token = None
        for _ in range(max_new_tokens):
            if should_stop():
                return
            if token is not None:
                logits, _, state = self.step(token.unsqueeze(1), state)
                last_logits = logits[:, -1]
            token = choose(last_logits).masked_fill(done, self.config.pad_token_id)  # (B,)
            yield token
            done = done | torch.isin(token, stops)
            if bool(done.all()):
                return

    def _tell(self, x: Tensor, summary: Tensor | None) -> Tensor:
        """Tokens (B, T, D) of an answer, modulated by what the instruction found."""
        return x if self.reading is None else self.reading(x, summary.unsqueeze(1))

    def _read(self, y: Tensor) -> Tensor:
        return y @ self.embed.weight.T  # (B, T, V)

    def _look_closer(self, words: Tensor, dense: Tensor, input_ids: Tensor) -> tuple[Tensor, Tensor]:
        """The last correlation over cells that the answer does not use -> R of each token, the instruction's scores.

        words (B, T, D), dense (B, G, Dv) -> (B, T, G), (B, H, G). All cells are kept: four of hundreds are no map.
        """
        correlation = self.blocks[-1].correlation
        scores = correlation.scores(words, correlation.remember(dense))  # (B, H, T, G)
        weight = self._instruction_mask(input_ids).to(scores.dtype)  # (B, T)
        weight = weight / weight.sum(dim=1, keepdim=True)
        return scores.softmax(dim=-1).mean(dim=1), torch.einsum("bt,bhtg->bhg", weight, scores)

    def _sentence_index(self, input_ids: Tensor) -> Tensor:
        is_ground = input_ids == self.config.ground_token_id
        last = input_ids.shape[1] - 1
        return torch.where(is_ground.any(dim=1), is_ground.int().argmax(dim=1), last)

    def _instruction_mask(self, input_ids: Tensor) -> Tensor:
        """Which tokens (B, T) are the user's words: after the image token, before the ground token that follows it."""
        is_image = input_ids == self.config.image_token_id if self.config.image_token_id is not None else None
        opened = torch.ones_like(input_ids, dtype=torch.bool)
        if is_image is not None:
            opened = (is_image.cumsum(dim=1) > 0) & ~is_image
            opened |= ~is_image.any(dim=1, keepdim=True)  # no image token: no template
        closes = opened & ((input_ids == self.config.ground_token_id) | (input_ids == self.config.pad_token_id))
        words = opened & (closes.cumsum(dim=1) == 0)
        return words | ~words.any(dim=1, keepdim=True)  # nothing was asked: everything, rather than 0 / 0
