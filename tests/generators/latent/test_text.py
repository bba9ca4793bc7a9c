"""Texts as Stable Diffusion reads them."""

import pytest
import torch

from guided.generators.latent.config import END
from guided.generators.latent.text import EncodedTexts, texts_of, tokens_of
from guided.prompts.prompt import Prompt
from tests.generators.latent.published import tokenizer

# Without "!", which transformers takes for padding where that is the token of padding; the
# tokenizer of Stable Diffusion 2's training does not.
TEXTS = ["", "a castle", "A Lighthouse, by Hokusai?", "fog's   end", "图 café 16:9", "word " * 90]


@pytest.mark.parametrize("second", [False, True])
def test_tokens_are_those_of_transformers(second: bool) -> None:
    expected = tokenizer(second)(
        TEXTS, padding="max_length", truncation=True, max_length=77, return_tensors="pt"
    )
    assert torch.equal(tokens_of(TEXTS, 0 if second else END), expected.input_ids)


def test_what_is_left_out_of_a_long_text_is_told(caplog) -> None:
    tokens_of(["a castle"], END)
    assert not caplog.text
    tokens_of(["word " * 90], END)
    assert "the last 15 of word word" in caplog.text


EMPTY, CASTLE, FOG, RAIN = torch.eye(4).view(4, 1, 1, 4)


def mixed(*prompts: Prompt, progress: float = 0.5) -> list[list[float]]:
    encoded = {"": EMPTY, "castle": CASTLE, "fog": FOG, "rain": RAIN}
    return [part.flatten().tolist() for part in EncodedTexts(prompts, encoded).mixed(progress)]


def test_guidance_leads_from_the_empty_text_to_the_mean_of_prompts_by_weight() -> None:
    assert mixed(Prompt("castle")) == [[1, 0, 0, 0], [0, 1, 0, 0]]
    assert mixed(Prompt("castle", 3), Prompt("fog", 1)) == [[1, 0, 0, 0], [0, 0.75, 0.25, 0]]
    assert mixed(Prompt("castle", 3), Prompt("castle", 1), Prompt("fog", 4))[1] == [0, 0.5, 0.5, 0]
    assert mixed() == [[1, 0, 0, 0], [1, 0, 0, 0]]


def test_a_negative_prompt_takes_the_empty_texts_place_by_its_weight() -> None:
    castle = Prompt("castle")
    assert mixed(castle, Prompt("fog", -0.5)) == [[0, 0, 1, 0], [0, 1, 0, 0]]
    assert mixed(castle, Prompt("fog", -0.25))[0] == [0.5, 0, 0.5, 0]
    assert mixed(castle, Prompt("fog", -3))[0] == [0, 0, 1, 0]
    assert mixed(castle, Prompt("fog", -1), Prompt("rain", -3))[0] == [0, 0, 0.25, 0.75]
    assert mixed(Prompt("fog", -1)) == [[0, 0, 1, 0], [1, 0, 0, 0]]


def test_prompts_count_in_their_part_of_the_run() -> None:
    early, late = Prompt("castle", ends=0.4), Prompt("fog", begins=0.4)
    assert mixed(early, late, progress=0.1)[1] == [0, 1, 0, 0]
    assert mixed(early, late, progress=0.9)[1] == [0, 0, 1, 0]


def test_pictures_and_what_is_for_some_clips_alone_are_not_read() -> None:
    read = Prompt("castle")
    assert texts_of([read, Prompt("a.png", image="a.png"), Prompt("fog", clips=("b",))]) == [read]
