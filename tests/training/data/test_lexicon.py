"""The lexicon is built of Emojibase's names: labels, keywords and subjects of like meaning."""

import io
import json
import tarfile

import pytest

from guided.errors import BadInput
from guided.prompts import lexicon as reader
from guided.training.data import lexicon, packages, sources

RECORDS = {
    "en": [
        ("1F34E", "red apple", ["apple", "fruit"], 42),
        ("1F34F", "green apple", ["apple", "fruit"], 42),
        ("1F34A", "tangerine", ["fruit", "orange"], 42),
        ("1F451", "crown", ["king", "queen"], 45),
        ("1F478", "princess", ["king"], 45),
        ("1F45F", "running shoe", ["shoe"], 45),
    ],
    "zh": [("1F34E", "红苹果", [], 42), ("1F34F", "青苹果", [], 42)],
    "es": [
        ("1F34E", "manzana roja", ["fruta", "manzana"], 42),
        ("1F34F", "manzana verde", ["fruta", "manzana"], 42),
        ("1F34A", "mandarina", ["fruta"], 42),
    ],
    "et": [("1F45F", "king", [], 45)],
    "ja": [("1F34E", "リンゴ", [], 42)],
}


@pytest.fixture
def built(tmp_path, monkeypatch) -> reader.Lexicon:
    archive = tmp_path / "names.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        files = {
            f"{code}/data.json": [
                dict(
                    hexcode=h,
                    label=label,
                    tags=tags,
                    subgroup=group,
                    group=4,
                    emoji=chr(int(h, 16)),
                )
                for h, label, tags, group in records
            ]
            for code, records in RECORDS.items()
        }
        files["meta/groups.json"] = {"subgroups": {"42": "food-fruit", "45": "clothing"}}
        for name, content in files.items():
            data = json.dumps(content).encode()
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    monkeypatch.setattr(packages, "fetch", lambda source, folder: archive)
    monkeypatch.setattr(
        sources, "subjects", lambda: {"weights": dict.fromkeys(["red apple", "tangerine"], 1.0)}
    )
    words = tmp_path / "words.txt"
    words.write_text("red apple\ntangerine\n")
    out = tmp_path / "lexicon.tsv"
    settings = lexicon.Settings(str(tmp_path), str(words), str(out))
    settings.check()
    lexicon.build(settings)
    return reader.load(out)


def test_labels_and_keywords_of_the_same_things_are_names(built):
    for text in ("manzana roja", "manzana", "リンゴ", "りんご", "🍎", "红苹果"):
        assert built.read(text).known == "red apple", text
    assert built.read("fruta").known is None  # of several things


def test_an_english_word_of_another_meaning_is_no_name(built):
    assert "king" not in built.others


def test_what_is_not_known_is_near_to_subjects_of_its_family_with_common_keywords(built):
    assert built.read("verde manzana verde").known  # green apple: the red one is the nearest
    assert built.entries["green apple"].near[0] == "red apple"
    assert built.entries["running shoe"].near == ()


def test_files_that_are_not_there_are_refused(tmp_path):
    with pytest.raises(BadInput, match="is not there"):
        lexicon.Settings(str(tmp_path / "none")).check()
