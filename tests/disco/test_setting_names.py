"""Whoever types an old name is told the new one."""

import pytest

from guided.disco.setting_names import old_choice, old_setting
from guided.disco.table import rows


@pytest.mark.parametrize(
    ("name", "program", "new"),
    [
        ("clip_guidance_scale", "Disco Diffusion", "guide.clip.scale"),
        ("cutn_batches", "Disco Diffusion", "cutouts.batches"),
        ("n_batches", "Disco Diffusion", "count"),
        ("gif_fps", "DiscoArt", "output.video.fps"),
    ],
)
def test_an_old_name_is_explained(name: str, program: str, new: str) -> None:
    message = old_setting(name)
    assert message is not None
    assert f"'{name}', which {program} has, is {new} here" == message


def test_a_name_without_an_equivalent_has_its_reason() -> None:
    row = next(row for row in rows() if row.why and row.names("disco")[0].isidentifier())
    message = old_setting(row.names("disco")[0])
    assert message is not None and message.endswith(row.why) and "is not here" in message


@pytest.mark.parametrize("name", ["steps", "prompt", "nothing_of_theirs", ""])
def test_other_names_are_not(name: str) -> None:
    assert old_setting(name) is None


@pytest.mark.parametrize(
    ("group", "name", "card"),
    [
        ("clip", "ViTB32", "vit_b32"),
        ("model", "512x512_diffusion_uncond_finetune_008100", "imagenet512"),
        ("model", "512", None),  # too short to say which
        ("clip", "vit_b32", None),
        ("sampler", "ViTB32", None),
    ],
)
def test_an_old_choice_has_its_card(group: str, name: str, card: str | None) -> None:
    assert old_choice(group, name) == card
