"""A small tokenizer and model made from nothing, for runs that need no download."""

from __future__ import annotations

import re
from collections.abc import Iterable

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from trainer.config.model import FreshModel
from trainer.policy import Policy

END, PAD = "<|im_end|>", "<|endoftext|>"
SPECIAL = [PAD, "<|im_start|>", END]
THINKING = ["<think>", "</think>"]
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def make(config: FreshModel, texts: Iterable[str], *, seed: int, dtype: str = "float32") -> Policy:
    """A Qwen2 architecture with random weights, and a tokenizer learned from `texts`."""
    tokenizer = learn_tokenizer(config, texts)
    torch.manual_seed(seed)
    model = Qwen2ForCausalLM._from_config(
        architecture(config, tokenizer), attn_implementation="sdpa", dtype=getattr(torch, dtype)
    )
    return Policy(model, tokenizer)


def architecture(config: FreshModel, tokenizer: PreTrainedTokenizerFast) -> Qwen2Config:
    return Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=config.hidden,
        intermediate_size=config.intermediate,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        num_key_value_heads=config.key_value_heads,
        max_position_embeddings=config.context,
        rope_parameters={"rope_type": "default", "rope_theta": config.rope_theta},
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def learn_tokenizer(config: FreshModel, texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """Byte-level BPE; each digit is a token of its own, so that arithmetic looks the same at every length."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=config.vocabulary - len(THINKING),
        special_tokens=SPECIAL,
        min_frequency=40,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tags = re.compile("|".join(map(re.escape, THINKING)))  # tokens of their own: no merges are to be spent on them
    bpe.train_from_iterator((part for text in texts for part in tags.split(text)), trainer)
    bpe.add_tokens(THINKING)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token=END, pad_token=PAD)
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer
