"""What does not apply is told in one line, before anything is made."""

import pytest

import guided
from guided.batch import run
from guided.batch.sweep import expanded
from guided.errors import BadInput


@pytest.mark.parametrize(
    "word", ["folder=a,b", "name=a,b", "prompts=a.txt,b.txt", "batch=seeds,quality"]
)
def test_what_holds_for_the_batch_is_not_swept(word):
    with pytest.raises(BadInput, match=f"{word}.*whole batch"):
        expanded([word])


@pytest.mark.parametrize("word", ["hydra.launcher.partition=gpu", "hydra/x=y", "workers=8"])
def test_a_launchers_settings_need_a_launcher(tmp_path, word):
    for words in (["prompt=x", f"folder={tmp_path}"], [f"resume={tmp_path}"]):
        with pytest.raises(BadInput, match="launcher"):
            (run.resume if len(words) == 1 else run.draw)([*words, word])
    assert not list(tmp_path.iterdir())


def test_resuming_a_folder_needs_no_other(tmp_path):
    with pytest.raises(BadInput, match="folder="):
        run.resume([f"resume={tmp_path}", f"folder={tmp_path}"])


@pytest.mark.parametrize("name", ["resume", "gallery", "models", "prompts", "workers"])
def test_what_is_for_the_command_line_is_refused_from_python(name):
    for call in (lambda s: guided.generate("a", **s), lambda s: next(guided.frames("a", **s))):
        with pytest.raises(BadInput, match=f"{name}="):
            call({name: "2"})
    with pytest.raises(BadInput, match="hydra/launcher"):
        guided.generate("a", "hydra/launcher=joblib")


@pytest.mark.parametrize("word", ["batch=seeds", "keep=1", "device=[cpu,cpu]"])
def test_frames_are_of_one_row_on_one_device(word):
    with pytest.raises(BadInput, match="frames"):
        next(guided.frames("a", word))
