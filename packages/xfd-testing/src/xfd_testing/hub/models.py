"""A small model as the hub has them: `transformers` reads its configuration and its tokenizer."""

from __future__ import annotations

import json

from xfd_testing import artifacts

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "many", "hands", "make", "light", "work")


def bert(weights_bytes: int, seed: int = 1) -> dict[str, bytes]:
    """The files of a BERT model by path: configuration, tokenizer, a card, and random weights.

    Args:
        weights_bytes: size of `model.safetensors`, which LFS stores.
        seed: of the weights.
    """
    configuration = {
        "model_type": "bert",
        "architectures": ["BertModel"],
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "vocab_size": len(WORDS),
    }
    tokens = {"unk_token": "[UNK]", "pad_token": "[PAD]", "mask_token": "[MASK]"}
    return {
        ".gitattributes": b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n",
        "README.md": b"---\nlicense: apache-2.0\n---\n# A small BERT\n",
        "config.json": _json(configuration),
        "model.safetensors": b"".join(artifacts.random_bytes(weights_bytes, seed)),
        "tokenizer.json": tokenizer().encode(),
        "tokenizer_config.json": _json({"tokenizer_class": "PreTrainedTokenizerFast", **tokens}),
    }


def tokenizer() -> str:
    """The text of a `tokenizer.json` that knows `WORDS` and splits at spaces."""
    # Imported here, since only tests that make models have the package.
    from tokenizers import Tokenizer, models, pre_tokenizers

    vocabulary = {word: place for place, word in enumerate(WORDS)}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return str(made.to_str())


def _json(value: dict[str, object]) -> bytes:
    return json.dumps(value, indent=2).encode() + b"\n"
