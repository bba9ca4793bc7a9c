"""Settings of latent diffusion."""

import logging

import pytest

from guided.config.composition import compose
from guided.config.plan import Plan
from guided.errors import BadInput
from guided.generators.latent import settings
from guided.generators.latent.settings import Latent

WORDS = ["prompt=a castle", "generator=latent"]


@pytest.mark.parametrize(
    "setting",
    [
        {"cfg": -1}, {"cfg": "much"}, {"clamp": -1}, {"reach": "far"}, {"relative": -0.1},
        {"through": "vae"}, {"every": 0}, {"between": "never"}, {"checkpointing": "maybe"},
    ],
)  # fmt: skip
def test_values_out_of_range_are_named(setting: dict[str, object]) -> None:
    with pytest.raises((ValueError, BadInput), match=next(iter(setting))):
        Latent(**setting)


def test_it_chooses_its_own_model_and_a_latent_model_chooses_it() -> None:
    assert compose(["generator=latent"]).model.name == "sd15"
    assert compose(["model=sd21_base"]) == compose(["generator=latent", "model=sd21_base"])


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ("size=101", r"multiples of 8; the nearest is size=\[104,104\]"),
        ("size=32", r"from 64 to 8192 that are multiples of 8; the nearest is size=\[64,64\]"),
        ("model=embedded", "is for generator=diffusion, not for generator=latent"),
        ("secondary=imagenet2", "is for generator=diffusion, not for generator=latent"),
        ("tile=both", "with generator=latent opposite edges do not meet"),
        ("upscale=guided", "upscale=guided needs generator=diffusion"),
    ],
)
def test_what_does_not_go_with_it_is_refused(more: str, line: str) -> None:
    with pytest.raises(BadInput, match=line):
        Plan.read(compose([*WORDS, more]), weights=False)


def test_a_decoder_of_latents_is_for_no_other_generator() -> None:
    with pytest.raises(BadInput, match="secondary=taesd is for generator=latent"):
        Plan.read(compose(["prompt=a castle", "secondary=taesd"]), weights=False)
    plan = Plan.read(compose([*WORDS, "secondary=taesd"]), weights=False)
    assert plan.secondary is not None and plan.secondary.name == "taesd"


def test_the_second_version_draws_multiples_of_64() -> None:
    plan = Plan.read(compose(["prompt=x", "model=sd21_base", "size=[640,448]"]), weights=False)
    assert (plan.size, plan.steps, plan.drawn_with) == ((640, 448), 50, "sd21_base")
    with pytest.raises(BadInput, match="multiples of 64"):
        Plan.read(compose(["prompt=x", "model=sd21_base", "size=[640,440]"]), weights=False)


def test_prompts_are_followed_without_the_guide_clip(caplog) -> None:
    with caplog.at_level(logging.WARNING):
        Plan.read(compose([*WORDS, "guide=[]", "clip=[]"]), weights=False)
        Plan.read(compose([*WORDS, "guide.clip.scale=0"]), weights=False)
    assert "nothing follows" not in caplog.text


def test_packages_that_are_not_installed_are_named(monkeypatch) -> None:
    monkeypatch.setattr(settings, "find_spec", lambda name: None)
    with pytest.raises(BadInput, match=r"pip install diffusers transformers$") as error:
        Plan.read(compose(WORDS), weights=False)
    assert "\n" not in str(error.value)
