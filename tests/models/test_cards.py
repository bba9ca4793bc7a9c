"""Cards are untrusted: what they name stays inside the cache, and is told in one line if not."""

from pathlib import Path

import pytest

from guided.animation.settings import FLOWS, Animation
from guided.config import card_list
from guided.config.schema import build_all
from guided.errors import BadInput
from guided.models import cards
from guided.models.cards import (
    VGG16,
    ClipCard,
    MetricCard,
    ModelCard,
    SecondaryCard,
    film_cards,
    locate,
)

OUTSIDE = [
    "models/../../../.bashrc",
    "x/..",
    "a//b.pt",
    "a/./b.pt",
    "",
    "m\0.pt",
    "m\n.pt",
    "m\x1b[2J.pt",
    "m\u202e.pt",
    "a" * 300 + ".pt",
    "猫" * 100,
    "a\\..\\b.pt",
    "C:m.pt",
]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("GUIDED_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache"


@pytest.mark.parametrize("kind", [ModelCard, SecondaryCard, MetricCard])
@pytest.mark.parametrize("file", OUTSIDE)
def test_a_file_outside_the_cache_is_refused_by_every_kind_of_card(kind, file) -> None:
    with pytest.raises(ValueError, match=r"^file=") as caught:
        kind(name="m", file=file)
    text = str(caught.value)
    assert text.isprintable() and text.isascii() and len(text) < 250


@pytest.mark.parametrize("place", [place for place in OUTSIDE if place])
def test_other_places_that_cards_name_are_inside_too(place) -> None:
    with pytest.raises(ValueError, match=r"^upscaler="):
        ModelCard(name="m", file="m.pt", upscaler=place)
    with pytest.raises(ValueError, match=r"^path="):
        ClipCard(name="c", path=place)


@pytest.mark.parametrize("file", ["/etc/m.pt", "~/m.pt", "../m.pt", "./m.pt", "folder/m.pt"])
def test_paths_are_read_and_never_downloaded_to(file) -> None:
    with pytest.raises(BadInput, match=r"under one name, as in file: m\.pt"):
        ModelCard(name="m", file=file).target()


def test_a_download_is_kept_under_one_name_in_the_cache(own_cache) -> None:
    assert ModelCard(name="m", file="猫 v1.5 (ema).pt").target() == own_cache / "猫 v1.5 (ema).pt"


def test_a_cache_that_is_a_link_works_and_a_link_out_of_it_does_not(
    own_cache, tmp_path, monkeypatch
) -> None:
    (tmp_path / "link").symlink_to(own_cache)
    monkeypatch.setenv("GUIDED_CACHE", str(tmp_path / "link"))
    assert ModelCard(name="m", file="m.pt").target() == tmp_path / "link" / "m.pt"
    (own_cache / "m.pt").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BadInput, match=r"is a link to .*elsewhere, outside of"):
        ModelCard(name="m", file="m.pt").target()


@pytest.mark.parametrize("sha256", ["x", "12", "g" * 64, "0" * 63, "0" * 65])
def test_a_checksum_that_is_none_is_told(sha256) -> None:
    with pytest.raises(ValueError, match="must be 64 hexadecimal digits"):
        ModelCard(name="m", file="m.pt", sha256=sha256)


def test_a_checksum_in_capitals_is_the_same() -> None:
    assert ModelCard(name="m", file="m.pt", sha256="AB" * 32).sha256 == "ab" * 32


@pytest.mark.parametrize("megabytes", [-1, cards.LARGEST + 1, 10**400])
def test_sizes_are_bounded(megabytes) -> None:
    with pytest.raises(ValueError, match=r"^megabytes=") as caught:
        ModelCard(name="m", file="m.pt", megabytes=megabytes)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "hub",
    ["../../x", "..", "a", "a/..", "a/../b", "/a/b", "a/b\0", "a/b c", "a/b\n", "a/b?x=1",
     "https://evil.example/a", "a/" + "b" * 300, "é/b", "a/b/" + "c/" * 20 + "d"],
)  # fmt: skip
def test_weird_names_of_the_hub_are_refused(hub) -> None:
    with pytest.raises(ValueError, match=r"must be a repository of huggingface\.co") as caught:
        ClipCard(name="c", arch="ViT-B-32", tag="openai", hub=hub)
    assert str(caught.value).isprintable()


def test_names_of_the_hub_that_open_clip_knows_are_taken() -> None:
    for arch in cards.open_clip_registry.architectures():
        for tag, hub in cards.open_clip_registry.tags(arch).items():
            ClipCard(name="c", arch=arch, tag=tag, hub=hub)


def test_all_shipped_cards_are_right() -> None:
    assert (
        dict(card_list.models())
        and dict(card_list.weights("secondary"))
        and dict(card_list.clips())
    )
    assert VGG16.target().name == VGG16.file
    for _, card in (*card_list.models(), *card_list.weights("secondary")):
        assert locate(card.file) or card.target().name == card.file, card.name


@pytest.mark.parametrize("name", ["a" * 300, "a\0b", "~nosuchuser/m.pt", "/proc/1/root/m.pt"])
def test_what_can_be_no_file_is_not_there(name) -> None:
    assert locate(name) is None


def test_a_cache_in_the_home_of_nobody_is_told(monkeypatch) -> None:
    monkeypatch.setenv("GUIDED_CACHE", "~nosuchuser/x")
    with pytest.raises(BadInput, match="cache=~nosuchuser/x"):
        cards.cache()


def test_the_name_of_the_setting_is_in_the_line() -> None:
    from omegaconf import OmegaConf

    target = {"_target_": "guided.models.cards.ClipCard", "name": "c", "hub": "../../x"}
    with pytest.raises(BadInput, match=r"clip\.mine\.hub='\.\./\.\./x' must be"):
        build_all(OmegaConf.create({"mine": target}), "clip")


def test_a_clip_is_small_if_its_weights_are_known_to_be(tmp_path) -> None:
    assert not ClipCard("vit_b32", "ViT-B-32", "openai", megabytes=605).is_small
    assert ClipCard("tiny", "RN1", "x", megabytes=20).is_small
    assert not ClipCard("unknown", "RN50", "openai").is_small
    for megabytes, small in ((1, True), (80, False)):
        folder = tmp_path / str(megabytes)
        folder.mkdir()
        (folder / "open_clip_config.json").write_text("{}")
        with (folder / "open_clip_model.safetensors").open("wb") as file:
            file.truncate(megabytes * 1_000_000)
        assert ClipCard("own", path=str(folder)).is_small == small


LAION = "laion2b_s34b_b79k"


def test_weights_without_a_tag_name_a_place_on_the_hub_and_may_name_a_base() -> None:
    card = ClipCard(name="own", arch="ViT-B-32", hub="owner/own", megabytes=605, base=LAION)
    assert card.missing() == (
        "clip=own is not here: ViT-B-32, 605 MB, from huggingface.co/owner/own"
    )
    assert ClipCard(name="own", arch="ViT-B-32", hub="owner/own").missing() is not None


@pytest.mark.parametrize(
    ("facts", "part"),
    [
        (dict(hub="owner/own", base="laion2b_s34b_b79"), f"did you mean '{LAION}'"),
        (dict(hub="owner/own", base="meta"), "clip=own.base: ViT-B-32 has no tag meta"),
        (dict(), "say which weights"),
    ],
)
def test_a_base_that_open_clip_does_not_have_is_told_and_so_is_a_place_that_is_none(
    facts: dict[str, str], part: str
) -> None:
    with pytest.raises(BadInput) as caught:
        ClipCard(name="own", arch="ViT-B-32", **facts).missing()
    assert part in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("facts", [dict(arch="ViT-B-32", tag="openai"), dict(arch="chinese_clip")])
def test_a_base_beside_a_tag_is_refused(facts: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"^base=laion2b_s34b_b79k is for weights of open_clip"):
        ClipCard(name="own", base=LAION, **facts)


def test_cards_that_come_with_the_program_need_no_trust() -> None:
    from guided.models.download import check_clip

    known = {card.hub for _, shipped in card_list.clips() for card in shipped}
    for _, (card, *_) in card_list.clips():
        check_clip(card, known, trust=False)
    with pytest.raises(BadInput, match="trust=true"):
        check_clip(ClipCard(name="own", arch="ViT-B-32", hub="owner/own"), known, trust=False)


@pytest.mark.parametrize("value", [0, 101, 1.5, "many"])
def test_a_recommended_recurrence_that_cannot_be_names_the_card_s_setting(value) -> None:
    recommended = cards.Recommended(recurrence=value)
    with pytest.raises(ValueError, match=r"recommended\.recurrence"):
        ModelCard("own", "own.pt", recommended=recommended)


def test_networks_of_films_are_those_that_are_chosen():
    assert film_cards(Animation().networks) == []
    chosen = Animation(mode="3d", depth="depth_anything", flow="raft_small")
    assert [card.name for card in film_cards(chosen.networks)] == ["depth_anything", "raft_small"]
    assert all(film_cards([name]) for name in FLOWS[2:])
