"""The pages that explain a picture: complete in both languages, safe with any data."""

import json
import os

import pytest

from guided.gallery import explanation, page, pages
from guided.runs.layout import explain_picture
from tests.gallery.batches import entry, manifest, paint, save
from tests.gallery.test_page import Elements

EVIL = "<img src=x onerror=alert(1)></title><script>alert(1)</script> {{ 7 * 7 }} \u202e&quot;"
SECTIONS = ["ink", "back", "seen", "push", "guides", "curves"]


def line(step, **changes):
    return {
        "step": step,
        "of": 4,
        "loss": {"clip": 2 / step, "mine": 0.5},
        "similarity": 0.1 * step,
        "gradient": 0.01,
        **changes,
    }


def lines(prompt="a star"):
    seen = [{"clip": "c", "prompts": [prompt, "fog"], "alike": [[0.31, 0.12], [0.25, 0.05]]}]
    about = {
        "prompt": prompt,
        "unwanted": "fog",
        "seed": 7,
        "model": "embedded",
        "sampler": "ddim",
    }
    return [
        line(1),
        line(2, push=0.04),
        line(3),
        line(4, push=0.02, seen=seen, noisy=[1.0, 0.5, 0.0], about=about),
    ]


def save_explanation(folder, number=0, data=None, pictures=True):
    """explain/ as a run leaves it."""
    place = folder / "explain"
    place.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(one) + "\n" for one in (lines() if data is None else data))
    (place / f"{number:04d}.jsonl").write_text(text)
    kinds = [(step, kind) for step in (2, 4) for kind in ("back", "push")]
    kinds += [(4, "noisy", k) for k in range(3)] + [(4, "cut", 0, k) for k in range(2)]
    for one in kinds if pictures else []:
        paint(3, (32, 32)).save(place / explain_picture(number, *one))
    return place


def elements_of(path):
    parser = Elements()
    parser.feed(path.read_text(encoding="utf-8"))
    return parser


@pytest.fixture
def place(tmp_path):
    place = save_explanation(tmp_path)
    assert explanation.write(tmp_path, 0)
    return place


@pytest.mark.parametrize("name, language", [("0000.html", "en"), ("0000.zh.html", "zh-Hans")])
def test_a_page_has_every_part_and_every_picture(place, name, language):
    found = elements_of(place / name).found
    assert next(attributes["lang"] for tag, attributes in found if tag == "html") == language
    assert [a["id"] for tag, a in found if tag == "section"] == SECTIONS
    sources = [a["src"] for tag, a in found if tag == "img"]
    assert set(sources) == {path.name for path in place.glob("*.webp")}
    assert all(a["alt"] for tag, a in found if tag == "img")
    meters = [float(a["value"]) for tag, a in found if tag == "meter"]
    assert meters == [0.31, 0.12, 0.25, 0.05]


def test_the_languages_say_the_same_things_and_lead_to_each_other_and_to_the_gallery(place):
    def shape(node):
        if isinstance(node, dict):
            return {key: shape(value) for key, value in node.items()}
        return None if isinstance(node, list) else node.count("{")

    english, chinese = explanation.sentences().values()
    assert shape(english) == shape(chinese)
    for name, other in (("0000.html", "0000.zh.html"), ("0000.zh.html", "0000.html")):
        links = [a["href"] for tag, a in elements_of(place / name).found if tag == "a"]
        assert links == ["../index.html", other]


def test_the_policy_allows_the_pages_own_style_and_no_script(place):
    parsed = elements_of(place / "0000.html")
    (content,) = (a["content"] for _, a in parsed.found if "http-equiv" in a)
    policy = {name: rest for name, *rest in map(str.split, content.split(";"))}
    assert policy["style-src"] == [page.digest(parsed.texts["style"][0])]
    assert policy["script-src"] == policy["default-src"] == policy["form-action"] == ["'none'"]
    assert policy["img-src"] == ["'self'", "file:"]
    for tag, attributes in parsed.found:
        assert tag != "script"
        assert not any(name.startswith("on") or name == "style" for name in attributes)


def test_hostile_texts_stay_texts(tmp_path):
    data = lines(EVIL)
    data[-1]["about"] |= {"unwanted": EVIL, "seed": EVIL, "model": EVIL, "sampler": EVIL}
    data[-1]["seen"][0]["clip"] = EVIL
    data[0]["loss"] = {EVIL: 1.0}
    place = save_explanation(tmp_path, data=data)
    explanation.write(tmp_path, 0)
    for name in ("0000.html", "0000.zh.html"):
        parsed = elements_of(place / name)
        assert {tag for tag, _ in parsed.found}.isdisjoint({"script", "iframe", "object"})
        sources = [a["src"] for tag, a in parsed.found if tag == "img"]
        assert all(source.endswith(".webp") for source in sources)
        assert not any(key.startswith("on") for _, a in parsed.found for key in a)
        html = (place / name).read_text(encoding="utf-8")
        assert "{{ 7 * 7 }}" in html and "<script>alert" not in html


@pytest.mark.parametrize(
    "data",
    [
        [],
        [{"step": 1}],
        [{"step": True, "about": {"prompt": "a"}}],
        [{"step": 10**12, "about": {"prompt": "a"}}],
        [line(4, about=[])],
    ],
)
def test_without_data_of_a_finished_picture_there_is_no_page(tmp_path, data):
    place = save_explanation(tmp_path, data=data)
    assert not explanation.write(tmp_path, 0)
    assert not (place / "0000.html").exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"seen": "x", "noisy": {"a": 1}, "push": "much", "loss": [1]},
        {"seen": [None, {"clip": 1, "prompts": 2, "alike": [["x"], 3]}], "noisy": ["../x"]},
        {"about": {"prompt": [{"text": 1}, None], "seed": [1], "model": {}}},
        {"similarity": float("nan"), "gradient": 10**400, "push": float("inf")},
    ],
)
def test_data_of_wrong_kinds_are_left_out(tmp_path, changes):
    place = save_explanation(tmp_path, data=[line(1), lines()[-1] | changes])
    with (place / "0000.jsonl").open("a") as file:
        file.write('[1]\nnull\n{"step": 4, "lo')
    assert explanation.write(tmp_path, 0)
    assert "nan" not in (place / "0000.html").read_text()


def test_pictures_that_are_not_there_are_left_out(tmp_path):
    place = save_explanation(tmp_path, pictures=False)
    explanation.write(tmp_path, 0)
    found = elements_of(place / "0000.html").found
    assert [a["id"] for tag, a in found if tag == "section"] == ["guides", "curves"]
    assert not any(tag == "img" for tag, _ in found)


def test_links_are_neither_followed_nor_written_through(tmp_path):
    place = save_explanation(tmp_path / "run")
    elsewhere = tmp_path / "mine.html"
    elsewhere.write_text("mine")
    (place / "0000_0002_back.webp").unlink()
    (place / "0000_0002_back.webp").symlink_to("/etc/hostname")
    explanation.write(tmp_path / "run", 0)
    assert "0000_0002_back.webp" not in (place / "0000.html").read_text()
    (place / "0000.html").unlink()
    (place / "0000.html").symlink_to(elsewhere)
    with pytest.raises(OSError, match="is a link"):
        explanation.write(tmp_path / "run", 0)
    assert elsewhere.read_text() == "mine"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "explain").symlink_to(place)
    assert not explanation.write(tmp_path / "other", 0)


def test_the_later_of_two_lines_about_a_step_counts(tmp_path):
    place = save_explanation(tmp_path, data=[line(1, similarity=0.9), *lines()])
    assert explanation.read(place, 0).curves["similarity"][1] == pytest.approx(0.1)


def test_the_gallery_makes_the_pages_of_finished_pictures_and_says_so(tmp_path):
    folder = tmp_path / "outputs" / "2026-11-22" / "142233-a-lighthouse"
    manifest(folder, [entry(0), entry(1)])
    save(folder, 0)
    save(folder, 1)
    save_explanation(folder)
    pages.update(folder, now=True)
    assert (folder / "explain" / "0000.zh.html").is_file()
    explained = [
        '\\"explained\\":true' in (folder / "thumbs" / f"{n:04d}.js").read_text() for n in (0, 1)
    ]
    assert explained == [True, False]
    os.remove(folder / "explain" / "0000.html")
    pages.rebuild(folder)
    assert (folder / "explain" / "0000.html").is_file()


# ---- in a browser --------------------------------------------------------------------------


@pytest.mark.parametrize("language, name", [("en", "0000.html"), ("zh", "0000.zh.html")])
def test_in_a_browser_it_is_reached_from_the_picture_and_all_of_it_loads(
    chromium, tmp_path, language, name
):
    from tests.gallery.test_browser import Page

    folder = tmp_path / "a place, 100% #1" / "142233-a-lighthouse"
    manifest(folder, [entry(0)])
    save(folder, 0)
    save_explanation(folder, data=lines(EVIL))
    pages.update(folder, now=True)
    view = Page(chromium).open(folder / "index.html", language)
    link = view.wait(lambda: view.all(f"dialog a[href$='explain/{name}']"))[0]
    chromium.get_log("browser")
    view.script("arguments[0].click()", link)
    view.wait(lambda: view.all("#curves"))
    assert view.one("h1").text == explanation.sentences()[language]["title"]
    widths = view.script("[...document.images].map(image => image.naturalWidth)")
    assert len(widths) == 10 and min(widths) > 0
    assert view.one("#ink .row").value_of_css_property("display") == "grid"  # its style holds
    assert view.script("document.documentElement.scrollWidth <= window.innerWidth")
    assert view.errors() == []
