"""Texts without padding are encoded as with it."""

import torch

from guided.clip import short_texts
from guided.paths import EMBEDDED
from guided.training.clip import architectures, bpe, train


def test_reading_without_padding_is_what_open_clip_reads() -> None:
    tokens = train.tokenizer(EMBEDDED / "clip_b" / bpe.FILE)
    torch.manual_seed(0)
    model = architectures.build("b").eval()
    said = ["a", "a fox, drawn by hand on a winter day in the north", "狐狸", "", "the red fox"]
    asked = tokens(said, architectures.CONTEXT)
    expected = model.encode_text(asked, normalize=True)
    assert torch.allclose(short_texts.encode(model, asked), expected, atol=1e-5)


def test_a_model_that_reads_its_texts_in_another_way_encodes_them_itself() -> None:
    torch.manual_seed(0)
    model = architectures.build("b").eval()
    model.text_pool_type = "first"
    asked = train.tokenizer(EMBEDDED / "clip_b" / bpe.FILE)(["fox", "the red fox"], 48)
    assert torch.equal(short_texts.encode(model, asked), model.encode_text(asked, normalize=True))
