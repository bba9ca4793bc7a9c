"""CLIPs built from folders in open_clip's format, compared with open_clip's own reading."""

import gzip
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from guided.clip import folder as clip_folder
from guided.compat.open_clip import import_open_clip
from guided.errors import BadInput
from guided.models.clip_config import LARGEST, MERGES
from tests.clip.test_model import KINDS, TEXTS, saved
from tests.doubles import randomised

open_clip = import_open_clip()
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "red", "heart", "##s", "红", "心"]


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_a_folder_is_built_as_open_clip_builds_it(kind, tmp_path: Path) -> None:
    saved(kind, tmp_path)
    model, tokenizer = clip_folder.load(tmp_path)
    theirs = open_clip.create_model(f"local-dir:{tmp_path}", device="cpu")
    expected = theirs.state_dict()
    assert model.state_dict().keys() == expected.keys()
    for name, tensor in model.state_dict().items():
        assert tensor.dtype == expected[name].dtype and torch.equal(tensor, expected[name]), name
    assert type(model) is type(theirs)
    assert model.visual.preprocess_cfg == theirs.visual.preprocess_cfg
    oracle = open_clip.tokenizer.SimpleTokenizer(str(tmp_path / MERGES), context_length=12)
    assert torch.equal(tokenizer(TEXTS), oracle(TEXTS))


def test_the_captioning_class_is_built_where_the_folder_has_a_decoder(tmp_path: Path) -> None:
    """CoCa: Yu et al. 2022, https://arxiv.org/abs/2205.01917."""
    words = 2 * 256 + 2
    text = dict(context_length=12, vocab_size=words, width=32, heads=2, layers=1)
    config = dict(
        embed_dim=32,
        vision_cfg=KINDS["vit"].vision | {"attentional_pool": True, "attn_pooler_heads": 2},
        text_cfg=text | {"embed_cls": True, "output_tokens": True},
        multimodal_cfg=text | {"attn_pooler_heads": 2},
    )
    model = randomised(open_clip.CoCa(**config))
    save_file(
        {name: tensor.clone() for name, tensor in model.state_dict().items()},
        tmp_path / "open_clip_model.safetensors",
    )
    about = dict(model_cfg=config | {"custom_text": True}, preprocess_cfg={})
    (tmp_path / "open_clip_config.json").write_text(json.dumps(about))
    (tmp_path / MERGES).write_bytes(gzip.compress(b"#version\n"))
    built, _ = clip_folder.load(tmp_path)
    assert type(built) is open_clip.CoCa
    for name, tensor in built.state_dict().items():
        assert torch.equal(tensor, model.state_dict()[name]), name


# ---- tokenizers ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (b"#version: 0.2\na b", "cannot be read"),
        (gzip.compress(b"#version\n" * 99)[:-12], "cannot be read"),
        (gzip.compress(b"\0" * (LARGEST[MERGES] + 1)), "unpacks to more than 32 MB"),
    ],
    ids=["no gzip", "cut off", "a bomb"],
)
def test_merges_that_are_damaged_or_a_bomb_are_refused(tmp_path: Path, data, part) -> None:
    (tmp_path / MERGES).write_bytes(data)
    with pytest.raises(BadInput, match=part) as caught:
        clip_folder.merges(tmp_path)
    assert str(tmp_path / MERGES) in str(caught.value) and "\n" not in str(caught.value)


def test_word_pieces_are_read_as_bert_defines_them(tmp_path: Path) -> None:
    """Greedy longest match; Chinese characters stand alone. Devlin et al. 2018,
    https://arxiv.org/abs/1810.04805."""
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    tokenizer = clip_folder.tokenizer_of(
        tmp_path, {"hf_tokenizer_name": "somewhere/else", "context_length": 9}
    )
    found = tokenizer(["A red hearts 红心", "fog"]).tolist()
    named = [[WORDS[token] for token in row] for row in found]
    assert named[0] == ["[CLS]", "a", "red", "heart", "##s", "红", "心", "[SEP]", "[PAD]"]
    assert named[1] == ["[CLS]", "[UNK]", "[SEP]", *["[PAD]"] * 6]


def test_nothing_else_in_the_folder_is_read_beside_word_pieces(tmp_path: Path) -> None:
    """A program and a file with other words, which transformers would prefer."""
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    (tmp_path / "added_tokens.json").write_text(json.dumps({"red": 99}))
    (tmp_path / "tokenization_bert.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    found = clip_folder.word_pieces(tmp_path)("red")["input_ids"]
    assert [WORDS[token] for token in found] == ["[CLS]", "red", "[SEP]"]
    assert not (tmp_path / "ran").exists()


def test_a_named_tokenizer_without_its_file_is_not_fetched(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=str(tmp_path)):
        clip_folder.tokenizer_of(tmp_path, {"hf_tokenizer_name": "bert-base-uncased"})


def test_without_merges_of_its_own_a_folder_has_open_clips_words(tmp_path: Path) -> None:
    ours = clip_folder.tokenizer_of(tmp_path, {"context_length": 20})
    oracle = open_clip.tokenizer.SimpleTokenizer(context_length=20)
    assert torch.equal(ours(TEXTS), oracle(TEXTS))
