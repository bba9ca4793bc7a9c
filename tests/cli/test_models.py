"""models=list and models=download."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from guided.cli import models
from guided.cli.main import do
from guided.config import card_list, choices
from guided.config.composition import compose
from guided.errors import BadInput
from guided.models.cards import VGG16

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GUIDED_CACHE", str(tmp_path))
    return tmp_path


def test_every_choice_is_listed_with_what_an_artist_asks_for(capsys, own_cache) -> None:
    (own_cache / "PADexpanded.pt").write_bytes(b"PK and no more")
    models.run("list", compose([]))
    lines = capsys.readouterr().out.splitlines()
    for group in ("model", "secondary", "clip"):
        for name in set(choices.names(group)) - {"none"}:
            assert any(f"{group}={name} " in line for line in lines), name
    assert any("guide.likeness.metric=lpips " in line and "553 MB" in line for line in lines)
    for part in ("animate=3d animate.depth=depth_anything", "animate=2d animate.flow=raft_small"):
        assert any(f"{part} " in line for line in lines)
    listed = {m[2]: line for line in lines if (m := re.match(r".{9}(model|clip)=(\w+) ", line))}
    for part in ("2232 MB", "1280x768", "landscapes", "(MIT)"):
        assert part in listed["imagenet512"]
    assert listed["embedded"].startswith("here")
    assert listed["pixelart"].startswith("damaged")
    assert not listed["imagenet512"].startswith("here")
    assert "reads latin, han" in listed["chinese"]
    assert "reads any" in listed["multilingual"]
    assert "no checksum known" in listed["classes64"]
    assert "no checksum known" not in listed["imagenet512"]
    assert str(own_cache) in lines[-3]


def test_what_is_here_already_is_found(capsys) -> None:
    models.run("download", compose([]))
    said = capsys.readouterr().out
    assert "model=embedded: " in said
    assert "clip=embedded_a: " in said


def test_a_bad_clip_is_told_before_a_model_is_fetched(monkeypatch) -> None:
    fetched = []
    monkeypatch.setattr("guided.models.download.fetch", lambda card: fetched.append(card))
    cfg = compose(["model=imagenet512", "clip=embedded"])
    cfg.clip.embedded_a.path = "gone"
    with pytest.raises(BadInput, match="gone"):
        models.run("download", cfg)
    assert fetched == []


def test_what_a_guide_needs_is_fetched_with_the_models(monkeypatch) -> None:
    fetched = []
    monkeypatch.setattr("guided.models.download.fetch", lambda card: fetched.append(card.file))
    models.run("download", compose(["guide=[likeness]"]))
    assert VGG16.file not in fetched
    models.run("download", compose(["guide=[likeness]", "guide.likeness.metric=lpips"]))
    assert fetched[-1] == VGG16.file


def test_what_a_film_needs_is_fetched_with_the_models(monkeypatch) -> None:
    fetched = []
    monkeypatch.setattr("guided.models.download.fetch", lambda card: fetched.append(card.name))
    chosen = ["animate=3d", "animate.depth=depth_anything", "animate.flow=raft_large"]
    models.run("download", compose(chosen))
    assert fetched[-2:] == ["depth_anything", "raft_large"]


def test_other_actions_are_told() -> None:
    with pytest.raises(BadInput, match="did you mean 'download'"):
        models.run("downlod", compose([]))


def test_a_card_that_would_overwrite_a_file_of_the_users_does_not(tmp_path) -> None:
    """The whole way, with a home of its own: anything may stand before a ZIP archive's end, so
    that a script can look like a checkpoint."""
    home = tmp_path / "home"
    (home / ".cache" / "guided" / "models").mkdir(parents=True)
    (home / ".bashrc").write_text("mine")
    with zipfile.ZipFile(tmp_path / "evil", "w") as made:
        made.writestr("a", "b")
    (tmp_path / "evil").write_bytes(b"PK=1; touch owned\n" + (tmp_path / "evil").read_bytes())
    environment = {k: v for k, v in os.environ.items() if "CACHE" not in k} | {"HOME": str(home)}
    for file in ("models/../../../.bashrc", "../../.bashrc", str(home / ".bashrc"), "~/.bashrc"):
        lines = ("_target_: guided.models.cards.ModelCard", "name: x", f"file: '{file}'",
                 f"urls: ['file://{tmp_path}/evil']")  # fmt: skip
        (tmp_path / "card.yaml").write_text("\n".join(lines))
        command = [sys.executable, str(ROOT / "run.py"), "models=download", "model=card.yaml"]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 2, done
        assert done.stderr.startswith("error: model") and done.stderr.count("\n") == 1
        assert (home / ".bashrc").read_text() == "mine"


def test_trust_must_be_typed_in_the_command(monkeypatch, tmp_path) -> None:
    asked = []
    monkeypatch.setattr("guided.models.download.fetch", lambda card: asked.append(card.name))
    words = ["models=download", "model=classes64"]
    (tmp_path / "look").mkdir()
    (tmp_path / "look" / "sly.yaml").write_text("# @package _global_\ntrust: true\n")
    sly = ["look=sly"], ["--config-dir", str(tmp_path)]
    for more, flags in (([], []), (["trust=false"], []), sly):
        with pytest.raises(BadInput, match=r"model=classes64: .* no checksum .* trust=true"):
            do([*words, *more], flags)
    assert asked == []
    do([*words, "trust=true"], [])
    assert asked == ["classes64"]


def test_a_repository_that_nobody_knows_needs_trust(monkeypatch) -> None:
    asked = []
    monkeypatch.setattr("guided.models.download.fetch_clip", lambda card: asked.append(card.hub))
    monkeypatch.setattr("guided.models.cards.ClipCard.cached", lambda card: None)
    for choice in ("vit_b32", "rn50"):
        models.run("download", compose([f"clip={choice}"]))
    cfg = compose(["clip=vit_b32"])
    cfg.clip.vit_b32.hub = "someone/else"
    with pytest.raises(BadInput, match=r"clip=vit_b32: nothing is known of .*someone/else"):
        models.run("download", cfg)
    assert len(asked) == 2
    models.run("download", cfg, trust=True)
    assert asked[-1] == "someone/else"


def test_the_comics_card_has_the_checksum_of_its_own_address() -> None:
    """Two releases: 0.1.0 has the first hash, 0.1.1 the second."""
    card = dict(card_list.models())["comics_faces"]
    released = {
        "v0.1.0/256x256_openai_comics_faces_by_alex_spirin_084000.pt": "f587fd6d",
        "v0.1.1/256x256_openai_comics_faces_v2.by_alex_spirin_114k.pt": "7bac9334",
    }
    for url in card.urls:
        assert card.sha256.startswith(released[url.partition("/download/")[2]])
