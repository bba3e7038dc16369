"""A Llama of random weights with a tokenizer of its own: 0.4 million parameters, made in seconds.

What it says is noise, but the same noise for the same seed and prompt, and hundreds of tokens a
second on one core: enough for everything about a server that is not about what the model says.
"""

from pathlib import Path
from typing import Final

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

CONTEXT_TOKENS: Final = 16_384
SPECIAL: Final = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
TEMPLATE: Final = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def make(folder: Path) -> None:
    """Write a model folder that vLLM loads."""
    torch.manual_seed(0)
    tokenizer = _train()
    tokenizer.save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,
        max_position_embeddings=CONTEXT_TOKENS,
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=2,
        pad_token_id=2,
        # Ten times the usual spread: with less, every next token is about as likely as any other.
        initializer_range=0.2,
    )
    LlamaForCausalLM(config).save_pretrained(folder)


def _train() -> PreTrainedTokenizerFast:
    """Byte pairs of this very folder's text: any text is at hand everywhere."""
    pairs = Tokenizer(models.BPE())
    pairs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pairs.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1_024,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = sorted(Path(__file__).parent.glob("*.py"))
    pairs.train_from_iterator([text.read_text() for text in texts], trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=pairs,
        bos_token=SPECIAL[0],
        eos_token=SPECIAL[2],
        pad_token=SPECIAL[2],
        model_max_length=CONTEXT_TOKENS,
    )
    tokenizer.chat_template = TEMPLATE
    return tokenizer
