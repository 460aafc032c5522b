"""Which engines there are, found by what lies here: adding one is adding its files, and editing none.

An engine registers an `EngineKind` in a module of its own whose name ends in `_config`, beside what computes. Such a
module imports no model library, so that `surveil check` and `surveil --help` may read all of them; what computes is
imported by `open_captioner`, once it is known which engine is wanted.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from surveil.captioning.engine import Captioner, CaptionerSpec
from surveil.errors import ConfigError


def nothing_clamped(spec: CaptionerSpec) -> str | None:
    """For engines that wait for nobody."""
    return None


def no_claim(spec: CaptionerSpec) -> bool:
    """For engines that open only what names them."""
    return False


def on_the_processor(spec: CaptionerSpec) -> CaptionerSpec:
    """The same engine and model in the precision that every processor has."""
    # A quantised folder has nothing else than int8.
    return replace(spec, device="cpu", precision="auto" if spec.is_quantized else "fp32")


@dataclass(frozen=True, slots=True)
class OwnKey:
    """The key of `captioner:` that belongs to one engine and bears its name, `remote:` or `script:`."""

    annotation: Any
    """Its type: a Section, or one of `surveil.fields`."""
    description: str
    """For the schema and the reference page; other engines go without the key."""
    shown: Callable[[Any], str]
    """A value of it in a few words, for `surveil check`."""
    examples: tuple[object, ...] = ()
    or_model: bool = False
    """Whether a spec's `model` may say it instead, as in `surveil caption --model drill.jsonl`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineKind:
    """What anyone may ask of an engine without loading it."""

    name: str
    does: str
    """In a few words that begin with a verb, `ask a server`; engines that do the same are named in one breath."""
    opener: str
    """`module:function`, which takes a CaptionerSpec and gives a Captioner; imported when it is called."""
    gives_confidence: bool
    loads_model: bool = False
    """Whether it reads `model:`, a folder or a fetched hub name, into this machine's memory."""
    devices: tuple[str, ...] = ()
    """What its devices' names begin with; none where it has no choice."""
    devices_allowed: str = ""
    """The same as a person may write them."""
    own_key: OwnKey | None = None
    claims: Callable[[CaptionerSpec], bool] = no_claim
    """Whether it opens a model that another engine's name was written beside, because it alone can read it."""
    plainly: Callable[[CaptionerSpec], CaptionerSpec] = on_the_processor
    """What runs instead when this has killed the daemon again and again, and no `fallback:` is given."""
    clamped: Callable[[CaptionerSpec], str | None] = nothing_clamped
    """What of its settings does not fit into the spec's deadline, and is made to; None when all does."""
    bench_precisions: tuple[str, ...] = ()
    """What `surveil bench caption` may measure it in."""
    is_default: bool = False

    @property
    def needs_only_model(self) -> bool:
        """Whether it can be opened with nothing but `model`, without a configuration file."""
        return self.own_key is None or self.own_key.or_model

    def source(self, *, model: str, own: object) -> str:
        """Where its captions come from, in a few words; `own` is the value of its own key."""
        return model if self.own_key is None or own is None else self.own_key.shown(own)


_KINDS: dict[str, EngineKind] = {}


def register(kind: EngineKind) -> None:
    """Called by an engine's `_config` module when it is imported. Raises ValueError for a name that is taken."""
    if _KINDS.setdefault(kind.name, kind) is not kind:
        raise ValueError(f"two engines are called {kind.name}")


def engine_names() -> tuple[str, ...]:
    """The default first, the others in the order of their modules."""
    return tuple(_found())


def engine(name: str) -> EngineKind:
    """The default for an empty name. Raises ConfigError, naming those that there are."""
    kinds = _found()
    if not name:
        return next(iter(kinds.values()))
    if name not in kinds:
        raise ConfigError(f"engine is {name!r}; allowed are {', '.join(kinds)}")
    return kinds[name]


def open_captioner(spec: CaptionerSpec) -> Captioner:
    """Load the engine that `spec` names, and its fall-back. Raises DeviceError, ModelError, ConfigError."""
    first, *second = map(_open_one, single_specs(spec))
    if not second:
        return first
    from surveil.captioning.fallback import FallbackCaptioner

    return FallbackCaptioner(first, *second)


def single_specs(spec: CaptionerSpec) -> list[CaptionerSpec]:
    """Of the engine alone, then of its fallback where it has one: each has half of the deadline, so that the second can
    still speak when the first has used up its time."""
    if spec.fallback is None:
        return [spec]
    half_s = spec.deadline_s / 2
    return [replace(one, fallback=None, deadline_s=half_s) for one in (spec, spec.fallback)]


def clamped_settings(spec: CaptionerSpec) -> list[str]:
    """What is made to fit into the deadline, of the engine and of its fallback; empty when all does."""
    found = ((one, engine(one.engine)) for one in single_specs(spec))
    return [text for one, kind in found if (text := kind.clamped(one)) is not None]


def plain_spec(spec: CaptionerSpec) -> CaptionerSpec:
    """What to run when the engine of `spec` has killed the daemon again and again: its fall-back, or its kind's."""
    return spec.fallback or engine(spec.engine).plainly(spec)


def quiet_libraries(*, allow_download: bool) -> None:
    """Set, before torch and transformers are first imported, what they read from the environment at import.

    Progress bars and telemetry are for notebooks. Without TORCH_DEVICE_BACKEND_AUTOLOAD=0, `import torch` itself
    raises on a machine with torch-npu and no CANN; `devices.py` imports torch-npu when a device asks for it.
    """
    os.environ["TORCH_DEVICE_BACKEND_AUTOLOAD"] = "0"
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if not allow_download:
        os.environ["HF_HUB_OFFLINE"] = "1"
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


@cache
def _found() -> dict[str, EngineKind]:
    """Every kind by its name, once all `_config` modules of this room and its folders are imported."""
    for module in pkgutil.walk_packages([str(Path(__file__).parent)], f"{__package__}."):
        if module.name.endswith("_config"):
            importlib.import_module(module.name)
    # Not in the order of registration: somebody may have imported one engine's module before the others.
    ordered = sorted(_KINDS.values(), key=lambda kind: (not kind.is_default, kind.opener))
    return {kind.name: kind for kind in ordered}


def _open_one(spec: CaptionerSpec) -> Captioner:
    kind = engine(spec.engine)
    if kind.loads_model:
        quiet_libraries(allow_download=spec.allow_download)
        kind = next((other for other in _found().values() if other.claims(spec)), kind)
    module, _, function = kind.opener.partition(":")
    opened: Captioner = getattr(importlib.import_module(module), function)(spec)
    return opened
