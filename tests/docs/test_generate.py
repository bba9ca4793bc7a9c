"""The generated parts of the documentation are what the program says today."""

import re
from pathlib import Path

import pytest

from docs import generate

PAGES = generate.pages()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_has_what_is_generated(page: Path):
    text = page.read_text(encoding="utf-8")
    assert text == generate.regenerated(text), "python -m docs.generate writes it anew"


def test_every_part_is_in_one_page():
    texts = [page.read_text(encoding="utf-8") for page in PAGES]
    found = [part[2] for text in texts for part in generate.PART.finditer(text)]
    assert sorted(found) == sorted(generate.PARTS)


def test_the_readme_is_short():
    for name in ("README.md", "README.zh.md"):
        assert (generate.ROOT / name).stat().st_size <= 5 * 1024


def test_pictures_are_small_in_all():
    kinds = ("*.webp", "*.png", "*.svg", "*.jpg")
    assert sum(p.stat().st_size for kind in kinds for p in generate.DOCS.rglob(kind)) < 3 * 2**20


def test_every_link_between_pages_leads_somewhere():
    root = generate.ROOT
    for page in [*root.glob("*.md"), *generate.DOCS.rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), (page.name, target)


def test_every_setting_has_a_meaning():
    """Of what is typed; a table must not have empty cells where somebody looks for help."""
    tables = [generate.top_settings(), generate.group_settings(), generate.training_settings()]
    for line in "\n".join(tables).splitlines():
        if line.startswith("| `"):
            assert line.split(" | ")[-1].rstrip(" |"), line


def test_no_page_has_a_path_of_this_machine():
    for page in [*generate.ROOT.glob("*.md"), *generate.DOCS.rglob("*.md")]:
        text = page.read_text(encoding="utf-8")
        assert str(generate.ROOT) not in text, page.name


def test_a_default_inside_the_repository_is_relative():
    assert generate.training_default(generate.ROOT / "docs" / "a.md") == "`docs/a.md`"
