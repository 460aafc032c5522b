"""Trains the demo model on scenes drawn while it learns.

    python samples/train.py --output samples/model --minutes 45

Two losses: next word of the caption, and, only while training, the scene's class read from the mean
of the image tokens by one linear layer that is then thrown away. The second reaches the vision layers
directly; without it they learn late, through the decoder's cross-attention only.

The learning rate follows the time budget, so a shorter run is a complete run. `--checkpoint` names a
file that is written every few minutes and read again if it is there.
"""

import argparse
import math
import os
import random
import sys
import time
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

# Threads that wait must sleep, not spin: with one other busy process on two cores, spinning made a
# training step ten times slower (15 instead of 147 pictures a second). Read when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import BertTokenizer, BlipForConditionalGeneration

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from samples.architecture import IMAGE_PX, WIDTH, make_model, make_processor, save
from samples.render.wording import CLASSES, PROMPTS
from samples.views import TRAINING_SEEDS, draw_range
from samples.vocabulary import make_tokenizer

BATCH = 32  # small: learning to see at all takes steps more than pictures
CHUNK = 1024  # scenes drawn at a time
USES = 3  # how often a drawn scene is looked at, on average
CACHE = 40 * CHUNK
PEAK_RATE = 1.0e-3
WARM_UP_STEPS = 300
CLASS_LOSS_WEIGHT = 0.5
PROMPT_SHARE = 0.15
_MEAN = torch.tensor((0.48145466, 0.4578275, 0.40821073)).view(1, 3, 1, 1)  # CLIP's, as BLIP uses
_DEVIATION = torch.tensor((0.26862954, 0.26130258, 0.27577711)).view(1, 3, 1, 1)

Chunk = tuple[np.ndarray, list[str], list[int]]


class SceneCache:
    """The last `CACHE` drawn scenes; a second process draws the next chunk meanwhile."""

    def __init__(self, *, first_seed: int) -> None:
        self.next_seed = first_seed
        self._pictures = np.empty((CACHE, IMAGE_PX, IMAGE_PX, 3), np.uint8)
        self._captions: list[str] = [""] * CACHE
        self._classes = np.zeros(CACHE, np.int64)
        self._drawn = 0
        self._drawer = ProcessPoolExecutor(1)
        self._pending = self._order()
        for _ in range(4):
            self.take()

    def take(self) -> None:
        """Puts the next chunk in place of the oldest, and orders another. Blocks until drawn."""
        pictures, captions, classes = self._pending.result()
        at = self._drawn % CACHE
        self._pictures[at : at + CHUNK] = pictures
        self._captions[at : at + CHUNK] = captions
        self._classes[at : at + CHUNK] = classes
        self._drawn += CHUNK
        self._pending = self._order()

    def batch(self, rng: random.Random) -> tuple[Tensor, list[str], Tensor]:
        """Pictures (BATCH, 3, h, w) uint8, their captions and classes."""
        size = min(self._drawn, CACHE)
        picked = [rng.randrange(size) for _ in range(BATCH)]
        pictures = torch.from_numpy(self._pictures[picked]).permute(0, 3, 1, 2)
        classes = torch.from_numpy(self._classes[picked])
        return pictures, [self._captions[index] for index in picked], classes

    def close(self) -> None:
        """Ends the drawing process."""
        self._drawer.shutdown(cancel_futures=True)

    def _order(self) -> "Future[Chunk]":
        first = self.next_seed
        self.next_seed += CHUNK
        if self.next_seed > TRAINING_SEEDS:
            raise SystemExit(f"training ran out of its {TRAINING_SEEDS} seeds")
        return self._drawer.submit(draw_range, first, CHUNK)


@dataclass
class Progress:
    """What a checkpoint remembers beside the weights."""

    step: int = 0
    spent_s: float = 0.0
    next_seed: int = 0


class Trainer:
    """Model, optimiser, running mean of the weights, and the clock they all share."""

    def __init__(self, *, seed: int, first_seed: int, budget_s: float) -> None:
        torch.manual_seed(seed)
        self.rng = random.Random(seed)
        self.tokenizer = make_tokenizer()
        self.model = make_model(self.tokenizer)
        self.mean_model = make_model(self.tokenizer)
        self.mean_model.load_state_dict(self.model.state_dict())
        self.class_head = nn.Linear(WIDTH, len(CLASSES))
        parameters = [*self.model.parameters(), *self.class_head.parameters()]
        self.optimiser = torch.optim.AdamW(
            parameters, PEAK_RATE, betas=(0.9, 0.98), weight_decay=0.03, fused=True
        )
        self.progress = Progress(next_seed=first_seed)
        self.budget_s = budget_s

    def step(self, cache: SceneCache) -> tuple[float, float]:
        """One batch; returns the caption loss and the class accuracy."""
        for group in self.optimiser.param_groups:
            group["lr"] = self._rate()
        pictures, captions, classes = cache.batch(self.rng)
        input_ids, labels = encode(captions, self.tokenizer, self.rng)
        output = self.model(
            pixel_values=augment(pictures, self.rng),
            input_ids=input_ids,
            attention_mask=(input_ids != self.tokenizer.pad_token_id).long(),
            labels=labels,
        )
        logits = self.class_head(output.last_hidden_state.mean(1))
        class_loss = functional.cross_entropy(logits, classes)
        (output.loss + CLASS_LOSS_WEIGHT * class_loss).backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        self.optimiser.zero_grad()
        self.progress.step += 1
        self._average()
        return float(output.loss.detach()), float((logits.argmax(1) == classes).float().mean())

    def save_checkpoint(self, path: Path) -> None:
        """Writes everything needed to go on, by way of a temporary file."""
        state = {
            "progress": vars(self.progress),
            "model": self.model.state_dict(),
            "mean_model": self.mean_model.state_dict(),
            "class_head": self.class_head.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }
        torch.save(state, path.with_suffix(".part"))
        path.with_suffix(".part").replace(path)

    def load_checkpoint(self, path: Path) -> None:
        """Goes on where `save_checkpoint` stopped."""
        state = torch.load(path, weights_only=True)
        self.progress = Progress(**state["progress"])
        for name in ("model", "mean_model", "class_head", "optimiser"):
            getattr(self, name).load_state_dict(state[name])

    def _rate(self) -> float:
        warm = min(1.0, (self.progress.step + 1) / WARM_UP_STEPS)
        done = min(1.0, self.progress.spent_s / self.budget_s)
        return PEAK_RATE * warm * (0.01 + 0.99 * (1 + math.cos(math.pi * done)) / 2)

    @torch.no_grad()
    def _average(self) -> None:
        """A running mean of the weights is better than the last step's, above all midway."""
        decay = min(0.998, (1 + self.progress.step) / (10 + self.progress.step))
        for mean, ours in zip(self.mean_model.parameters(), self.model.parameters(), strict=True):
            mean.lerp_(ours, 1 - decay)


def encode(
    captions: list[str], tokenizer: BertTokenizer, rng: random.Random
) -> tuple[Tensor, Tensor]:
    """Token ids and labels (batch, length): [DEC] caption [SEP], padded; -100 is not learnt.

    Some captions follow a prompt, as an operator may configure one; the prompt itself is not learnt.
    BLIP replaces a prompt's [CLS] by [DEC] and cuts its [SEP], so that is the form taught here.
    """
    rows, labels = [], []
    for caption in captions:
        prompt = rng.choice(PROMPTS) if rng.random() < PROMPT_SHARE else ""
        said = caption
        if prompt.startswith("there"):
            said = said.removeprefix("there is ")
        lead = tokenizer.encode(prompt, add_special_tokens=False) if prompt else []
        words = tokenizer.encode(said, add_special_tokens=False)
        rows.append([tokenizer.bos_token_id, *lead, *words, tokenizer.sep_token_id])
        labels.append([-100] * (1 + len(lead)) + [*words, tokenizer.sep_token_id])
    longest = max(map(len, rows))
    ids = [row + [tokenizer.pad_token_id] * (longest - len(row)) for row in rows]
    aims = [row + [-100] * (longest - len(row)) for row in labels]
    return torch.tensor(ids), torch.tensor(aims)


def augment(pictures: Tensor, rng: random.Random) -> Tensor:
    """Normalised floats, mirrored half of the time, moved by up to 3 pixels, brighter or darker."""
    floats = pictures.float() / 255
    if rng.random() < 0.5:
        floats = floats.flip(3)
    left, top = rng.randint(0, 6), rng.randint(0, 6)
    padded = functional.pad(floats, (3, 3, 3, 3), mode="replicate")
    floats = padded[:, :, top : top + IMAGE_PX, left : left + IMAGE_PX]
    gain = 0.9 + 0.2 * torch.rand(len(floats), 1, 1, 1)
    return ((floats * gain).clamp(0, 1) - _MEAN) / _DEVIATION


def main() -> None:
    """Trains for the time budget, then writes the model folder."""
    options = _options()
    torch.set_num_threads(options.threads)
    trainer = Trainer(
        seed=options.seed, first_seed=options.first_seed, budget_s=options.minutes * 60
    )
    if options.checkpoint and options.checkpoint.exists():
        trainer.load_checkpoint(options.checkpoint)
    cache = SceneCache(first_seed=trainer.progress.next_seed)
    try:
        _train(trainer, cache, options)
    finally:
        cache.close()
    _export(trainer.mean_model, trainer.tokenizer, options.output)


def _train(trainer: Trainer, cache: SceneCache, options: argparse.Namespace) -> None:
    progress, last, saved = trainer.progress, time.monotonic(), time.monotonic()
    while progress.spent_s < trainer.budget_s:
        loss, right = trainer.step(cache)
        now = time.monotonic()
        progress.spent_s, last = progress.spent_s + now - last, now
        progress.next_seed = cache.next_seed
        if progress.step % (CHUNK * USES // BATCH) == 0:
            cache.take()
        if progress.step % 200 == 0:
            minutes = progress.spent_s / 60
            seen = progress.step * BATCH
            print(
                f"{minutes:6.1f} min  {seen:8d} seen  loss {loss:.3f}  class {right:.2f}",
                flush=True,
            )
        if options.checkpoint and now - saved > options.save_every_min * 60:
            saved = now
            trainer.save_checkpoint(options.checkpoint)
            _export(trainer.mean_model, trainer.tokenizer, options.output)


def _export(model: BlipForConditionalGeneration, tokenizer: BertTokenizer, folder: Path) -> None:
    model.eval()
    save(model, make_processor(tokenizer), folder)
    print(f"written to {folder}", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train the demo captioning model.")
    parser.add_argument("--output", type=Path, required=True, help="model folder to write")
    parser.add_argument(
        "--minutes", type=float, default=45, help="time budget, resumed runs included"
    )
    parser.add_argument("--seed", type=int, default=1, help="of weights, batches and augmentation")
    parser.add_argument("--first-seed", type=int, default=0, help="first scene to draw")
    parser.add_argument("--checkpoint", type=Path, help="file to save to and to resume from")
    parser.add_argument("--save-every-min", type=float, default=4, help="between checkpoints")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
