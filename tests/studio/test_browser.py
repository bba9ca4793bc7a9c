"""The studio's page in a real browser, with a server that draws when a test says so."""

import io
import re
import time

import pytest
from PIL import Image

from guided.studio import form
from guided.text import HAN
from tests import browser
from tests.gallery.conftest import chromium as chromium
from tests.studio.fake_server import Server, Studio

pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
from selenium.webdriver import ActionChains
from selenium.webdriver.common.keys import Keys

EVIL = "<img src=x onerror=evil()><script>evil()</script>\"'`${evil()}{{7*7}}<!--"


class Page(browser.Page):
    """The studio's page, and the server behind it."""

    def __init__(self, chromium, studio, server=None):
        super().__init__(chromium, patience=30 if server is None else 240)
        self.studio = studio
        self.server = server or Server(studio)
        self.begin(self.server.address, "en")
        self.ready()

    def load(self):
        """Open the page anew."""
        self.browser.get("about:blank")
        self.browser.get_log("browser")
        self.browser.get(self.server.address)
        self.ready()

    def ready(self):
        self.wait(lambda: self.all("#create:not([aria-busy])"))
        self.wait(lambda: self.all("#wall .card, #message:not([hidden])"))

    def chips(self):
        return self.script("[...document.querySelectorAll('.chip')].map(c => c.innerText.trim())")

    def wall(self):
        """The pictures on the wall, in its order."""
        return self.script("[...document.querySelectorAll('#wall .card')].map(c => c.dataset.id)")

    def open_picture(self, id):
        self.click(f"#wall .card[data-id='{id}'] .frame")
        self.wait(lambda: self.all("#lightbox[open] .making .settings"))

    def draw(self, prompt=None):
        """The id of the prediction that a click on Draw queues."""
        if prompt is not None:
            self.clear("#prompt")
            self.type("#prompt", prompt)
        before = list(self.studio.predictions)
        self.click("#draw")
        self.wait(lambda: len(self.studio.predictions) > len(before))
        return list(self.studio.predictions)[-1]

    def sent(self):
        """The input of the last prediction, as the page sent it."""
        (*_, last) = (body["input"] for verb, _, body in self.studio.sent if verb == "PUT")
        return last


@pytest.fixture
def studio():
    return Studio(pictures=9)


@pytest.fixture
def page(chromium, studio):
    page = Page(chromium, studio)
    yield page
    page.server.end()


# ---- drawing


def test_a_picture_from_prompt_to_wall(page, studio):
    page.type("#prompt", "a red heart")
    page.told("#estimate", "about 31 s · 0.9 GB · measured here")
    id = page.draw()
    assert page.sent() == {"prompt": "a red heart"}
    page.told("#queue", "a red heart")
    studio.begin(id)
    studio.step(id, 1)
    studio.step(id, 2)
    page.told("#queue .told", "step 2 of 5 · 6 s left")
    page.wait(lambda: page.script("document.querySelector('.preview img').naturalWidth") == 64)
    page.wait(lambda: page.all("#queue polyline"))
    page.wait(lambda: page.value("#queue progress") == pytest.approx(0.4))
    picture = studio.finish(id)
    page.wait(lambda: page.wall() and page.wall()[0] == picture["id"])
    page.wait(lambda: not page.shows("#queue"))
    assert page.errors() == []


def test_all_that_is_sent_is_shown_and_nothing_else_is_sent(page):
    page.type("#prompt", "a fox")
    page.click("#adjust")
    page.told("#chips", "250 steps")  # of the model: shown, and not sent
    page.click("[data-key=pick-artist]")
    page.click("[data-key=tile-artist-hokusai]")
    page.click("[data-key=shape-landscape]")
    page.click("[data-key=count-4]")
    page.click("[data-key=seed-locked]")
    page.type("[data-key=negative]", "fog")
    page.type("[data-key=steps]", "60")
    seed = int(page.value("[data-key=seed]"))
    sent = [
        "Katsushika Hokusai",
        "144 × 112",
        "4 pictures",
        f"seed {seed}",
        "not: fog",
        "60 steps",
    ]
    page.wait(lambda: sorted(page.chips()) == sorted(sent))
    page.draw()
    assert page.sent() == {
        "prompt": "a fox",
        "artist": ["hokusai"],
        "size": [144, 112],
        "count": 4,
        "seed": seed,
        "negative": "fog",
        "steps": 60,
    }
    page.click(".chip[data-name=negative] .off")
    page.click(".chip[data-name=artist] .off")
    page.draw()
    assert page.sent() == {
        "prompt": "a fox",
        "size": [144, 112],
        "count": 4,
        "seed": seed,
        "steps": 60,
    }


def test_a_wrong_setting_is_told_before_drawing_and_marked(page):
    page.type("#prompt", "a fox")
    page.click("#adjust")
    page.type("[data-key=steps]", "0")
    page.told("#estimate", "steps=0 must be a whole number from 1 to 4096; the nearest is 1")
    page.wait(lambda: page.all(".chip.wrong[data-name=steps]"))


LAST_USUAL = "#chips .usual:nth-last-child(1 of .usual)"  # of what is used without being set
# Whether nothing covers a node, at its left.
UNCOVERED = """(node => {
    const box = node.getBoundingClientRect();
    return node.contains(document.elementFromPoint(box.left + 5, box.top + box.height / 2));
})(document.querySelector(arguments[0]))"""


@pytest.mark.parametrize("width", [390, 900, 1100, 1600])
def test_the_settings_cover_nothing_of_what_will_be_sent(page, width):
    metrics = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 700}
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        page.type("#prompt", "a fox")
        page.click("#adjust")
        page.type("[data-key=negative]", "fog")
        page.wait(lambda: page.chips() == ["not: fog"])
        page.told("#estimate", "measured here")
        page.script("document.activeElement.blur()")
        for shown in (".chip[data-name=negative]", LAST_USUAL, "#estimate"):
            page.wait(lambda shown=shown: page.script(UNCOVERED, shown))
        tops = "[...document.querySelectorAll('.shapes button')].map(b => b.offsetTop)"
        assert len(set(page.script(tops))) == 1  # the shapes are one row
    finally:
        page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


TILES = "[...document.querySelectorAll('.tile')].map(t => t.innerText)"


def test_artists_have_pictures_of_ones_own_as_thumbnails(page):
    page.click("#adjust")
    page.click("[data-key=pick-artist]")
    page.wait(lambda: page.all("[data-key=tile-artist-turner] img"))
    source = page.script("document.querySelector('[data-key=tile-artist-turner] img').src")
    turners = [p["thumb"] for p in page.studio.pictures if p["artist"] == ["turner"]]
    assert any(source.endswith(thumb) for thumb in turners)
    assert "not drawn yet" not in page.text(".picker")
    page.type("[data-key=search-artist]", "hok")
    page.wait(lambda: page.script(TILES) == ["Katsushika Hokusai"])


def test_others_show_what_the_included_models_make_of_them_or_their_colours(page):
    page.click("#adjust")
    page.click("[data-key=pick-look]")
    assert page.loaded("[data-key=tile-look-woodcut] img") == 96
    page.told(".picker", "a tiger: as the included models draw it")
    stripes = "document.querySelectorAll('[data-key=tile-look-bronze] .colours i').length"
    assert page.script(stripes) == 3
    assert page.text("[data-key=tile-look-fine] .initial") == "f"
    assert page.errors() == []


# ---- the queue


def test_the_queue_is_reordered_and_one_is_canceled(page, studio):
    first, second, third = (page.draw(f"number {k}") for k in range(3))
    rows = "[...document.querySelectorAll('.waiting .text')].map(t => t.innerText)"
    page.wait(lambda: page.script(rows) == ["number 0", "number 1", "number 2"])
    page.click(f".waiting [data-id='{third}'] [data-verb=sooner]")
    page.wait(lambda: studio.order == [first, third, second])
    page.wait(lambda: page.script(rows) == ["number 0", "number 2", "number 1"])
    page.click(f".waiting [data-id='{first}'] [data-verb=cancel]")
    page.wait(lambda: page.script(rows) == ["number 2", "number 1"])
    assert studio.predictions[first]["status"] == "canceled"


def test_the_queue_is_reordered_by_dragging(page, studio):
    first, second, third = (page.draw(f"number {k}") for k in range(3))
    rows = "[...document.querySelectorAll('.waiting .text')].map(t => t.innerText)"
    page.wait(lambda: page.script(rows) == ["number 0", "number 1", "number 2"])
    page.told("#estimate", "measured here")  # nothing moves below it any more
    dragged = ["number 2", "number 0", "number 1"]

    def drag():
        """Hold the last row's grip above the first row; False if the page moved meanwhile."""
        grip = page.one(f".waiting [data-id='{third}'] .place")
        target = page.one(f".waiting [data-id='{first}'] .text")
        hold = ActionChains(page.browser).click_and_hold(grip)
        hold.move_to_element_with_offset(target, 0, -5).perform()
        if page.script(rows) == dragged:
            return True
        ActionChains(page.browser).release().perform()
        return False

    page.wait(drag)
    assert studio.order == [first, second, third]  # not before it is let go
    studio.say("queue", {"paused": False, "order": studio.order})  # replaces nothing meanwhile
    ActionChains(page.browser).release().perform()
    page.wait(lambda: studio.order == [third, first, second])
    page.wait(lambda: page.script(rows) == dragged)


def test_a_click_counts_though_the_queue_changes_while_the_button_is_pressed(page, studio):
    first, second, third = (page.draw(f"number {k}") for k in range(3))
    studio.begin(first)
    page.wait(lambda: len(page.all(".waiting li")) == 2)
    page.told("#estimate", "measured here")  # nothing moves below it any more
    pressed = page.one(f".waiting [data-id='{third}'] [data-verb=cancel]")
    ActionChains(page.browser).click_and_hold(pressed).perform()
    studio.say("state", studio.predictions[first])
    studio.say("queue", {"paused": True, "order": studio.order})
    page.told("#queue .head", "paused")
    ActionChains(page.browser).release().perform()
    page.wait(lambda: studio.predictions[third]["status"] == "canceled")
    assert studio.predictions[second]["status"] == "starting"


def test_what_waits_is_named_by_what_is_drawn(page, studio):
    page.open_picture("p4")
    page.click("[data-verb=again]")
    page.wait(lambda: studio.predictions)
    page.press(Keys.ESCAPE)
    page.told(".waiting .text", studio.find("p4")["prompt"])
    (again,) = studio.predictions
    studio.begin(again)
    page.told("#queue .prompt", studio.find("p4")["prompt"])
    studio.enqueue("other", {"regions": [{"box": [0, 0, 0.5, 1], "prompt": "a tree"}]})
    page.told(".waiting .text", "a tree")


def test_the_first_picture_waits_for_the_models(chromium):
    page = Page(chromium, Studio())
    try:
        page.told("#message", "Nothing has been drawn yet.")
        id = page.draw("a fox")
        page.wait(lambda: not page.shows("#message"))
        page.studio.say("worker", {"device": "auto", "state": "starting", "prediction": None})
        page.told("#queue .head", "loading the models")
        page.studio.say("worker", {"device": "auto", "state": "drawing", "prediction": id})
        page.wait(lambda: "loading" not in page.text("#queue .head"))
    finally:
        page.server.end()


def test_a_failure_says_why_and_the_next_is_drawn(page, studio):
    first, second = page.draw("one"), page.draw("two")
    studio.begin(first)
    studio.fail(first, "out of memory: try size=64")
    page.told("#queue .failed", "out of memory: try size=64")
    studio.begin(second)
    page.told("#queue .drawing", "two")
    page.click("#queue .failed [data-verb=resumeRun]")
    page.wait(lambda: studio.order == [first])
    page.wait(lambda: not page.all("#queue .failed"))


def test_a_stopped_run_is_resumed_from_one_of_its_pictures(page, studio):
    id = page.draw("a fox")
    studio.begin(id)
    picture = studio.finish(id)["id"]
    page.open_picture(picture)
    assert not page.all("#lightbox [data-verb=resumeRun]")
    page.press(Keys.ESCAPE)
    studio.predictions[id] |= {"status": "canceled"}
    page.open_picture(picture)
    page.click("#lightbox [data-verb=resumeRun]")
    page.wait(lambda: studio.order == [id])
    page.told("#toasts", "Queued.")


def test_a_run_is_stopped_and_the_queue_paused(page, studio):
    id = page.draw("one")
    studio.begin(id)
    page.click("#queue [data-verb=stop]")
    page.told("#queue .canceled", "one")
    page.draw("two")
    page.click("#queue [data-verb=pause]")
    page.told("#queue .head", "paused")
    assert studio.paused
    page.click("#queue .canceled [data-verb=dismiss]")
    page.wait(lambda: not page.all("#queue .canceled"))
    page.load()
    page.told("#queue", "two")
    assert not page.all("#queue .canceled")


def test_a_reload_in_the_middle_loses_nothing(page, studio):
    id = page.draw("a fox")
    page.click("#adjust")
    page.type("[data-key=steps]", "60")
    studio.begin(id)
    studio.step(id, 2)
    page.told("#queue .told", "step 2 of 5")
    page.load()
    page.told("#queue .told", "step 2 of 5")
    assert page.value("#prompt") == "a fox"
    assert page.chips() == ["60 steps"]
    studio.step(id, 3)
    page.told("#queue .told", "step 3 of 5")


def test_a_restart_of_the_server_in_the_middle_loses_nothing(page, studio):
    id = page.draw("a fox")
    studio.begin(id)
    studio.step(id, 2)
    page.told("#queue .told", "step 2 of 5")
    port = page.server.port
    page.server.end()
    page.wait(lambda: page.shows("#offline"))
    studio.token = studio.epoch = "another"
    studio.predictions[id] |= {"status": "starting", "position": 0}
    studio.order = [id]
    page.server = Server(studio, port)
    page.wait(lambda: not page.shows("#offline"))
    page.told("#queue .waiting", "a fox")
    studio.begin(id)
    studio.step(id, 4)
    page.told("#queue .told", "step 4 of 5")
    page.draw("an owl")  # with the new token
    page.told("#queue .waiting", "an owl")


def test_a_click_while_the_server_is_away_draws_once_when_it_is_back(page, studio):
    page.type("#prompt", "a fox")
    port = page.server.port
    page.server.end()
    page.click("#draw")
    time.sleep(0.3)
    page.server = Server(studio, port)
    page.wait(lambda: studio.predictions)
    page.told("#queue", "a fox")
    assert len(studio.predictions) == 1


def test_two_pages_see_the_same(page, studio):
    first = page.browser.current_window_handle
    page.browser.switch_to.new_window("tab")
    second = page.browser.current_window_handle
    try:
        page.load()
        page.draw("from the second")
        page.browser.switch_to.window(first)
        page.told("#queue", "from the second")
    finally:
        page.browser.switch_to.window(second)
        page.browser.close()
        page.browser.switch_to.window(first)


# ---- initial picture and mask


@pytest.fixture
def photo(tmp_path):
    Image.new("RGB", (300, 200), "teal").save(tmp_path / "photo.png")
    return str(tmp_path / "photo.png")


def attach(page, photo):
    page.script("document.querySelector('#file').hidden = false")
    page.type("#file", photo)
    page.script("document.querySelector('#file').hidden = true")
    page.wait(lambda: "start from a picture" in page.chips())


def stroke(page, start, by):
    """Paints from a point of the mask, in shares of its sides, on by so many pixels."""
    canvas = page.one("#mask canvas")
    box = canvas.size
    offset = [
        round((share - 0.5) * side)
        for share, side in zip(start, (box["width"], box["height"]), strict=True)
    ]
    ActionChains(page.browser).move_to_element_with_offset(
        canvas, *offset
    ).click_and_hold().move_by_offset(*by).release().perform()


def mask_of(page):
    """The uploaded mask, as the server has it."""
    page.click("#mask .main")
    page.wait(lambda: "mask" in page.chips())
    name = page.script("JSON.parse(localStorage['guided-studio-draft']).mask")
    return Image.open(io.BytesIO(page.studio.uploads[name.removeprefix("upload:")])).convert("L")


def test_a_mask_is_painted_over_the_initial_picture(page, photo):
    attach(page, photo)
    page.click("[data-key=mask]")
    page.wait(lambda: page.all("#mask[open] canvas"))
    page.click("#mask .main")
    page.told("#toasts", "Nothing is painted yet.")
    stroke(page, (0.25, 0.5), (10, 0))
    mask = mask_of(page)
    assert mask.size == (300, 200)
    assert mask.getpixel((80, 100)) == 255
    assert mask.getpixel((250, 100)) == mask.getpixel((80, 20)) == 0
    page.click("#draw")
    page.wait(lambda: page.script("document.activeElement.id") == "prompt")  # what to draw?
    page.draw("a fox")
    assert set(page.sent()) == {"prompt", "init", "mask"}


def test_a_mask_is_inverted_erased_and_painted_on(page, photo):
    attach(page, photo)
    page.click("[data-key=mask]")
    page.wait(lambda: page.all("#mask[open] canvas"))
    page.click("#mask [data-tool=invert]")
    page.click("#mask [data-tool=erase]")
    stroke(page, (0.25, 0.5), (10, 0))
    mask = mask_of(page)
    assert mask.getpixel((80, 100)) == 0
    assert mask.getpixel((250, 100)) == 255
    page.click("[data-key=mask]")  # again: what was painted is there
    page.wait(lambda: page.all("#mask[open] canvas"))
    page.click("#mask [data-tool=erase]")
    stroke(page, (0.75, 0.5), (10, 0))
    page.click("#mask .main")
    page.wait(lambda: len(page.studio.uploads) == 3)
    (*_, last) = page.studio.uploads.values()
    again = Image.open(io.BytesIO(last)).convert("L")
    assert again.getpixel((230, 100)) == again.getpixel((80, 100)) == 0
    assert again.getpixel((150, 20)) == 255


def test_what_is_painted_is_taken_back_stroke_by_stroke(page, photo):
    attach(page, photo)
    page.click("[data-key=mask]")
    page.wait(lambda: page.all("#mask[open] canvas"))
    stroke(page, (0.25, 0.25), (10, 0))
    stroke(page, (0.25, 0.75), (10, 0))
    page.click("#mask [data-tool=invert]")
    page.click("#mask [data-tool=undo]")
    page.press(Keys.CONTROL + "z")  # the second stroke
    mask = mask_of(page)
    assert [mask.getpixel(at) for at in ((80, 50), (80, 150), (250, 100))] == [255, 0, 0]
    page.click("[data-key=mask]")
    page.wait(lambda: page.all("#mask[open] canvas"))
    stroke(page, (0.25, 0.75), (10, 0))
    page.click("#mask [data-tool=clear]")
    page.click("#mask [data-tool=undo]")
    page.click("#mask [data-tool=undo]")
    page.click("#mask [data-tool=redo]")
    page.press(Keys.ESCAPE)  # and what was painted is not lost by it
    page.wait(lambda: not page.all("#mask[open]"))
    page.told("#toasts", "The mask was not used.")
    page.click("#toasts button")
    page.wait(lambda: page.all("#mask[open] canvas"))
    page.click("#mask .main")
    page.wait(lambda: len(page.studio.uploads) == 3)
    (*_, last) = page.studio.uploads.values()
    again = Image.open(io.BytesIO(last)).convert("L")
    assert [again.getpixel(at) for at in ((80, 50), (80, 150), (250, 100))] == [255, 255, 0]


def test_a_picture_is_dropped_and_another_is_pasted(page):
    give = """(kind => {
        const canvas = Object.assign(document.createElement('canvas'), {width: 8, height: 8});
        canvas.toBlob(blob => {
            const data = new DataTransfer();
            data.items.add(new File([blob], 'a.png', {type: 'image/png'}));
            const rest = {bubbles: true, cancelable: true};
            document.body.dispatchEvent(kind === 'drop'
                ? new DragEvent('drop', {dataTransfer: data, ...rest})
                : new ClipboardEvent('paste', {clipboardData: data, ...rest}));
        });
    })(arguments[0])"""
    for count, kind in enumerate(("drop", "paste"), 1):
        page.script(give, kind)
        page.wait(lambda count=count: len(page.studio.uploads) == count)
    page.wait(lambda: page.chips() == ["start from a picture"])


def test_a_file_that_is_no_picture_is_refused_in_words(page, tmp_path):
    (tmp_path / "a.png").write_text("no picture")
    page.script("document.querySelector('#file').hidden = false")
    page.type("#file", str(tmp_path / "a.png"))
    page.told("#toasts", "the upload is no picture")


# ---- regions


def test_regions_are_drawn_as_boxes_with_prompts(page):
    page.click("#adjust")
    page.click("[data-key=regions]")
    page.wait(lambda: page.all("#regions[open] .board"))
    board = page.one(".board")
    half = board.size["width"] // 2
    drag = ActionChains(page.browser).move_to_element_with_offset(board, -half + 2, -half + 2)
    drag.click_and_hold().move_by_offset(half // 2, half).release().perform()
    page.press("a house")
    page.click("#regions .main")
    page.wait(lambda: page.chips() == ["1 region"])
    page.click("[data-key=regions]")
    page.click("#regions [data-tool=add]")
    page.click("#regions .main")
    page.told("#toasts", "Each region needs a prompt.")
    page.type(".regions li:nth-child(2) input", "a tree")
    page.type("[data-box='1']", Keys.ARROW_RIGHT)
    page.type("[data-box='1']", Keys.SHIFT + Keys.ARROW_DOWN)
    page.click("#regions .main")
    page.wait(lambda: page.chips() == ["2 regions"])
    page.draw("a garden")
    house, tree = page.sent()["regions"]
    assert house["prompt"] == "a house"
    assert house["box"] == pytest.approx([0, 0, 0.25, 0.5], abs=0.02)
    assert tree == {"box": [0.27, 0.25, 0.77, 0.77], "prompt": "a tree"}


# ---- the wall and the lightbox


def test_search_filters_and_favourites(page, studio):
    page.type("#search", "fog")
    page.wait(lambda: set(page.wall()) == {"p2", "p5", "p8"})
    page.clear("#search")
    page.type("#search", Keys.SPACE)
    page.select("#choices [data-name=artist]", "turner")
    page.wait(lambda: set(page.wall()) == {"p1", "p4", "p7"})
    page.open_picture("p4")
    page.click("[data-verb=favourite]")
    page.wait(lambda: studio.find("p4")["favourite"])
    page.press(Keys.ESCAPE)
    page.click("#favourites")
    page.wait(lambda: page.wall() == ["p4"])
    page.select("#choices [data-name=artist]", "")
    page.click("#favourites")
    page.wait(lambda: len(page.wall()) == 9)


@pytest.mark.parametrize(
    "verb, sent",
    [
        ("again", {"from": "p4", "seed": None}),
        ("upscale", {"from": "p4", "upscale": 2}),
    ],
)
def test_verbs_that_draw_at_once(page, studio, verb, sent):
    page.open_picture("p4")
    page.click(f"[data-verb={verb}]")
    page.wait(lambda: studio.predictions)
    assert page.sent() == sent


def test_vary_opens_the_settings_with_the_same_seed(page, studio):
    page.type("#prompt", "something else")
    page.open_picture("p4")
    page.click("[data-verb=vary]")
    page.wait(lambda: not page.all("#lightbox[open]"))
    page.wait(lambda: page.value("#prompt") == studio.find("p4")["prompt"])
    page.wait(lambda: set(page.chips()) == {"seed 4", "5 steps"})
    page.wait(lambda: page.shows("#few"))
    page.draw()
    assert page.sent() == studio.details(studio.find("p4"))["input"]


def test_a_picture_is_where_the_next_starts_or_what_it_is_like(page):
    page.open_picture("p4")
    page.click("[data-verb=useInit]")
    page.wait(lambda: page.chips() == ["start from a picture"])
    page.open_picture("p5")
    page.click("[data-verb=useLike]")
    page.wait(lambda: len(page.chips()) == 2)
    page.draw("a fox")
    assert page.sent() == {"prompt": "a fox", "init": "picture:p4", "image_prompt": ["picture:p5"]}


def test_two_pictures_are_compared_at_the_same_step(page):
    page.open_picture("p4")
    page.click("[data-verb=compare]")
    page.told("#comparing", "Choose the picture to compare with.")
    page.click("#wall .card[data-id=p6] .frame")
    page.wait(lambda: page.all("#compare[open] img"))
    assert page.text("#compare .settings").split() == ["seed", "4", "6"]
    page.type("#compare input", Keys.HOME + Keys.ARROW_RIGHT)
    page.told("#compare output", "step 3")
    sources = page.script("[...document.querySelectorAll('#compare img')].map(i => i.src)")
    assert [s.partition("/pictures/")[2] for s in sources] == ["p4/steps/3", "p6/steps/3"]


def test_trash_with_undo(page, studio):
    page.open_picture("p8")
    page.click("[data-verb=toTrash]")
    page.wait(lambda: "p8" not in [p["id"] for p in studio.pictures])
    page.told("#lightbox", "Moved to the trash.")
    colours = "(s => [s.color, s.backgroundColor])(getComputedStyle(arguments[0]))"
    ink, ground = page.script(colours, page.one("#toasts button"))
    assert ink != ground  # it can be read
    page.click("#toasts button")
    page.wait(lambda: "p8" in [p["id"] for p in studio.pictures])
    page.press(Keys.ESCAPE)
    page.wait(lambda: "p8" in page.wall())


def test_the_trash_is_shown_and_gives_back(page, studio):
    studio.picture_command("p3", "trash", None)
    page.wait(lambda: "p3" not in page.wall())
    page.click("#open-trash")
    page.wait(lambda: page.wall() == ["p3"])
    page.open_picture("p3")
    page.click("[data-verb=restore]")
    page.told("#message", "The trash is empty.")
    page.click("#open-trash")
    page.wait(lambda: "p3" in page.wall())


def test_a_picture_in_full_with_steps_curves_and_download(page):
    page.open_picture("p4")
    assert page.loaded(".stage img") == 64
    page.wait(lambda: len(page.all("#lightbox figure polyline")) == 2)
    page.type(".scrub", Keys.HOME)
    page.told(".scrubber output", "step 1 of 5")
    assert "guide.clip.scale" in page.script("document.querySelector('.settings').textContent")
    link = page.one("a.verb")
    assert link.get_attribute("href").endswith("/pictures/p4/file?download=true")
    page.press(Keys.ESCAPE)
    assert page.errors() == []


def test_five_thousand_pictures_and_no_blank_rows(chromium):
    """Only those near the window are in the document, and wherever one scrolls there are some."""
    page = Page(chromium, Studio(pictures=5000))
    try:
        page.wait(lambda: "5000 pictures" in page.text("#found"))
        height = page.script("document.documentElement.scrollHeight")
        assert height > 50_000
        inside = """(() => { const box = c => c.getBoundingClientRect();
            const seen = [...document.querySelectorAll('#wall .card')].filter(
                c => box(c).bottom > 0 && box(c).top < innerHeight);
            const tops = [...new Set(seen.map(c => Math.round(box(c).top)))].sort((a, b) => a - b);
            const gaps = tops.slice(1).map((t, k) => t - Math.max(...seen.filter(
                c => Math.round(box(c).top) === tops[k]).map(c => box(c).bottom)));
            return [seen.length, Math.max(0, ...gaps)]; })()"""
        for share in (0, 0.1, 0.33, 0.5, 0.92, 0.999):
            page.script("scrollTo(0, arguments[0])", share * height)
            # No gap is higher than the heading of a day.
            page.wait(lambda: (found := page.script(inside))[0] >= 6 and found[1] < 90)
            assert page.script("document.querySelectorAll('#wall .card').length") < 200
    finally:
        page.server.end()


def test_what_is_looked_at_stays_while_pictures_come_in(chromium):
    studio = Studio(pictures=400)
    page = Page(chromium, studio)
    try:
        page.wait(lambda: "400 pictures" in page.text("#found"))
        page.script("scrollTo(0, 3000)")
        page.script(
            "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )
        seen = (
            "[...document.querySelectorAll('.card')]"
            ".find(c => c.getBoundingClientRect().top > 100)"
        )
        id = page.script(f"{seen}.dataset.id")
        top = "document.querySelector(`[data-id='${arguments[0]}']`).getBoundingClientRect().top"
        before = page.script(top, id)
        for k in range(8):
            studio.pictures.insert(
                0, studio.picture(9000 + k, run="new", made="2026-11-29T12:00:00Z")
            )
            studio.say("picture", {"id": f"p{9000 + k}", "change": "made"})
        page.wait(lambda: "408 pictures" in page.text("#found"))
        assert page.script(top, id) == pytest.approx(before, abs=1)
    finally:
        page.server.end()


# ---- all settings


LABELS = """[...document.querySelectorAll('#form .field-row')].filter(r => r.checkVisibility())
    .map(r => r.querySelector('label').innerText)"""


def test_all_settings_are_found_set_and_saved_as_a_preset(page, studio):
    page.type("#prompt", "a fox")
    page.click("#open-form")
    page.wait(lambda: page.all("#form[open] .field-row"))
    page.type("#form input[type=search]", "eta")
    page.wait(lambda: page.script(LABELS) == ["sampler.eta"])
    for said in ("help of sampler.eta", "a number from 0 to 1", "default: 0.8"):
        page.told("#form .field-row:not([hidden])", said)
    page.type("[id='set-sampler.eta']", "0.3")
    page.clear("#form input[type=search]")
    page.type("#form input[type=search]", "sampler")
    page.select_text("#set-sampler", "dpmpp 2m")
    page.wait(lambda: page.shows("[id='set-sampler.eta-dpmpp_2m']"))  # the same, of that sampler
    assert page.value("[id='set-sampler.eta-dpmpp_2m']") == "0.3"
    page.select_text("#set-sampler", "plms")
    page.wait(lambda: page.shows("[id='set-sampler.eta']"))
    page.told("#form .field-row:not([hidden]):has([id='set-sampler.eta'])", "with sampler=ddim")
    page.type(".presets input", "mine")
    page.click(".presets form button")
    page.wait(lambda: studio.presets == {"mine": {"sampler.eta": 0.3, "sampler": "plms"}})
    page.press(Keys.ESCAPE)
    page.wait(lambda: not page.all("#form[open]"))
    page.wait(lambda: sorted(page.chips()) == ["sampler plms", "sampler.eta 0.3"])
    page.draw()
    assert page.sent() == {"prompt": "a fox", "sampler.eta": 0.3, "sampler": "plms"}


def test_pictures_are_chosen_in_the_form(page, photo):
    page.click("#open-form")
    page.wait(lambda: page.all("#form[open] .field-row"))
    row = ".field-row:has([id='set-image_prompt'])"
    page.script("document.querySelector(arguments[0]).hidden = false", f"{row} input[type=file]")
    page.type(f"{row} input[type=file]", photo)
    assert page.loaded(f"{row} img") == 300
    page.press(Keys.ESCAPE)
    page.wait(lambda: page.chips() == ["like a picture"])


def test_a_film_is_shown_before_it_is_drawn(page, studio):
    page.type("#prompt", "a rose")
    page.click("#adjust")
    page.wait(lambda: page.all("[data-key=animate]"))
    page.select_text("[data-key=animate]", "slow zoom")
    page.type("[data-key=frames]", "24")
    page.wait(lambda: sorted(page.chips()) == ["24 frames", "film: slow zoom"])
    page.told("#chips", "12 per second")  # is used without being set
    page.click("[data-key=film]")
    page.wait(lambda: page.all("#sight[open] iframe"))
    page.browser.switch_to.frame(page.one("#sight iframe"))
    try:
        page.told("body", "the film of a rose")
    finally:
        page.browser.switch_to.default_content()
    page.press(Keys.ESCAPE)
    page.wait(lambda: not page.all("#sight[open]"))
    page.draw()
    assert page.sent() == {"prompt": "a rose", "animate": "slow_zoom", "frames": 24}
    page.click("#adjust")
    page.wait(lambda: page.all("[data-key=animate]"))
    page.select("[data-key=animate]", "")
    page.wait(lambda: page.chips() == [])  # what is of films goes with it


def test_a_preset_is_used(page, studio):
    studio.presets["mine"] = {"sampler": "plms", "steps": 60}
    page.click("#open-form")
    page.click(".presets .controls button")
    page.press(Keys.ESCAPE)
    page.wait(lambda: sorted(page.chips()) == ["60 steps", "sampler plms"])


def test_a_wrong_value_says_in_the_form_what_is_right(page):
    page.type("#prompt", "a fox")
    page.click("#open-form")
    page.wait(lambda: page.all("#form[open] .field-row"))
    page.type("#set-steps", "0")
    page.told(".field-row.wrong .fault", "steps=0 must be a whole number from 1 to 4096")
    page.type("#set-steps", Keys.BACKSPACE + "7")
    page.wait(lambda: not page.all(".field-row.wrong"))
    assert page.text(".fault") == ""


@pytest.mark.parametrize("clipboard", [True, False])  # there is none without HTTPS
def test_the_command_is_copied(page, clipboard):
    if not clipboard:
        page.browser.execute_script(
            "Object.defineProperty(navigator, 'clipboard', {value: undefined})"
        )
    command = 'python run.py prompt="a fox"'
    page.type("#prompt", "a fox")
    page.wait(
        lambda: (
            command in page.script("document.querySelector('#notes details')?.textContent ?? ''")
        )
    )
    page.click("#notes summary")
    page.click("#notes .copy")
    page.told("#notes .copy", "Copied")
    page.type("#search", Keys.CONTROL, "v")
    page.wait(lambda: page.value("#search") == command)


# ---- everybody


def test_the_keyboard_alone(page, studio):
    page.press("/")
    page.press("a fox", Keys.CONTROL + Keys.ENTER)
    page.wait(lambda: studio.predictions)
    assert page.sent() == {"prompt": "a fox"}
    page.told("#queue", "a fox")
    page.press(Keys.ESCAPE)
    page.wait(lambda: page.script("document.activeElement === document.body"))
    page.press(Keys.ARROW_DOWN)
    first = page.wall()[0]
    page.wait(lambda: page.script("document.activeElement.dataset.id") == first)
    page.press(Keys.ARROW_RIGHT)
    page.press(Keys.ENTER)
    page.wait(lambda: page.all("#lightbox[open]"))
    page.press(Keys.ARROW_LEFT)
    page.wait(lambda: page.script("location.hash") == f"#{first}")
    page.press(Keys.ESCAPE)
    page.wait(lambda: page.script("document.activeElement.dataset.id") == first)


@pytest.mark.parametrize("width", [360, 1600])
def test_no_width_makes_the_page_scroll_sideways(page, photo, width):
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 700}
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    wider = "(node => node.scrollWidth - node.clientWidth)(document.querySelector(arguments[0]))"
    try:
        attach(page, photo)
        page.studio.begin(page.draw("a lighthouse " * 20))
        page.draw("w" * 300)
        page.click("#adjust")
        page.click("[data-key=pick-artist]")
        assert page.script(wider, "html") <= 0
        assert page.script(wider, "#few") <= 0
        page.press(Keys.ESCAPE)
        page.wait(lambda: not page.shows("#few"))
        page.click("#open-form")
        page.wait(lambda: page.all("#form[open] .field-row"))
        assert page.script(wider, "#form") <= 0
        page.press(Keys.ESCAPE)
        page.wait(lambda: not page.all("#form[open]"))
        page.open_picture("p4")
        assert page.script(wider, "#lightbox") <= 0
    finally:
        page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_in_chinese(page, studio):
    page.click("#language")
    page.told("#draw", "开始画")
    assert page.script("document.documentElement.lang") == "zh-Hans"
    page.click("#adjust")
    page.click("[data-key=pick-artist]")
    page.told(".tiles", "葛饰北斋")
    studio.begin(page.draw("a fox"))
    page.told("#queue .drawing", "停止")
    page.click("#open-form")
    page.type("#form input[type=search]", "eta")
    page.told("#form .field-row:not([hidden])", "0 到 1 的数")
    page.click("#form .head .round")
    page.wait(lambda: not page.all("#form[open]"))
    page.click("#language")
    page.told("#draw", "Draw")
    page.told("#queue .drawing", "Stop")


IN_CHINESE = """
const [texts, tell] = arguments;
import("/page/helps-zh.js").then(({inChinese}) => tell(texts.map(inChinese)), tell);
"""


def test_every_help_and_range_of_the_form_has_chinese(page):
    texts = sorted({text for item in form.items() for text in (item.help, item.allowed) if text})
    values = re.compile(r"[\w:]+(, [\w:]+)+")  # names of choices, which stay as they are
    told = page.browser.execute_async_script(IN_CHINESE, texts)
    lacking = [
        text
        for text, said in zip(texts, told, strict=True)
        if not HAN.search(said) and not values.fullmatch(text)
    ]
    assert len(texts) > 150 and lacking == []
    # Names of settings and of values are the same in both.
    numbers = re.compile(r"\d+")
    for text, said in zip(texts, told, strict=True):
        if " number " in text:
            assert numbers.findall(text) == numbers.findall(said)


def test_nothing_moves_when_a_panel_opens_over_the_page(page):
    place = "document.querySelector('#draw').getBoundingClientRect().left"
    before = page.script(place)
    page.click("#open-form")
    page.wait(lambda: page.all("#form[open]"))
    assert page.script(place) == before


def test_texts_from_outside_are_texts(page, studio):
    picture = studio.picture(50, prompt=EVIL, unwanted=EVIL, artist=[EVIL], model=[EVIL])
    studio.pictures.insert(0, picture)
    studio.say("picture", {"id": "p50", "change": "made"})
    page.wait(lambda: "p50" in page.wall())
    page.open_picture("p50")
    assert page.script("document.querySelector('#lightbox .prompt').textContent") == EVIL
    page.press(Keys.ESCAPE)
    page.wait(lambda: not page.all("#lightbox[open]"))
    id = page.draw(EVIL)
    studio.begin(id)
    studio.fail(id, EVIL)
    page.told("#queue .failed", "evil()")
    assert page.all("img[src=x], script:not([src])") == []
    assert page.errors() == []


def test_the_policy_lets_no_other_script_run(page):
    page.browser.execute_script(
        "document.body.insertAdjacentHTML('beforeend', '<img src=/nowhere onerror=window.ran=1>')"
    )
    page.wait(lambda: any("Content Security Policy" in line for line in page.errors()))
    assert page.script("window.ran") is None


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(page, studio, scheme):
    """https://github.com/dequelabs/axe-core"""
    axe = pytest.importorskip("axe_core_python.base", reason="axe-core-python is not installed")
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)

    def faults():
        page.browser.set_script_timeout(page.patience * 4)
        page.browser.execute_script(axe.AXE_SCRIPT)
        found = page.browser.execute_async_script(
            "const done = arguments[0]; axe.run().then(r => done(r.violations.filter("
            "v => ['serious', 'critical'].includes(v.impact)).map("
            "v => v.id + ' ' + v.nodes.map(n => n.html).join(' '))))"
        )
        return found

    try:
        studio.begin(page.draw("a fox"))
        failed = page.draw("an owl")
        studio.order.remove(failed)
        studio.fail(failed, "out of memory")
        page.click("#adjust")
        page.click("[data-key=pick-artist]")
        page.wait(lambda: page.all(".tile"))
        assert faults() == []
        page.press(Keys.ESCAPE)
        page.click("#open-form")
        page.wait(lambda: page.all("#form[open] .presets form"))
        assert faults() == []
        page.press(Keys.ESCAPE)
        page.wait(lambda: not page.all("#form[open]"))
        page.open_picture("p4")
        assert faults() == []
        page.click("[data-verb=compare]")
        page.click("#wall .card[data-id=p6] .frame")
        page.wait(lambda: page.all("#compare[open] img"))
        assert faults() == []
    finally:
        page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
