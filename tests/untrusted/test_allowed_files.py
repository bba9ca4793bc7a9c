"""Records, rows and manifests open no local model and no list that the command does not name."""

import json
import os
from pathlib import Path

import pytest
from PIL import Image

from guided.batch.planning import plan_batch
from guided.cli.main import do
from guided.config.composer import Composer
from guided.config.composition import compose
from guided.config.overrides import parse_all, values_of
from guided.config.plan import Plan
from guided.errors import BadInput
from guided.models.cards import locate
from guided.prompts.wildcards import Wildcards
from guided.runs.layout import MANIFEST
from guided.runs.manifest import Manifest, Row
from guided.untrusted import allowed_files

HEAD = ["prompt=a red heart", "steps=12"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder beside which the command is given, with a CLIP's folder, weights and a list."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clip").mkdir()
    (tmp_path / "clip" / "open_clip_config.json").write_text("{}")
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "secret.txt").write_text("a line of mine\n")
    (tmp_path / "own.safetensors").write_bytes(b"")
    return tmp_path


def limited(source: str = "from=x.png", own=(), words=(), folders=()):
    return allowed_files.limited(source, values_of(parse_all([*own, *words])), list(folders))


@pytest.mark.parametrize(
    "own, words, allowed",
    [
        ([], [], False),
        (["trust=true"], [], True),
        ([], ["regions=[{box: [0,0,1,1], prompt: ./clip}]"], False),
        ([], ["regions=[{prompt: a, mask: './clip', until: 0.5}, {mask: b}]"], True),
        (["trust=false"], [], False),
        (["trust=./clip"], [], True),
        (["trust=[lists,./clip]"], [], True),
        ([], ["clip=[./clip]"], True),
        ([], ["clip=[vit_b32, ./clip]"], True),
        ([], ["rank=./clip"], True),
        ([], ["prompt=./clip"], False),
        ([], ["name=./clip"], False),
        # The name of a choice is not the folder of that name, which lies beside a picture.
        ([], ["clip=[clip]"], False),
    ],
)
def test_what_the_command_names_is_opened(folder, own, words, allowed):
    with limited(own=own, words=words):
        if allowed:
            assert locate("./clip") == Path("clip")
        else:
            with pytest.raises(BadInput, match=r"from=x.png needs .*clip.*trust="):
                locate("./clip")
    assert locate("./clip") == Path("clip")  # without a record all is the user's


@pytest.mark.parametrize(
    ("own", "words", "allowed"),
    [
        ([], ["model=./net"], True),
        (["trust=./net"], [], True),
        ([], ["clip=[./net]"], False),
        ([], ["folder=./net"], False),
    ],
)
def test_weights_lie_in_the_folder_that_is_named(folder, own, words, allowed):
    weights = folder / "net" / "unet" / "x.safetensors"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"")
    with limited(own=own, words=words):
        if allowed:
            assert locate(str(weights)) == weights
            weights = folder / "own.safetensors"
        with pytest.raises(BadInput, match="trust="):
            locate(str(weights))


def test_dots_do_not_lead_out_of_the_cache(folder, monkeypatch):
    monkeypatch.setenv("GUIDED_CACHE", str(folder / "cache"))
    with limited(), pytest.raises(BadInput, match="trust="):
        locate("models/../../own.safetensors")


def test_trust_names_what_is_there(folder):
    with pytest.raises(BadInput, match="trust=nope"), limited(own=["trust=nope"]):
        pass


def test_ones_own_configuration_is_trusted_but_not_names_in_it(folder):
    (folder / "mine").mkdir()
    card = f"path: {folder / 'clip'}\nhub: ./own.safetensors\ncharacter: lists/secret.txt\n"
    (folder / "mine" / "a.yaml").write_text(card)
    with limited(folders=[folder / "mine"]):
        assert locate(str(folder / "clip"))
        with pytest.raises(BadInput):
            locate("./lists/secret.txt")


def test_lists_of_wildcards_are_not_read_for_a_record(folder):
    with limited(), pytest.raises(BadInput, match=r"needs .*lists"):
        Wildcards.read("lists")
    with limited(words=["wildcards=lists"]):
        assert Wildcards.read("lists").words("secret") == ("a line of mine",)


def test_another_process_is_told_the_same(folder):
    with limited(own=["trust=./clip"]):
        word = allowed_files.word()
    with limited(own=[word]):
        assert locate("./clip")
        with pytest.raises(BadInput):
            locate("./own.safetensors")
    assert allowed_files.word() == "trust=true"


@pytest.mark.skipif(os.name == "nt", reason="such names are impossible there")
@pytest.mark.parametrize("name", ["a,b", "it's", "b\\c", "b\\'c", 'q"x', "a b]", "[x]"])
def test_another_process_is_told_names_with_signs_in_them(tmp_path, name):
    (tmp_path / name).write_text("")
    with limited(own=[f"trust={tmp_path}"]):
        limits = allowed_files.LIMITS.get()
        limits.allowed = {allowed_files.absolute(tmp_path / name)}
        word = allowed_files.word()
    with limited(own=[word]):
        assert allowed_files.LIMITS.get().allowed == limits.allowed


def test_a_folder_of_depth_maps_is_told_of_and_read(tmp_path, caplog, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "maps").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / "maps" / "0.png")
    cfg = compose(["prompt=a sun", "animate=3d", "animate.depth=maps", "frames=3"])
    with limited():
        Plan.read(cfg)
    assert "from=x.png names a local picture, which is read: maps" in caplog.text
    cfg = compose(["prompt=a sun", "animate=3d", "animate.depth=depth_anything", "frames=3"])
    caplog.clear()
    with limited():
        Plan.read(cfg, weights=False)
    assert "local picture" not in caplog.text


def test_a_local_picture_is_told_of_and_read(folder, caplog):
    with limited():
        allowed_files.warn_of_picture("photo.png")
    assert "from=x.png names a local picture, which is read: photo.png" in caplog.text
    caplog.clear()
    with limited(words=["init=photo.png"]):
        allowed_files.warn_of_picture("photo.png")
    assert caplog.text == ""


@pytest.mark.parametrize(
    "name, value",
    [
        ("rank", "./clip"),
        ("clip", "[./clip]"),
        ("model", "./own.safetensors"),
        ("model.file", "./own.safetensors"),
        ("model.upscaler", "./own.safetensors"),
        ("wildcards", "lists"),
    ],
)
def test_a_row_of_a_file_opens_nothing_that_the_command_does_not_name(folder, name, value):
    (folder / "rows.csv").write_text(f"prompt,{name}\na red heart,{value}\n")
    with pytest.raises(BadInput, match=r"prompts=rows.csv needs .*trust="):
        do(["prompts=rows.csv", "steps=12", f"folder={folder / 'out'}"], [])
    assert not (folder / "out").exists()


def test_a_row_cannot_trust_itself(folder):
    (folder / "rows.csv").write_text("prompt,rank,trust\na red heart,./clip,true\n")
    with pytest.raises(BadInput, match="trust"):
        do(["prompts=rows.csv", "steps=12"], [])


def test_a_manifest_opens_nothing_by_itself_and_cannot_trust_itself(folder):
    plan_batch(Composer(HEAD), [Row()], "x").manifest.write(folder)
    found = json.loads((folder / MANIFEST).read_text())
    for words in (["clip=[./clip]"], ["clip=[./clip]", "trust=true"]):
        found["base"]["words"] = HEAD + words
        (folder / MANIFEST).write_text(json.dumps(found))
        with pytest.raises(BadInput, match=r"resume=.* needs .*clip.*trust="):
            do([f"resume={folder}"], [])
        assert [one.state for one in Manifest.read(folder).pictures] == ["queued"]


@pytest.mark.parametrize("make", ["pipe", "endless", "bomb", "deep"])
def test_an_odd_file_of_ones_own_configuration_is_read_in_a_moment(folder, make):
    """2^60 texts by aliases of aliases; a reader that follows each of them never ends."""
    mine = folder / "mine"
    mine.mkdir()
    (mine / "good.yaml").write_text("wildcards: ~/words\n")
    odd = mine / "odd.yaml"
    if make == "pipe":
        os.mkfifo(odd)
    elif make == "endless":
        odd.symlink_to("/dev/zero")
    elif make == "bomb":
        levels = [f"a{k}: &a{k} [*a{k - 1}, *a{k - 1}]\n" for k in range(1, 60)]
        odd.write_text("a0: &a0 [~/bomb, x]\n" + "".join(levels))
    else:
        odd.write_text("[" * 50_000)
    found = allowed_files.in_folders([mine], folder)
    expected = {Path("~/words").expanduser()}
    if make == "bomb":
        expected.add(Path("~/bomb").expanduser())
    assert found == expected
