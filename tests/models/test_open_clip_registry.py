"""open_clip's names, read without importing it, against open_clip itself."""

import subprocess
import sys

import pytest

from guided.compat.open_clip import import_open_clip
from guided.config import card_list
from guided.errors import BadInput
from guided.models import open_clip_registry

open_clip = import_open_clip()


def test_all_of_open_clips_names_and_places_are_known() -> None:
    assert set(open_clip_registry.architectures()) == set(open_clip.list_models())
    table = open_clip_registry.table()
    pairs = {(arch, tag): table[arch][tag] for arch in table for tag in table[arch]}
    assert set(pairs) == set(open_clip.list_pretrained())
    for (arch, tag), place in pairs.items():
        assert place == open_clip.get_pretrained_cfg(arch, tag)["hf_hub"].rstrip("/")


def test_they_are_known_without_torch() -> None:
    program = (
        "import sys; from guided.models import open_clip_registry as registry;"
        "assert registry.find_tag('x', 'ViT-B-32', 'laion2b_s34b_b79k').startswith('laion/');"
        "assert not {'torch', 'open_clip'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_tags_are_spelt_as_open_clip_lets_them_be() -> None:
    assert open_clip_registry.find_tag("x", "ViT-B-32", "laion2B-s34B-b79K").startswith("laion/")


@pytest.mark.parametrize(
    ("arch", "tag", "part"),
    [
        ("ViT-B-33", "openai", "did you mean 'ViT-B-32'"),
        ("ViT-B-32", "laion2b_s34b_b79", "did you mean 'laion2b_s34b_b79k'"),
        ("ViT-B-32", "", "laion2b_s34b_b79k"),
        ("ViT-e-14", "openai", "give a file"),
    ],
)
def test_the_nearest_name_is_offered(arch: str, tag: str, part: str) -> None:
    with pytest.raises(BadInput) as caught:
        open_clip_registry.find_tag("clip=x", arch, tag)
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_card_of_ours_is_open_clips() -> None:
    for name, cards in card_list.clips():
        for card in cards:
            if card.tag:
                assert card.hub == open_clip_registry.find_tag(name, card.arch, card.tag)


def test_every_card_says_what_it_reads_and_the_many_languages_are_any() -> None:
    for name, cards in card_list.clips():
        for card in cards:
            assert card.reads, name
            if card.tag:
                assert card.reads == open_clip_registry.reads(card.arch, card.tag), name


@pytest.mark.parametrize(
    ("arch", "tag", "expected"),
    [
        ("ViT-L-14", "openai", "latin"),
        ("ViT-L-14", "commonpool_xl_s13b_b90k", "any"),
        ("ViT-L-14", "CommonPool-XL-s13b-b90k", "any"),  # as open_clip lets it be spelt
        ("ViT-L-14", "commonpool_xl_clip_s13b_b90k", "latin"),  # what an English CLIP let pass
        ("ViT-H-14-worldwide-378", "metaclip2_worldwide", "any"),
        ("ViT-H-14", "metaclip_fullcc", "latin"),
    ],
)
def test_what_a_tag_learned_from_it_reads(arch: str, tag: str, expected: str) -> None:
    assert open_clip_registry.find_tag("x", arch, tag)
    assert open_clip_registry.reads(arch, tag) == [expected]


def test_an_architecture_in_other_letters_is_nearer_than_any_other():
    with pytest.raises(BadInput, match="did you mean 'ViT-B-32'"):
        open_clip_registry.check_arch("clip=x", "vit-b-32")
