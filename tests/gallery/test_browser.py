"""The pages in a real browser, opened from disk as an artist would."""

import json
import os
import time

import pytest

from guided.gallery import pages, script
from guided.outputs.sheet import GAP
from tests.gallery.batches import entry, manifest, paint, save, save_metrics, save_steps, sweep

pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
from selenium.webdriver.common.keys import Keys

from tests import browser


class Page(browser.Page):
    """The gallery's page."""

    def open(self, path, language="en"):
        self.begin(path.as_uri(), language)
        self.wait(lambda: self.all("#wall .card, #message:not([hidden])"))
        return self

    def numbers(self):
        """Of the pictures on the wall, in its order."""
        return self.script("[...document.querySelectorAll('#wall .card')].map(c => +c.dataset.id)")

    def choose(self, name, value):
        self.select(f"#choices [data-name={name}]", value)

    def look_into(self, number):  # a run of one is open already
        self.script("document.querySelector(`#wall [data-id='${arguments[0]}']`).click()", number)
        self.wait(lambda: self.all("dialog[open] .settings") or self.all("dialog .empty"))


@pytest.fixture
def page(chromium):
    return Page(chromium)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Not to be changed by tests."""
    folder = tmp_path_factory.mktemp("a place, 100% #1") / "2026-11-22" / "142233-a-lighthouse"
    sweep(folder)
    pages.update(folder, now=True)
    return folder


def test_it_opens_from_disk_and_shows_every_picture(page, folder):
    page.open(folder / "index.html")
    assert page.text("h1") == "a lighthouse"
    assert page.numbers() == list(range(11))
    for number in range(10):
        assert page.loaded(f"[data-id='{number}'] img") == 96
    alts = [image.get_attribute("alt") for image in page.all("#wall img")]
    assert len(set(alts)) == 10
    assert "hokusai" in alts[0]
    assert page.errors() == []


def test_what_failed_and_what_waits_says_so(page, folder):
    page.open(folder / "index.html")
    assert "out of memory: try size=64" in page.text("[data-id='10']")
    assert "10 of 12 drawn · 1 failed · stopped" in page.text("#progress")
    page.choose("state", "stopped")
    assert page.numbers() == [11]
    assert "stopped" in page.text("[data-id='11']")


def test_filters_and_their_clearing(page, folder):
    page.open(folder / "index.html")
    page.choose("artist", "turner")
    assert page.numbers() == [6, 7, 8, 9, 10]
    page.choose("state", "failed")
    assert page.numbers() == [10]
    page.choose("state", "")
    page.choose("seed", "8")
    assert page.numbers() == [7, 9]
    page.type("#search", "lighthouse HOKUSAI")
    assert page.numbers() == []
    page.click("#message button")
    assert page.numbers() == list(range(11))


def test_sorting_by_score_and_time(page, folder):
    page.open(folder / "index.html")
    scores = {
        p["number"]: p["score"]
        for p in json.loads((folder / "manifest.json").read_text())["pictures"]
    }
    best = sorted(range(10), key=lambda number: -scores[number])
    page.select("#sort", "score")
    assert page.numbers() == [*best, 10]
    page.select("#sort", "newest")
    assert page.numbers() == [*reversed(range(10)), 10]
    page.select("#sort", "oldest")
    assert page.numbers() == list(range(11))


def test_the_keyboard_alone(page, folder):
    page.open(folder / "index.html")
    page.press("/")
    assert page.script("document.activeElement.id") == "search"
    page.press("turner")
    assert page.numbers() == [6, 7, 8, 9, 10]
    page.press(Keys.ARROW_DOWN)
    focused = "+document.activeElement.dataset.id"
    assert page.script(focused) == 6
    page.press(Keys.ARROW_RIGHT)
    assert page.script(focused) == 7
    page.press(Keys.ENTER)
    page.wait(lambda: page.all("dialog[open]"))
    assert "Picture 7" in page.one("dialog").get_attribute("aria-label")
    page.press(Keys.ARROW_RIGHT)
    assert "Picture 8" in page.one("dialog").get_attribute("aria-label")
    page.press(Keys.ESCAPE)
    page.wait(lambda: not page.all("dialog[open]"))
    page.wait(lambda: page.script(focused) == 8)  # a moment after the dialog has closed
    page.press("/", Keys.ESCAPE)
    assert page.numbers() == list(range(11))


def test_arrows_go_to_the_row_below_and_back(page, folder):
    page.open(folder / "index.html")
    page.press(Keys.ARROW_DOWN)
    page.press(Keys.ARROW_RIGHT)
    left = "document.activeElement.getBoundingClientRect().left"
    top = "document.activeElement.getBoundingClientRect().top + scrollY"
    before = page.script(left), page.script(top)
    page.press(Keys.ARROW_DOWN)
    assert page.script(left) == before[0]
    assert page.script(top) > before[1]
    page.press(Keys.ARROW_UP)
    assert (page.script(left), page.script(top)) == before


def test_a_picture_in_full_with_how_to_draw_it_again(page, folder):
    page.open(folder / "index.html")
    page.look_into(3)
    assert page.loaded("dialog .stage img") == 96
    assert page.text("dialog .prompt") == "a lighthouse"
    told = page.text("dialog dl")
    for fact in ("0.2900", "hokusai", "embedded", "96 × 64", "2000"):
        assert fact in told
    again, vary = (code.text for code in page.all("dialog code"))
    assert again == f"python run.py 'from={folder / 'image_0003.png'}'"
    assert vary == f"{again} seed=9 count=4"
    page.click("summary")
    page.type("details input", "clip.scale")
    rows = [row.text for row in page.all(".settings tr") if row.is_displayed()]
    assert rows == ["guide.clip.scale 2000"]
    assert page.errors() == []


def test_the_command_is_copied(page, folder):
    page.open(folder / "index.html")
    page.look_into(3)
    page.click("dialog .copy")
    page.wait(lambda: page.text("dialog .copy") == "Copied")
    page.click("details summary")
    page.type("details input", Keys.CONTROL, "v")
    command = page.text("dialog code")
    page.wait(lambda: page.script("document.querySelector('details input').value") == command)


def test_the_steps_can_be_scrubbed_and_the_curves_follow(page, folder):
    page.open(folder / "index.html")
    page.look_into(0)
    slider = page.one(".scrub")
    assert len(page.all("figure svg polyline")) == 4
    slider.send_keys(Keys.HOME)
    page.wait(lambda: page.one(".stage canvas").is_displayed())
    # The preview of step 10 is of the grey 50.
    shade = "[...document.querySelector('canvas').getContext('2d').getImageData(0, 0, 1, 1).data]"
    assert page.text(".scrubber output") == "step 10 of 40"
    mark = page.one("figure .mark")
    assert mark.is_displayed()
    assert float(mark.get_attribute("style").split(":")[1].strip(" %;")) == pytest.approx(
        9 / 39 * 100, abs=0.01
    )
    slider.send_keys(Keys.END)
    page.wait(lambda: page.one(".stage img").is_displayed())
    assert page.text(".scrubber output") == "finished"
    assert shade


def test_a_strip_is_scrubbed_where_there_are_no_previews(page, tmp_path):
    save(tmp_path, 0)
    (tmp_path / "strips").mkdir()
    paint(5, (4 * (48 + GAP) + GAP, 32 + 2 * GAP)).save(tmp_path / "strips" / "0000.png")
    manifest(tmp_path, [entry(0)])
    pages.update(tmp_path, now=True)
    page.open(tmp_path / "index.html")
    page.look_into(0)
    slider = page.one(".scrub")
    assert slider.get_attribute("max") == "4"
    slider.send_keys(Keys.HOME, Keys.ARROW_RIGHT)
    page.wait(lambda: page.one(".stage canvas").is_displayed())
    assert page.script(
        "[...document.querySelectorAll('canvas')].map(c => [c.width, c.height])"
    ) == [[48, 32]]
    assert page.text(".scrubber output") == "step 20 of 40"


def test_playing_goes_through_all_steps(page, folder):
    page.open(folder / "index.html")
    page.look_into(0)
    seen = (
        "window.seen = []; new MutationObserver(() => seen.push(document.querySelector('output')"
        ".textContent)).observe(document.querySelector('output'), {childList: true})"
    )
    page.browser.execute_script(seen)
    page.click(".play")
    page.wait(
        lambda: page.text(".scrubber output") == "finished" and page.script("seen.length") > 3
    )
    assert page.script("seen") == [*(f"step {k} of 40" for k in (10, 20, 30, 40)), "finished"]


def test_the_grid_has_two_settings_along_its_sides(page, folder):
    page.open(folder / "index.html")
    page.click("[data-view=grid]")
    assert page.texts("#grid thead th") == ["500", "2000", "10000"]
    assert page.texts("#grid tbody th") == ["hokusai", "turner"]
    inside = """[...document.querySelectorAll('#grid tbody tr')].map(row => [...row.cells].slice(1)
        .map(cell => [...cell.querySelectorAll('.card')].map(card => +card.dataset.id)))"""
    assert page.script(inside) == [[[0, 1], [2, 3], [4, 5]], [[6, 7], [8, 9], [10]]]
    page.click("#grid .sides button")
    assert page.texts("#grid thead th") == ["hokusai", "turner"]
    page.select("[data-side=down]", "seed")
    assert page.texts("#grid tbody th") == ["7", "8"]
    assert page.script(inside) == [[[0, 2, 4], [6, 8, 10]], [[1, 3, 5], [7, 9]]]
    page.click("#grid .card")
    page.wait(lambda: page.all("dialog[open]"))


def test_it_follows_a_batch_that_runs(page, tmp_path):
    rows = [entry(number, state="queued", file=None, score=None) for number in range(3)]
    rows[0] |= {"state": "running"}
    manifest(tmp_path, rows)
    save_steps(tmp_path, 0, [10])
    pages.update(tmp_path, now=True)
    page.open(tmp_path / "index.html")
    assert page.loaded("[data-id='0'] img") == 96  # the newest preview
    page.script("window.untouched = true")
    for number in range(3):
        save(tmp_path, number)
        rows[number] |= {"state": "done", "file": f"image_{number:04d}.png", "score": 0.1}
        manifest(tmp_path, rows)
        pages.update(tmp_path, now=True)
        card = f"[data-id='{number}'].done img"
        page.wait(lambda card=card: page.all(card))
    assert page.script("window.untouched")  # nothing was loaded anew but the data
    assert not page.one("#progress").is_displayed()
    assert page.errors() == []


EVIL = (
    "<img src=x onerror=evil()><script>evil()</script></script><script>evil()</script>"
    "\u2028'\"`${evil()}{{7*7}}<!--"
)


def test_what_comes_from_outside_is_text_and_never_runs(page, tmp_path):
    folder = tmp_path / "2026-11-22" / '1-<b>&#x27;"%2e javascript:evil()'
    rows = [
        {"words": [f"artist={EVIL}", f"a.b={k}"], "settings": {EVIL: f"{EVIL}{k}"}} for k in (1, 2)
    ]
    pictures = [entry(k, row=k, prompt=f"{EVIL} {k}", model=EVIL, seed=k) for k in (0, 1)] + [
        entry(2, prompt=EVIL, state="failed", why=EVIL, file="javascript:evil()"),
        entry(3, state=EVIL, file="https://elsewhere.org/image_0003.png", score=EVIL),
    ]
    for number in (0, 1):
        save(folder, number, prompt=EVIL, note={EVIL: EVIL})
        line = {"image": number, "step": 1, "loss": {EVIL: 1.0}}
        with (folder / "metrics.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
    manifest(folder, pictures, rows, title=EVIL)
    pages.update(folder, now=True)
    for place in (folder, tmp_path):
        page.open(place / "index.html")
        for card in range(len(page.all("#wall .card"))):
            page.script("document.querySelectorAll('#wall .card')[arguments[0]].click()", card)
            page.wait(lambda: page.all("dialog[open] .prompt"))
            if card < 2:
                page.wait(lambda: page.all("dialog .settings"))
            page.press(Keys.ESCAPE)
            page.wait(lambda: not page.all("dialog[open]"))
        if place == folder:
            page.click("[data-view=grid]")
        assert EVIL.replace("\u2028", "") in page.script(
            "document.documentElement.textContent"
        ).replace("\u2028", "")
        for tag in ("b", "script[src]", "img[src=x]", "[onerror]", "iframe"):
            found = [n for n in page.all(tag) if "evil" in (n.get_attribute("outerHTML") or "")]
            assert not found, tag
        outside = """[...document.querySelectorAll('[href], [src]')].map(n => n.href || n.src)
            .filter(address => !address.startsWith('file:'))"""
        assert page.script(outside) == []
        assert page.errors() == []


def test_the_policy_lets_no_other_script_run_and_nothing_go_out(page, folder):
    page.open(folder / "index.html")
    page.browser.execute_script("""
        document.body.insertAdjacentHTML('beforeend',
            '<img src=nowhere.png onerror="window.ran=1">' +
            '<a id=evil href="javascript:window.ran=1">x</a>');
        document.getElementById('evil').click();
        window.asked = 0;
        fetch('https://example.org/').catch(() => { window.asked = 'refused'; });
    """)
    page.wait(lambda: page.script("window.asked") == "refused")
    time.sleep(0.2)
    assert page.script("window.ran") is None
    refused = [line for line in page.errors() if "Content Security Policy" in line]
    assert len(refused) >= 3


def test_a_folder_from_somebody_else_brings_no_program(page, tmp_path):
    """Pages made anew run nothing that came with it; and details in the right form whose plot is
    no plot bring nothing onto the page."""
    folder = tmp_path / "2026-11-22" / "1-x"
    for number in range(2):
        save(folder, number)
        save_metrics(folder, number)
    manifest(folder, [entry(number) for number in range(2)])
    pages.update(folder, now=True)
    details = [folder / "thumbs" / f"000{number}.js" for number in range(2)]
    details[0].write_text("window.ran = 1;\n" + details[0].read_text())
    pages.rebuild(tmp_path)
    making = script.load(details[1])
    making["plots"][0]["svg"] = (
        '<svg xmlns="http://www.w3.org/2000/svg" onload="window.ran=1"><script>window.ran=1'
        '</script><a href="javascript:window.ran=1"><polyline points="0,0 1,1"/></a>'
        '<polyline points="0,0 2,2"/></svg>'
    )
    script.save(details[1], making)
    page.open(tmp_path / "index.html")
    for number in range(2):
        name = f"2026-11-22/1-x/{number}"
        page.script("document.querySelector(`[data-id='${arguments[0]}']`).click()", name)
        page.wait(lambda: page.all("dialog .settings"))
        page.press(Keys.ESCAPE)
        page.wait(lambda: not page.all("dialog[open]"))
    assert page.script("window.ran") is None
    page.script("document.querySelector(`[data-id='${arguments[0]}']`).click()", name)
    page.wait(lambda: page.all("dialog .settings"))
    assert len(page.all("dialog figure svg")) == 4
    assert page.all("dialog figure svg :not(polyline)") == []
    assert page.all("dialog figure [onload], dialog figure [href]") == []


def test_all_batches_on_one_page(page, tmp_path):
    for day, title in ((20, "a fox"), (22, "a lighthouse")):
        folder = tmp_path / f"2026-11-{day}" / "1-x"
        for number in range(2):
            save(folder, number)
            save_metrics(folder, number)
        pictures = [entry(number, prompt=title, seed=day + number) for number in range(2)]
        manifest(folder, pictures, made=f"2026-11-{day}T12:00:00+00:00", title=title)
        pages.update(folder, now=True)
    page.open(tmp_path / "index.html")
    assert page.text("h1") == "All pictures"
    assert page.texts("#wall h2") == [
        "Sunday, November 22, 2026", "Friday, November 20, 2026",
    ]  # fmt: skip
    assert page.texts("#wall .text") == ["a lighthouse"] * 2 + ["a fox"] * 2
    page.choose("batch", "2026-11-20/1-x/")
    assert page.texts("#wall .text") == ["a fox"] * 2
    page.click("#wall .card")
    page.wait(lambda: page.all("dialog .settings"))
    assert page.loaded("dialog .stage img") == 96
    page.click("dialog a[href='2026-11-20/1-x/index.html']")
    page.wait(lambda: page.text("h1") == "a fox")


def test_in_chinese(page, folder):
    page.open(folder / "index.html", language="zh")
    assert page.script("document.documentElement.lang") == "zh-Hans"
    assert "已画 10 / 12" in page.text("#progress")
    page.click("#language")
    assert page.script("document.documentElement.lang") == "en"
    assert "10 of 12 drawn" in page.text("#progress")


def test_a_page_without_its_data_says_what_to_do(page, tmp_path):
    save(tmp_path, 0)
    pages.update(tmp_path, now=True)
    os.remove(tmp_path / "gallery-data.js")
    page.open(tmp_path / "index.html")
    assert "python run.py gallery=" in page.text("#message")


@pytest.mark.parametrize("width", [360, 800, 1600])
def test_no_width_makes_the_page_scroll_sideways(page, folder, width):
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        page.open(folder / "index.html")
        wider = (
            "(node => node.scrollWidth - node.clientWidth)(document.querySelector(arguments[0]))"
        )
        assert page.script(wider, "html") <= 0
        page.look_into(0)
        assert page.script(wider, "dialog") <= 0
    finally:
        page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
