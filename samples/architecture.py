"""The demo model: BLIP as published, only smaller, and its processor."""

import copy
import json
from pathlib import Path

from transformers import (
    BertTokenizer,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipImageProcessorPil,
    BlipProcessor,
)

IMAGE_PX = 96
PATCH_PX = 12
WIDTH = 160


def make_model(tokenizer: BertTokenizer) -> BlipForConditionalGeneration:
    """A freshly initialised model whose special ids are those of `tokenizer`."""
    config = BlipConfig(
        vision_config={
            "image_size": IMAGE_PX,
            "patch_size": PATCH_PX,
            "hidden_size": WIDTH,
            "intermediate_size": 3 * WIDTH,
            "num_hidden_layers": 5,
            "num_attention_heads": 4,
            # The default, 1e-10, is for models that load published weights: from it nothing is learnt.
            "initializer_range": 0.02,
        },
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": WIDTH,
            "encoder_hidden_size": WIDTH,
            "intermediate_size": 3 * WIDTH,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "max_position_embeddings": 40,
            "bos_token_id": tokenizer.convert_tokens_to_ids("[DEC]"),
            # [SEP] ends a caption. Published configurations carry 2 here, which is never generated.
            "eos_token_id": tokenizer.sep_token_id,
            "pad_token_id": tokenizer.pad_token_id,
            "sep_token_id": tokenizer.sep_token_id,
        },
        projection_dim=64,
        image_text_hidden_size=64,
    )
    return BlipForConditionalGeneration(config)


def make_processor(tokenizer: BertTokenizer) -> BlipProcessor:
    """Pillow's bicubic scaling to the square input, then the usual CLIP mean and deviation."""
    size = {"height": IMAGE_PX, "width": IMAGE_PX}
    return BlipProcessor(BlipImageProcessorPil(size=size), tokenizer)


def save(model: BlipForConditionalGeneration, processor: BlipProcessor, folder: Path) -> None:
    """Writes the folder that `from_pretrained` reads.

    The file holds float16, half the size. The configuration says float32, and that is what
    transformers loads it as: on a CPU float16 arithmetic is slow, and missing for some operations.
    """
    folder.mkdir(parents=True, exist_ok=True)
    half = copy.deepcopy(model).half()
    half.save_pretrained(folder)
    processor.save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)  # written readable by its owner only
    tokens = sorted(processor.tokenizer.get_vocab().items(), key=lambda item: item[1])
    lines = "".join(f"{token}\n" for token, _ in tokens)
    (folder / "vocab.txt").write_text(lines, encoding="utf-8")
    file = folder / "config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    for part in (config, config["text_config"], config["vision_config"]):
        part["dtype"] = "float32"
    file.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
