"""Trains the demo model on scenes drawn while it learns.

    python samples/train.py --output samples/model --minutes 45

Three losses: the next word of the caption; the scene's class, read from the mean of the image tokens;
and what stands in each patch, read from that patch's token. The last two are linear layers that are
thrown away afterwards. They reach the vision layers directly: without them those learn late, through
the decoder's cross-attention only.

The learning rate follows the time budget, so a shorter run is a complete run. `--checkpoint` names a
file that is written every few minutes and read again if it is there. `--start` goes on from a model folder's
weights alone, with an optimiser that knows nothing yet; give it a smaller `--rate`.
"""

import argparse
import math
import os
import random
import signal
import sys
import time
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

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
from samples.views import GRID, TRAINING_SEEDS, Views, draw_range
from samples.vocabulary import make_tokenizer

BATCH = 64
CHUNK = 1024  # scenes drawn at a time
USES = 4  # how often a drawn scene is looked at, on average
CACHE = 40 * CHUNK
MATRIX_RATE = 3.0e-3  # Muon's, scaled to compare with AdamW's
OTHER_RATE = 1.0e-3
WARM_UP_STEPS = 100
SCENE_WEIGHT, PATCH_WEIGHT = 0.3, 0.7  # of the two losses beside the caption's
PROMPT_SHARE = 0.15
_LOG_STEPS = 100
# Nine patches in ten show nothing in particular; they must not drown the rest.
_PATCH_WEIGHTS = torch.tensor([0.15] + [1.0] * (len(CLASSES) - 1))
_MEAN = torch.tensor((0.48145466, 0.4578275, 0.40821073)).view(1, 3, 1, 1)  # CLIP's, as BLIP uses
_DEVIATION = torch.tensor((0.26862954, 0.26130258, 0.27577711)).view(1, 3, 1, 1)


class SceneCache:
    """The last `CACHE` drawn scenes; a second process draws the next chunk meanwhile."""

    def __init__(self, *, first_seed: int) -> None:
        self.next_seed = first_seed
        self._pictures = np.empty((CACHE, IMAGE_PX, IMAGE_PX, 3), np.uint8)
        self._captions: list[str] = [""] * CACHE
        self._classes = np.zeros(CACHE, np.int64)
        self._labels = np.zeros((CACHE, GRID, GRID), np.int64)
        self._drawn = 0
        self._drawer = ProcessPoolExecutor(1)
        self._pending = self._order()
        for _ in range(4):
            self.take()

    def take(self) -> None:
        """Puts the next chunk in place of the oldest, and orders another. Blocks until drawn."""
        views = self._pending.result()
        at = self._drawn % CACHE
        self._pictures[at : at + CHUNK] = views.pictures
        self._captions[at : at + CHUNK] = views.captions
        self._classes[at : at + CHUNK] = views.classes
        self._labels[at : at + CHUNK] = views.labels
        self._drawn += CHUNK
        self._pending = self._order()

    def batch(self, rng: random.Random) -> tuple[Tensor, list[str], Tensor, Tensor]:
        """Pictures (BATCH, 3, h, w) uint8, captions, classes (BATCH,), labels (BATCH, GRID, GRID)."""
        size = min(self._drawn, CACHE)
        picked = [rng.randrange(size) for _ in range(BATCH)]
        pictures = torch.from_numpy(self._pictures[picked]).permute(0, 3, 1, 2)
        classes = torch.from_numpy(self._classes[picked])
        labels = torch.from_numpy(self._labels[picked])
        return pictures, [self._captions[index] for index in picked], classes, labels

    def close(self) -> None:
        """Ends the drawing process."""
        self._drawer.shutdown(cancel_futures=True)

    def _order(self) -> "Future[Views]":
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

    def __init__(self, *, seed: int, first_seed: int, budget_s: float, rate: float = 1.0) -> None:
        """`rate` multiplies the learning rates."""
        torch.manual_seed(seed)
        self.rng = random.Random(seed)
        self.tokenizer = make_tokenizer()
        self.model = make_model(self.tokenizer)
        self.mean_model = make_model(self.tokenizer)
        self.mean_model.load_state_dict(self.model.state_dict())
        self.heads = nn.ModuleDict(
            {"scene": nn.Linear(WIDTH, len(CLASSES)), "patch": nn.Linear(WIDTH, len(CLASSES))}
        )
        self.optimisers = _optimisers(self.model, self.heads)
        self.progress = Progress(next_seed=first_seed)
        self.budget_s = budget_s
        self.rate = rate

    def start_from(self, folder: Path) -> None:
        """Takes over a saved model's weights; optimisers, heads and progress stay fresh."""
        saved = BlipForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
        for model in (self.model, self.mean_model):
            model.load_state_dict(saved.state_dict())

    def step(self, cache: SceneCache) -> tuple[float, float]:
        """One batch; returns the caption loss and the class accuracy."""
        self._set_rates()
        pictures, captions, classes, patches = cache.batch(self.rng)
        input_ids, labels = encode(captions, self.tokenizer, self.rng)
        if self.rng.random() < 0.5:
            pictures, patches = pictures.flip(3), patches.flip(2)
        output = self.model(
            pixel_values=augment(pictures, self.rng),
            input_ids=input_ids,
            attention_mask=(input_ids != self.tokenizer.pad_token_id).long(),
            labels=labels,
        )
        seen = output.last_hidden_state[:, 1:]
        logits = self.heads["scene"](seen.mean(1))
        scene_loss = functional.cross_entropy(logits, classes)
        patch_logits = self.heads["patch"](seen).flatten(0, 1)
        patch_loss = functional.cross_entropy(patch_logits, patches.flatten(), _PATCH_WEIGHTS)
        (output.loss + SCENE_WEIGHT * scene_loss + PATCH_WEIGHT * patch_loss).backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimiser in self.optimisers:
            optimiser.step()
            optimiser.zero_grad()
        self.progress.step += 1
        self._average()
        return float(output.loss.detach()), float((logits.argmax(1) == classes).float().mean())

    def save_checkpoint(self, path: Path) -> None:
        """Writes everything needed to go on, by way of a temporary file."""
        state = {
            "progress": vars(self.progress),
            "model": self.model.state_dict(),
            "mean_model": self.mean_model.state_dict(),
            "heads": self.heads.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
        }
        torch.save(state, path.with_suffix(".part"))
        path.with_suffix(".part").replace(path)

    def load_checkpoint(self, path: Path) -> None:
        """Goes on where `save_checkpoint` stopped."""
        state = torch.load(path, weights_only=True)
        self.progress = Progress(**state["progress"])
        for name in ("model", "mean_model", "heads"):
            getattr(self, name).load_state_dict(state[name])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)

    def _set_rates(self) -> None:
        warm = min(1.0, (self.progress.step + 1) / WARM_UP_STEPS)
        done = min(1.0, self.progress.spent_s / self.budget_s)
        share = self.rate * warm * (0.01 + 0.99 * (1 + math.cos(math.pi * done)) / 2)
        for optimiser, peak in zip(self.optimisers, (MATRIX_RATE, OTHER_RATE), strict=True):
            for group in optimiser.param_groups:
                group["lr"] = peak * share

    @torch.no_grad()
    def _average(self) -> None:
        """A running mean of the weights is better than the last step's, above all midway."""
        decay = min(0.998, (1 + self.progress.step) / (10 + self.progress.step))
        for mean, ours in zip(self.mean_model.parameters(), self.model.parameters(), strict=True):
            mean.lerp_(ours, 1 - decay)


def _optimisers(
    model: BlipForConditionalGeneration, heads: nn.ModuleDict
) -> tuple[torch.optim.Optimizer, torch.optim.Optimizer]:
    """Muon for the weight matrices inside the layers, AdamW for everything else."""
    named = dict(model.named_parameters())
    matrices = [p for name, p in named.items() if p.ndim == 2 and "layer" in name]
    ours = {id(p) for p in matrices}
    others = [p for p in (*named.values(), *heads.parameters()) if id(p) not in ours]
    return (
        torch.optim.Muon(matrices, MATRIX_RATE, weight_decay=0.03, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, OTHER_RATE, betas=(0.9, 0.98), weight_decay=0.03, fused=True),
    )


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
        said = caption.removeprefix("there is ") if prompt else caption
        lead = tokenizer.encode(prompt, add_special_tokens=False) if prompt else []
        words = tokenizer.encode(said, add_special_tokens=False)
        rows.append([tokenizer.bos_token_id, *lead, *words, tokenizer.sep_token_id])
        labels.append([-100] * (1 + len(lead)) + [*words, tokenizer.sep_token_id])
    longest = max(map(len, rows))
    ids = [row + [tokenizer.pad_token_id] * (longest - len(row)) for row in rows]
    aims = [row + [-100] * (longest - len(row)) for row in labels]
    return torch.tensor(ids), torch.tensor(aims)


def augment(pictures: Tensor, rng: random.Random) -> Tensor:
    """Normalised floats, moved by up to 3 pixels, brighter or darker."""
    floats = pictures.float() / 255
    left, top = rng.randint(0, 6), rng.randint(0, 6)
    padded = functional.pad(floats, (3, 3, 3, 3), mode="replicate")
    floats = padded[:, :, top : top + IMAGE_PX, left : left + IMAGE_PX]
    gain = 0.9 + 0.2 * torch.rand(len(floats), 1, 1, 1)
    return ((floats * gain).clamp(0, 1) - _MEAN) / _DEVIATION


def main() -> None:
    """Trains for the time budget, then writes the model folder."""
    options = _options()
    # Turned into an exception, so that the drawing process ends too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    torch.set_num_threads(options.threads)
    trainer = Trainer(
        seed=options.seed,
        first_seed=options.first_seed,
        budget_s=options.minutes * 60,
        rate=options.rate,
    )
    if options.start:
        trainer.start_from(options.start)
    if options.checkpoint and options.checkpoint.exists():
        trainer.load_checkpoint(options.checkpoint)
    cache = SceneCache(first_seed=trainer.progress.next_seed)
    try:
        _train(trainer, cache, options)
    finally:
        cache.close()
        if options.checkpoint:
            trainer.save_checkpoint(options.checkpoint)
    _export(trainer.mean_model, trainer.tokenizer, options.output)


def _train(trainer: Trainer, cache: SceneCache, options: argparse.Namespace) -> None:
    progress, last, saved = trainer.progress, time.monotonic(), time.monotonic()
    losses: deque[float] = deque(maxlen=_LOG_STEPS)
    rights: deque[float] = deque(maxlen=_LOG_STEPS)
    while progress.spent_s < trainer.budget_s:
        loss, right = trainer.step(cache)
        losses.append(loss)
        rights.append(right)
        now = time.monotonic()
        progress.spent_s, last = progress.spent_s + now - last, now
        progress.next_seed = cache.next_seed
        if progress.step % (CHUNK * USES // BATCH) == 0:
            cache.take()
        if progress.step % _LOG_STEPS == 0:
            minutes, seen = progress.spent_s / 60, progress.step * BATCH
            means = f"loss {fmean(losses):.3f}  class {fmean(rights):.3f}"
            print(f"{minutes:6.1f} min  {seen:8d} seen  {means}", flush=True)
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
    parser.add_argument("--start", type=Path, help="model folder whose weights to go on from")
    parser.add_argument("--rate", type=float, default=1.0, help="multiplies the learning rates")
    parser.add_argument("--save-every-min", type=float, default=4, help="between checkpoints")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
