"""The one tokenizer of the pocket models: a word a token, after the world's rewriting rules."""

from __future__ import annotations

import re
from typing import Any

from experts.pocket import world

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


def build_tokenizer(max_length: int) -> Any:
    """Builds the tokenizer, with the rules of `world.normalise` inside it.

    Args:
        max_length: Longest sequence, special tokens included; longer texts are cut.

    Returns:
        A `transformers.PreTrainedTokenizerFast`: lower case, punctuation and articles dropped,
        synonyms rewritten, unknown words [UNK], framed by [CLS] and [SEP].
    """
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = {word: index for index, word in enumerate((*SPECIAL, *world.VOCABULARY))}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    rules: list[Any] = [normalizers.Lowercase(), normalizers.Replace(Regex(r"[^a-z0-9]+"), " ")]
    for name, word in world.COMPOUNDS.items():
        rules.append(normalizers.Replace(Regex(rf"\b{name}\b"), word))
    by_meaning: dict[str, list[str]] = {}
    for word, meaning in world.SYNONYMS.items():
        by_meaning.setdefault(meaning, []).append(word)
    for meaning, synonyms in by_meaning.items():
        rules.append(normalizers.Replace(Regex(rf"\b(?:{'|'.join(synonyms)})\b"), meaning))
    for pattern, replacement in world.PHRASES:
        rules += _as_replacements(pattern, replacement, normalizers, Regex)
    tokenizer.normalizer = normalizers.Sequence(rules)
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[("[CLS]", words["[CLS]"]), ("[SEP]", words["[SEP]"])],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=max_length,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
    )


def _as_replacements(pattern: str, replacement: str, normalizers: Any, regex: Any) -> list[Any]:
    r"""A rule without back-references, which the tokenizers library does not have.

    The one group that `\1` refers to lists its words; each becomes a rule of its own.
    """
    if r"\1" not in replacement:
        return [normalizers.Replace(regex(pattern), replacement)]
    group = re.search(r"\((?!\?)([^()]*)\)", pattern)
    assert group is not None
    return [
        normalizers.Replace(
            regex(pattern[: group.start()] + word + pattern[group.end() :]),
            replacement.replace(r"\1", word),
        )
        for word in group[1].split("|")
    ]
