"""The user's own presets, as Hydra reads them: checked, and with nothing of Hydra's own."""

from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigSource
from omegaconf import OmegaConf

from guided.config import preset_source
from guided.config.composition import compose
from guided.config.preset_source import PresetSource
from guided.errors import BadInput
from guided.paths import conf_folder
from tests.composing import composed

SHIPPED = ["sampler/plms", "look/watercolour", "look/disco", "guide/clip", "config"]


def load(folder: Path, text: str, name: str = "look/mine") -> OmegaConf:
    """Return the preset with this text, read from a folder."""
    path = folder / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return source(folder).load_config(name).config


def source(folder: Path) -> PresetSource:
    return PresetSource("mine", preset_source.searchpath(str(folder)))


@pytest.mark.parametrize("name", SHIPPED)
def test_presets_read_as_hydras_own_source_reads_them(tmp_path: Path, name: str) -> None:
    """Hydra's source of plain files is the oracle for all that they say."""
    from hydra._internal.core_plugins.file_config_source import FileConfigSource

    folder = copytree(conf_folder(), tmp_path / "mine")
    if name == "config":  # which sets what is Hydra's own
        with pytest.raises(BadInput, match="Hydra's own"):
            source(folder).load_config(name)
        return
    found = source(folder).load_config(name)
    expected = FileConfigSource("mine", f"file://{folder}").load_config(name)
    said = OmegaConf.to_container(expected.config)
    assert within(OmegaConf.to_container(found.config), said) == said
    assert found.header == expected.header


def within(node: Any, said: Any) -> Any:
    """Return the part of a completed node that a file says."""
    if not (isinstance(node, dict) and isinstance(said, dict)):
        return node
    return {key: within(value, said[key]) for key, value in node.items() if key in said}


def test_a_preset_is_completed_in_its_own_group_only(tmp_path: Path) -> None:
    """A look may change one setting of what is chosen elsewhere, and leaves the others."""
    sampler = load(tmp_path, "_target_: sampler/plms\n", "sampler/mine")
    assert sampler == {"_target_": "sampler/plms", "order": 2, "eta": 0}
    nodes = "{guide: {clip: {_target_: guide/clip, scale: 7}}, look: {m: {_target_: look}}}"
    look = load(tmp_path, f"# @package _global_\n{nodes}\n")
    assert look.guide == {"clip": {"_target_": "guide/clip", "scale": 7}}
    assert look.look == {"m": {"_target_": "look", "kind": "style", "models": [], "weight": 1}}
    with pytest.raises(BadInput, match=r"^guide\.x\._target_=os is no kind of settings there"):
        load(tmp_path, "x: {_target_: os}\n", "guide/mine")


def test_every_file_of_conf_reads_as_omegaconf_reads_it() -> None:
    """OmegaConf reads more numbers and no dates: no file may have any of either."""
    conf = preset_source.ConfSource("main", f"conf://{conf_folder()}")
    for path in sorted(conf_folder().rglob("*.yaml")):
        said = OmegaConf.to_container(OmegaConf.load(path))
        found = conf.load_config(str(path.relative_to(conf_folder())))
        plain = OmegaConf.to_container(found.config)
        assert repr(within(plain, said)) == repr(said), path


@pytest.mark.parametrize(
    "text",
    [
        "hydra: {run: {dir: /x}}\n",
        "# @package hydra\nrun: {dir: /x}\n",
        "# @package hydra.launcher\n_target_: os.system\n",
        "hydra.run.dir: /x\n",
        "hydra/launcher: joblib\n",
        "defaults: [hydra/launcher: joblib]\n",
        "defaults: [/hydra/launcher: joblib]\n",
        "defaults: [override hydra/launcher: joblib]\n",
        "defaults: [override /hydra/launcher: joblib]\n",
        "defaults: [optional /hydra/launcher: joblib]\n",
        "defaults: [override /hydra/launcher@x: joblib]\n",
        "defaults: [sampler@hydra.run: plms]\n",
        "defaults: [/sampler@hydra: plms]\n",
        "defaults: [/hydra/output]\n",
        "defaults: [/hydra/output@x]\n",
    ],
)
def test_nothing_of_hydras_own_is_set_or_chosen(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadInput, match="Hydra's own") as caught:
        load(tmp_path, text)
    assert "mine.yaml" in str(caught.value) and "\n" not in str(caught.value)


def test_no_preset_is_of_hydras_group(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="Hydra's own"):
        load(tmp_path, "_target_: os.system\n", "hydra/launcher/mine")


@pytest.mark.parametrize(
    "text",
    [
        "# @package _global_\nsteps: 17\n",
        "# @package _global_\nprompt: the hydra of Lerna\n",
        "defaults: [/sampler: plms, _self_]\n",
        "# @package _global_\nhydras: 3\n",
    ],
)
def test_other_settings_are_read(tmp_path: Path, text: str) -> None:
    assert load(tmp_path, text) == OmegaConf.create(text)


def test_a_preset_is_a_mapping(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"mine\.yaml is a list"):
        load(tmp_path, "- a\n- b\n")


@pytest.mark.parametrize("text", ["", "1", "dusk", "{a: b}", "true"])
def test_the_choices_of_a_preset_are_a_list(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadInput, match=r"mine.yaml: defaults=.* must be a list, as in"):
        load(tmp_path, f"# @package _global_\ndefaults: {text}\nsteps: 3\n")


@pytest.mark.parametrize("name", ["../outside", "look/../../outside"])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "mine" / "look").mkdir(parents=True)
    (tmp_path / "outside.yaml").write_text("steps: 3\n")
    with pytest.raises(BadInput, match="outside of --config-dir"):
        source(tmp_path / "mine").load_config(name)


def test_no_link_leads_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "mine" / "look").mkdir(parents=True)
    (tmp_path / "outside.yaml").write_text("steps: 3\n")
    (tmp_path / "mine" / "look" / "mine.yaml").symlink_to(tmp_path / "outside.yaml")
    with pytest.raises(BadInput, match="outside of --config-dir"):
        source(tmp_path / "mine").load_config("look/mine")


def test_hydra_finds_the_source_by_its_scheme_however_often_it_is_registered() -> None:
    preset_source.register()
    preset_source.register()
    sources = [one for one in Plugins.instance().discover(ConfigSource) if one is PresetSource]
    assert sources == [PresetSource]


@pytest.mark.parametrize(
    ("file", "text", "word", "told"),
    [
        ("look/dusk", "steps: 25\n", "look=dusk", "sets steps, .* `# @package _global_`"),
        ("look/dawn", "guide:\n  range: {scale: 9}\n", "look=dawn", "sets guide, .* `# @package"),
        ("shade/deep", "sampler: {eta: 0}\n", "+shade=deep", "sets sampler, .* `# @package"),
        ("sampler/slow", "sampler: {eta: 0}\n", "sampler=slow", "sets sampler, .* `# @package"),
        (
            "artist/me",
            "words: {en: foo}\n",
            "artist=me",
            "must have `me:` at its top, `_target_: ",
        ),
    ],
)
def test_a_file_without_its_package_line_is_told_it(tmp_path, file, text, word, told):
    path = tmp_path / f"{file}.yaml"
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=told) as caught:
        compose(["prompt=x", word], ["--config-dir", str(tmp_path)])
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("file", "text", "word"),
    [
        ("look/dusk", "# @package _global_\nsteps: 25\n", "look=dusk"),
        ("look/mist", "mist: {_target_: look, words: {en: mist}}\n", "look=mist"),
        ("sampler/slow", "_target_: sampler/ddim\neta: 0\n", "sampler=slow"),
        ("guide/soft", "defaults: [clip]\nclip: {scale: 100}\n", "guide=[soft]"),
    ],
)
def test_files_that_need_no_package_line_or_have_it_are_taken(tmp_path, file, text, word):
    path = tmp_path / f"{file}.yaml"
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    compose(["prompt=x", word], ["--config-dir", str(tmp_path)])


@pytest.mark.parametrize("word", ["look=dusk", "sampler=dusk", "look=[oil,dusk]"])
def test_a_preset_whose_folder_is_not_named_is_told_the_flag(tmp_path, monkeypatch, word):
    for group in ("look", "sampler"):
        path = tmp_path / "mine" / group / "dusk.yaml"
        path.parent.mkdir(parents=True)
        path.write_text("# @package _global_\nsteps: 25\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match=r"dusk.yaml is chosen with --config-dir mine$"):
        composed(["prompt=x", word])
