"""models=list and models=download."""

import re

import pytest

from guided.cli import models
from guided.cli.main import compose
from guided.config import choices
from guided.errors import BadInput
from guided.models.cards import VGG16


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


def test_other_actions_are_told() -> None:
    with pytest.raises(BadInput, match="did you mean 'download'"):
        models.run("downlod", compose([]))
