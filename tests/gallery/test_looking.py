"""What the pages show, as trees of elements (Node runs their scripts; no browser is needed)."""

import os
import time

import pytest

from guided.gallery import pages
from guided.runs import worker_locks
from tests.gallery.batches import MADE, entry, manifest, save, sweep
from tests.gallery.looking import click, look


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "outputs" / "2026-11-22" / "142233-a-lighthouse"


def cards(page):
    return [
        (card.attributes["className"], card.text) for card in page.by_id("wall").all("a", "card")
    ]


def choices(page, name):
    """The options of the filter that begins with a name."""
    for select in page.by_id("choices").all("select"):
        first, *others = (option.text for option in select.all("option"))
        if first.startswith(name):
            return others
    return None


def test_what_is_not_drawn_is_no_picture(folder):
    """Of twelve, ten are done, one failed, which says why, and one waits."""
    sweep(folder)
    pages.update(folder, now=True)
    page = look(folder)
    kinds = [kind for kind, _ in cards(page)]
    assert kinds == ["card done"] * 10 + ["card failed"]
    assert page.by_id("found").text == "10 pictures"
    assert choices(page, "State") == ["done (10)", "failed (1)", "stopped (1)"]
    assert choices(page, "Artist") == ["hokusai (6)", "turner (5)"]
    over_all = look(folder.parent.parent)
    assert [kind for kind, _ in cards(over_all)] == ["card done"] * 10
    assert over_all.by_id("found").text == "10 pictures"


@pytest.mark.parametrize("view", ["grid", "wall"])
def test_a_state_that_is_chosen_shows_what_is_not_drawn(folder, view):
    sweep(folder)
    pages.update(folder, now=True)
    choose = (
        "[...document.querySelectorAll('select')].find((one) => one.dataset.name === 'state')"
        ".onchange({ target: { value: 'stopped' } })"
    )
    page = look(folder, choose)
    assert [kind for kind, _ in cards(page)] == ["card stopped"]
    assert page.by_id("found").text == "1 stopped"


# ---- running and stopped -------------------------------------------------------------------


def running(folder, worker):
    save(folder, 0)
    others = [entry(k, state="queued", file=None, seconds=None) for k in (2, 3)]
    rows = [entry(0), entry(1, state="running", file=None, seconds=None, worker=worker), *others]
    manifest(folder, rows)


@pytest.mark.parametrize("alive", [True, False])
def test_a_batch_is_drawn_while_its_worker_holds_its_lock(folder, alive):
    """A worker of this machine that was killed holds no lock, and its page says so at once."""
    worker = worker_locks.new_name()
    running(folder, worker)
    (folder / ".work").mkdir()
    path = worker_locks.worker_lock(folder, worker)
    path.touch()
    held = worker_locks.files.lock(path, 0)
    if alive:
        held.acquire()
    pages.update(folder, now=True)
    held.release()
    progress = look(folder).by_id("progress")
    assert not progress.hidden
    told = progress.one("p").text
    assert told.startswith("1 of 4 drawn")
    assert ("stopped" in told, "left" in told) == (not alive, alive)
    assert ("resume=" in progress.text) == (not alive)
    assert [kind for kind, _ in cards(look(folder))] == ["card done"] + ["card running"] * alive


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_page_that_nobody_writes_any_more_says_stopped(folder, monkeypatch, hours):
    """As after a kill -9; or written by a clock that was set back since."""
    running(folder, "elsewhere-1-ab")
    now = time.time()
    monkeypatch.setattr(pages.time, "time", lambda: now + 3600 * hours)
    os.utime(folder / "manifest.json", (now + 3600 * hours,) * 2)
    pages.build(folder, 0)
    monkeypatch.undo()
    told = look(folder).by_id("progress").one("p").text
    assert "stopped" in told
    assert "left" not in told
    assert "drawing" not in look(folder).by_id("wall").text


def test_slow_steps_are_waited_for(folder):
    running(folder, "elsewhere-1-ab")
    quick = pages.build(folder, 0, step=0.5)
    slow = pages.build(folder, 0, step=300)
    assert quick["grace"] < 200
    assert slow["grace"] >= quick["grace"] + 4 * 300


# ---- one picture ---------------------------------------------------------------------------


def test_a_run_of_one_opens_on_the_picture(folder):
    save(folder, 0)
    manifest(folder, [entry(0)])
    pages.update(folder, now=True)
    lightbox = look(folder).by_id("lightbox")
    assert "open" in lightbox.attributes
    assert lightbox.one("div", "stage").one("img").attributes["src"] == "image_0000.png"


def test_several_open_on_the_wall(folder):
    sweep(folder)
    pages.update(folder, now=True)
    assert "open" not in look(folder).by_id("lightbox").attributes
    first = look(folder).by_id("wall").all("img")[0]
    assert first.attributes["src"] == f"thumbs/0000.webp?{MADE}"


@pytest.mark.parametrize("kind", ["mp4", "webp", "gif"])
def test_a_film_has_a_player(folder, kind):
    save(folder, 0)
    save(folder, 1)
    (folder / f"video_0001.{kind}").write_bytes(b"film")
    manifest(folder, [entry(0), entry(1)])
    pages.update(folder, now=True)
    assert look(folder, click(0)).all(kind="film") == []
    film = look(folder, click(1)).one(kind="film")
    if kind == "mp4":
        assert film.tag == "video"
        assert film.attributes["controls"] is True
        assert film.attributes["src"] == "video_0001.mp4"
        return
    press = "document.querySelector('.player').querySelector('button').onclick()"
    sources = [
        look(folder, click(1), *[press] * times).one("img", "film").attributes["src"]
        for times in range(3)
    ]
    assert sources == ["image_0001.png", f"video_0001.{kind}", "image_0001.png"]


def test_what_is_not_wanted_is_told_as_such(folder):
    save(folder, 0, negative="fog")
    save(folder, 1)
    rows = [{"words": ["negative=fog"]}, {"words": ["negative=rain"]}]
    pictures = [entry(0, unwanted="fog"), entry(1, row=1, unwanted="rain")]
    manifest(folder, pictures, rows)
    pages.update(folder, now=True)
    page = look(folder, click(0))
    assert page.one("p", "prompt").text == "a lighthouse"
    assert page.one("p", "unwanted").text == "not: fog"
    assert [card.one("span", "text").text for card in page.all("a", "card")] == [
        "not: fog", "not: rain",
    ]  # fmt: skip


# ---- from page to page ---------------------------------------------------------------------


def test_a_batch_leads_to_all_pictures_and_they_lead_back(folder, tmp_path):
    for number in range(2):
        save(folder, number)
    manifest(folder, [entry(0), entry(1)])
    pages.update(folder, now=True)
    link = look(folder).by_id("all")
    assert not link.hidden
    assert (folder / link.attributes["href"]).resolve() == (
        folder.parent.parent / "index.html"
    ).resolve()
    assert (folder / link.attributes["href"]).is_file()
    root = look(folder.parent.parent, click(0))
    assert root.by_id("all").hidden
    targets = [a.attributes["href"] for a in root.by_id("lightbox").all("a")]
    assert f"2026-11-22/{folder.name}/index.html" in targets
    alone = tmp_path / "elsewhere"
    save(alone, 0)
    manifest(alone, [entry(0)])
    pages.update(alone, now=True)
    assert look(alone).by_id("all").hidden


def test_batches_of_one_name_are_told_apart(tmp_path):
    times = {"1-x": "2026-11-22T12:00:00+00:00", "2-x": "2026-11-22T13:00:00+00:00"}
    times |= {"3-x": times["2-x"], "4-y": times["1-x"]}
    for name, made in times.items():
        batch = tmp_path / "2026-11-22" / name
        save(batch, 0)
        manifest(batch, [entry(0)], made=made, title="a fox" if name == "4-y" else "a lighthouse")
        pages.update(batch, now=True)
    names = choices(look(tmp_path), "Batch")
    assert len(set(names)) == 4
    assert "a fox (1)" in names
    with_folder = sorted(name.split(" · ")[-1] for name in names if "22/" in name)
    assert with_folder == ["2026-11-22/2-x (1)", "2026-11-22/3-x (1)"]


# ---- texts from outside --------------------------------------------------------------------

EVIL = "<img src=x onerror=evil()><script>evil()</script></script>\u2028'\"`${evil()}{{7*7}}<!--"


def test_texts_from_outside_are_texts(folder):
    """Each is the text of an element, whole, and makes no element."""
    rows = [{"words": [f"artist={EVIL}"]}, {"words": ["artist=other"]}]
    pictures = [
        entry(0, prompt=EVIL, unwanted=EVIL, model=EVIL),
        entry(1, row=1, state="failed", why=EVIL, prompt=EVIL, file=None),
    ]
    save(folder, 0, prompt=EVIL)
    manifest(folder, pictures, rows, title=EVIL)
    pages.update(folder, now=True)
    plain = look(folder, click(0))
    assert plain.by_id("title").children == [EVIL]
    assert plain.one("p", "prompt").children == [EVIL]
    assert plain.one("p", "unwanted").children == [f"not: {EVIL}"]
    failed = plain.by_id("wall").all("a", "failed")[0]
    assert EVIL in [one.text for one in failed.all("span")]
    assert look(folder, click(1)).one("p", "why").children == [EVIL]
    for page in (plain, look(folder.parent.parent, click(0))):
        assert not any("evil" in str(value) for one in page for name, value in
                       one.attributes.items() if name in ("src", "href"))  # fmt: skip
        assert {one.tag for one in page} <= {
            *("html", "head", "meta", "title", "style", "body", "header", "div", "h1", "h2", "p"),
            *("nav", "a", "button", "i", "form", "input", "span", "label", "select", "option"),
            *("main", "footer", "dialog", "noscript", "script", "img", "b", "canvas", "dl", "dt"),
            *("dd", "code", "table", "tbody", "thead", "tr", "th", "td", "details", "summary"),
            *("h3", "figure", "figcaption", "output"),
        }
