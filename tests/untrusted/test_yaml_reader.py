"""YAML that anyone may have written: what is odd in it is one line with file, line and key; what
the program ships reads as PyYAML and OmegaConf read it."""

import math

import pytest
import yaml
from omegaconf import OmegaConf

from guided.errors import BadInput
from guided.paths import conf_folder
from guided.untrusted import yaml_reader

SHIPPED = sorted(conf_folder().rglob("*.yaml"))
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 10)}]\n" for k in range(1, 9)
)
# (text, line, what the message has besides)
ODD = [
    ("a: 1\nb: !!int text", 2, ["!!int"]),
    ("a: !!float text", 1, ["!!float"]),
    ("a: !!timestamp text", 1, ["!!timestamp"]),
    ("a: !!map text", 1, ["!!map"]),
    ("a: !!str [x]", 1, ["!!str"]),
    ("a: !!binary x", 1, ["!!binary"]),
    ("a: !!python/name:os.system x", 1, ["python/name"]),
    ("x: 1\na: {null: 1}", 2, ["a", "no key"]),
    ("~: 1", 1, ["no key"]),
    ("? [a, b]\n: 1", 1, ["no key"]),
    ("a: 1\na: 2", 2, ["a", "twice"]),
    ("a: {0: x, 0.0: y}", 1, ["twice"]),
    ("size: 16:9", 1, ["size", "16:9", "969", "quote"]),
    ("seed: 010", 1, ["seed", "010", " 8 ", "quote"]),
    ("a: [1, -0_17]", 1, ["a[1]", "-15", "quote"]),
    ("a: 0x" + "f" * 5000, 1, ["a", "digits"]),
    ("a: 0b" + "1" * 5000, 1, ["a", "digits"]),
    ("a: " + "9" * 5000, 1, ["a", "digits"]),
    ("a: 1:" + ":".join(["10"] * 2000), 1, ["a", "digits"]),
    ("a: 1." + "9" * 400 + "e5", 1, ["a", "digits"]),
    ("a: {b: [1, " + "9" * 400 + "]}", 1, ["a.b[1]", "digits"]),
    ("a: " + "[" * 150 + "]" * 150, 1, ["deep"]),
    ("a: " + "{a: " * 150 + "1" + "}" * 150, 1, ["deep"]),
    (BOMB, None, ["refer to each other"]),
    ("a: &a [*a]", 1, ["refer to each other"]),
    ("<<: 1", 1, ["<<"]),
    ("a: =", 1, ["a", "quote"]),
    ("a: [", None, []),
    ("a: b: c", 1, []),
    ("a: \x07", 1, []),
    ("%", None, []),
]


@pytest.mark.parametrize(("text", "line", "parts"), ODD)
@pytest.mark.parametrize("aliases", [False, True])
def test_odd_yaml_is_one_line_with_file_line_and_key(text, line, parts, aliases):
    with pytest.raises(BadInput) as caught:
        yaml_reader.read(text, "mine.yaml", aliases=aliases)
    said = str(caught.value)
    assert said.startswith(f"mine.yaml:{line or ''}")
    assert "\n" not in said and len(said) < 400
    for part in parts:
        assert part in said


@pytest.mark.parametrize("text", [text for text, _, _ in ODD])
def test_odd_cards_and_presets_are_refused_in_the_same_way(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=r"mine\.yaml") as caught:
        yaml_reader.read_config(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", ["???", '"???"', "[1, '???']", "\n  c: ???"])
def test_a_value_that_is_missing_in_a_preset_is_told_and_is_text_elsewhere(tmp_path, value):
    text = f"a: 1\nb: {value}"
    (tmp_path / "x.yaml").write_text(text)
    line = 3 if "\n" in value else 2
    with pytest.raises(BadInput, match=rf"x\.yaml:{line} cannot be read: \?\?\? stands for"):
        yaml_reader.read_config(tmp_path / "x.yaml")
    assert "???" in str(yaml_reader.read(text, "x"))


@pytest.mark.parametrize("text", ["a: 2026-02-28", "a: 2026-02-30"])
def test_a_date_is_text_in_a_preset_and_refused_elsewhere(tmp_path, text):
    with pytest.raises(BadInput, match=r"x:1 .*a: .*quote it"):
        yaml_reader.read(text, "x")
    (tmp_path / "x.yaml").write_text(text)
    assert yaml_reader.read_config(tmp_path / "x.yaml").a == text[3:]
    assert yaml_reader.read(text, "x", dates=True) == {"a": text[3:]}


def test_what_is_quoted_is_text():
    text = "a: '12:30'\nb: \"2026-01-01\"\nc: '" + "9" * 400 + "'\n'null': '~'\n"
    found = yaml_reader.read(text, "x")
    assert found == {"a": "12:30", "b": "2026-01-01", "c": "9" * 400, "null": "~"}


@pytest.mark.parametrize(
    "text", ["1e-3", "1.5e-3", "1E5", "-3", "0", "00", "0x1F", ".5", "1_000", "yes"]
)
def test_ordinary_scalars_read_as_the_libraries_read_them(tmp_path, text):
    assert yaml_reader.read(f"a: {text}", "x") == yaml.safe_load(f"a: {text}")
    (tmp_path / "x.yaml").write_text(f"a: {text}")
    found = yaml_reader.read_config(tmp_path / "x.yaml").a
    expected = OmegaConf.load(tmp_path / "x.yaml").a
    assert (found, type(found)) == (expected, type(expected))


def test_infinity_and_nan_are_left_to_the_settings():
    found = yaml_reader.read("[.inf, .nan]", "x")
    assert found[0] == math.inf and math.isnan(found[1])


def test_a_presets_anchors_may_be_used():
    found = yaml_reader.read("a: &a {x: 1}\nb: {<<: *a, y: 2}", "x", aliases=True)
    assert found == {"a": {"x": 1}, "b": {"x": 1, "y": 2}}


def test_every_shipped_file_reads_as_before():
    assert len(SHIPPED) > 200
    for path in SHIPPED:
        text = path.read_text(encoding="utf-8")
        assert yaml_reader.read_config(path) == OmegaConf.load(path), path
        if not text.count("\nyears:") and "_target_" in text:
            assert yaml_reader.read(text, "x", dates=True) == yaml.safe_load(text), path


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (b"a: caf\xe9", ["x.yaml:1", "UTF-8"]),
        (b"a: b\n\xff\xfe", ["x.yaml:2", "UTF-8"]),
        (b"a: b\n" * 100_000, ["larger than 200 kB"]),
        (b"just text", ["single value"]),
        (b"a: ${oc.env:HOME}", ["${oc.env:HOME}", "other settings only"]),
        (b"a: ${now:%Y}", ["other settings only"]),
        (b"a: ['${.}']", ["other settings only"]),
    ],
)
def test_files_that_are_no_presets(tmp_path, content, parts):
    (tmp_path / "x.yaml").write_bytes(content)
    with pytest.raises(BadInput) as caught:
        yaml_reader.read_config(tmp_path / "x.yaml")
    for part in parts:
        assert part in str(caught.value)


def test_a_folder_or_device_is_no_file(tmp_path):
    for path in (tmp_path, "/dev/zero", tmp_path / "none"):
        with pytest.raises(BadInput, match=r"it is a folder|it is a device|No such file"):
            yaml_reader.read_config(type(tmp_path)(path))
