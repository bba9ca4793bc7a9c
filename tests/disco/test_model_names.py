"""Names of their checkpoints and CLIPs, against those that the two programs use."""

import pytest
import yaml

from guided.disco.model_names import clip_card, model_card, model_cards, open_clip_name
from guided.paths import conf_folder


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ViT-L/14@336px", "ViT-L-14-336::openai"),
        ("ViT-B/32", "ViT-B-32::openai"),
        ("RN50x64", "RN50x64::openai"),
        ("ViT-B-32::laion2b_e16", "ViT-B-32::laion2b_e16"),
    ],
)
def test_openais_names_become_open_clips(name: str, expected: str) -> None:
    assert open_clip_name(name) == expected


@pytest.mark.parametrize("name", ["ViT-B-32::openai", "ViT-B/32", "ViT-B-32-quickgelu::openai"])
def test_a_card_is_of_the_same_weights_whatever_the_spelling(name: str) -> None:
    found = clip_card(name)
    card = yaml.safe_load((conf_folder() / "clip" / f"{found}.yaml").read_text())[found]
    assert (card["arch"], card["tag"]) == ("ViT-B-32", "openai")


def test_weights_without_a_card_have_none() -> None:
    assert clip_card("ViT-B-32::nobody") is None


@pytest.mark.parametrize(
    "name", ["512x512_diffusion_uncond_finetune_008100", "512x512_diffusion", "512X512-DIFFUSION"]
)
def test_the_beginning_of_a_checkpoints_name_is_enough(name: str) -> None:
    assert model_card(name) == "imagenet512"


@pytest.mark.parametrize(
    ("name", "card"),
    [
        ("watercolordiffusion", "watercolor"),
        ("watercolordiffusion_2", "watercolor2"),
        ("watercolordiffusion.pt", "watercolor"),
        ("256x256_diffusion.pt", "classes256"),  # OpenAI's file, and no beginning of another name
        ("portrait_generator_v002", "portrait15"),
        ("portrait_generator_v1.5_ema_0.9999_165000", "portrait15"),
        ("lsun_uncond_100M_1200K_bs128", "lsun_uncond"),
        ("PADexpanded", "pixelart"),
    ],
)
def test_a_whole_name_is_its_own_card(name: str, card: str) -> None:
    assert model_card(name) == card


@pytest.mark.parametrize("path", sorted((conf_folder() / "model").glob("*.yaml")), ids=str)
def test_every_card_is_found_by_its_files_name(path) -> None:
    card = yaml.safe_load(path.read_text())
    twin = path.stem.removesuffix("_safetensors")  # the same weights in another format
    assert model_cards(card["file"].rpartition("/")[2]) == [twin]


@pytest.mark.parametrize("name", ["watercolor", "portrait_generator", "pixelartdiffusion"])
def test_the_beginning_of_several_names_is_none(name: str) -> None:
    assert model_card(name) is None
    assert len(model_cards(name)) > 1


@pytest.mark.parametrize("name", ["", "---", "stable-diffusion-v1", "ukiyo", "256x2"])
def test_other_checkpoints_have_no_card(name: str) -> None:
    assert model_card(name) is None
