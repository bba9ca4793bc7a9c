import html as html_text
import json
import re

import numpy as np
import pytest

from guided.animation.film import read_film
from guided.animation.settings import Animation
from guided.gallery import page, preview

SIZE = (64, 48)


def film(**settings):
    return read_film(Animation(**settings), 12, 6, 3, SIZE)


def html(made, **about):
    return preview.render(made, {"title": "a <b>rose", "time": "2 min", **about})


def data(text):
    return json.loads(re.search(r"const DATA = (.*);\n", text)[1])


def test_the_page_has_the_curves_of_what_varies_and_no_other():
    varied = {"guide.clip.scale": "4000 - 100*t", "sampler.eta": 1}
    text = html(film(angle="0: (0), 6: (30)", zoom=1.02, vary=varied))
    assert re.findall(r"<figcaption><span>([\w.]+)</span><b>(.*?)</b>", text) == [
        ("angle", "0 to 30"),
        ("guide.clip.scale", "2900 to 4000"),
    ]
    assert "keys · 关键帧: 0, 6" in text
    assert "12 frames" in text
    assert "2 min" in text
    assert "of them drawn" not in text
    assert "5 of them drawn" in html(film(cadence=3))


def test_prompts_are_escaped_and_only_the_pages_own_script_runs():
    text = html(film(prompts={0: "<script>alert(1)</script>", 6: "a"}))
    assert "<script>alert" not in text
    assert "a &lt;b&gt;rose" in text
    [program] = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    policy = html_text.unescape(text)
    assert page.digest(program) in policy
    assert "default-src 'none'" in policy


def test_the_view_of_two_dimensions_follows_the_picture():
    found = data(html(film(translation_x=2, zoom=1)))
    frames = [np.array(one).reshape(3, 4) for one in found["frames"]]
    for k, matrix in enumerate(frames):
        x, y, w = matrix @ [10, 20, 0, 1]
        assert (x / w, y / w) == pytest.approx((10 + 2 * k, 20))


def test_the_view_of_three_dimensions_is_a_pinhole():
    found = data(html(film(mode="3d", translation_z=10)))
    focal = 24 / np.tan(np.radians(20))
    for k, one in enumerate(found["frames"]):
        x, y, w = np.array(one).reshape(3, 4) @ [50, -30, 500, 1]
        assert x / w == pytest.approx(32 + focal * 50 / (500 - 10 * k), abs=1e-3)
        assert y / w == pytest.approx(24 - focal * 30 / (500 - 10 * k), abs=1e-3)


def test_the_path_is_drawn_in_three_dimensions_only(tmp_path):
    assert "From above" not in html(film(angle=3))
    written = preview.write(tmp_path, film(mode="3d", translation_x=5), {"title": "", "time": ""})
    assert written.read_text().count("<circle") == 2


INK = """
const scene = document.querySelector("#scene").getContext("2d");
return [...scene.getImageData(0, 0, 640, 480).data]
    .filter((_, k) => k % 4 === 0).reduce((one, other) => Math.max(one, other), 0)
"""


def test_the_lines_follow_the_scheme_while_the_page_is_open(tmp_path, chromium):
    wait = pytest.importorskip("selenium.webdriver.support.ui").WebDriverWait
    written = preview.write(tmp_path, film(mode="3d", translation_z=5), {"title": "", "time": ""})

    def scheme(name):
        value = {"features": [{"name": "prefers-color-scheme", "value": name}]}
        chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", value)

    def brightest():
        return chromium.execute_script(INK)

    scheme("light")
    try:
        chromium.get(written.as_uri())
        assert brightest() < 128
        scheme("dark")
        wait(chromium, 30).until(lambda _: brightest() > 128)
    finally:
        scheme("light")
