"""Measures the gallery page of many pictures: python -m benchmarks.gallery [count, default 1000]

Prints how long its files take to make, and one more picture in it; how large the thumbnails are;
and how long headless Chromium takes, from the address to every card in its place, and from a
filter chosen to the next frame painted. With Chromium, its driver and selenium.
"""

import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from guided.gallery import pages
from tests.gallery.batches import entry, manifest, paint, save, save_metrics
from tests.gallery.conftest import start

if TYPE_CHECKING:
    from selenium.webdriver.remote.webdriver import WebDriver

ARTISTS = ("hokusai", "turner", "monet", "hiroshige", "klee")
ROUNDS = 5
BUSY = 0.08  # noise, more than a finished drawing has
# From the choice to the first moment when the browser has painted it.
FILTER = """
const [act, done] = [arguments[0], arguments[1]];
const before = performance.now();
new Function(act)();
requestAnimationFrame(() => setTimeout(() => done(performance.now() - before)));
"""
BY_ARTIST = """
const select = document.querySelector('[data-name=artist]');
select.value = '%s';
select.dispatchEvent(new Event('change'));
"""
BY_TEXT = """
const search = document.getElementById('search');
search.value = '%s';
search.dispatchEvent(new Event('input'));
"""
BY_SCORE = """
const sort = document.getElementById('sort');
sort.value = 'score';
sort.dispatchEvent(new Event('change'));
"""


def main(many: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "2026-11-22" / "142233-many"
        fill(folder, many)
        print(f"{many} pictures")
        report("all files made", seconds(lambda: pages.update(folder, now=True)))
        one_more(folder, many)
        report("one picture more", seconds(lambda: pages.update(folder, now=True)))
        report("nothing new", seconds(lambda: pages.update(folder, now=True)))
        for what, files in (("thumbnails", "*.webp"), ("details", "*.js")):
            sizes = [path.stat().st_size for path in (folder / "thumbs").glob(files)]
            print(
                f"{what:>18} {sum(sizes) / 1e6:8.2f} MB  ({statistics.mean(sizes) / 1e3:.1f} KB)"
            )
        data = (folder / "gallery-data.js").stat().st_size
        print(f"{'data':>18} {data / 1e6:8.2f} MB")
        look(folder / "index.html", many + 1)


def fill(folder: Path, many: int) -> None:
    """Write a sweep of artists and scales, with metrics of every picture."""
    rows = [
        {"words": [f"artist={artist}", f"guide.clip.scale={scale}"], "settings": {}}
        for artist in ARTISTS
        for scale in (500, 1000, 2000, 4000)
    ]
    first = save(folder, 0, paint(0, (384, 256), BUSY))
    for number in range(1, many):
        # Twenty pictures, over and over: painting a thousand would take longer than all the rest.
        kind = number % 20
        if number == kind:
            save(folder, number, paint(number, (384, 256), BUSY))
        else:
            shutil.copy2(
                first.with_name(f"image_{kind:04d}.png"), folder / f"image_{number:04d}.png"
            )
        save_metrics(folder, number)
    save_metrics(folder, 0)
    pictures = [
        entry(k, row=k % len(rows), seed=k, score=k * 7919 % many / many, prompt=prompt(k))
        for k in range(many)
    ]
    manifest(folder, pictures, rows)


def prompt(number: int) -> str:
    animal = ("fox", "heron", "carp", "crane", "tiger")[number // 7 % 5]
    return f"a {animal} at the edge of a lake, mist over the reeds, morning light, number {number}"


def one_more(folder: Path, number: int) -> None:
    content = json.loads((folder / "manifest.json").read_text())
    content["pictures"].append(entry(number))
    save(folder, number, paint(number, (384, 256), BUSY))
    save_metrics(folder, number)
    (folder / "manifest.json").write_text(json.dumps(content))


def look(page: Path, cards: int) -> None:
    browser = start()
    if isinstance(browser, str):
        print(browser)
        return
    try:
        report("opened", *(opened(browser, page, cards) for _ in range(ROUNDS)))
        browser.set_script_timeout(60)
        for what, acts in (
            ("filter by artist", [BY_ARTIST % artist for artist in (*ARTISTS, "")]),
            ("filter by text", [BY_TEXT % text for text in ("h", "her", "heron reeds", "12", "")]),
            ("sort by score", [BY_SCORE] * 3),
        ):
            report(what, *(browser.execute_async_script(FILTER, act) / 1000 for act in acts))
    finally:
        browser.quit()


def opened(browser: "WebDriver", page: Path, cards: int) -> float:
    """Return the seconds until a page shows all its cards."""
    count = "return document.querySelectorAll('#wall .card').length"
    browser.get("about:blank")
    before = time.perf_counter()
    browser.get(page.as_uri())
    while browser.execute_script(count) != cards:
        time.sleep(0.01)
    browser.execute_async_script("requestAnimationFrame(() => setTimeout(arguments[0]))")
    return time.perf_counter() - before


def seconds(act: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    before = time.perf_counter()
    act()
    return time.perf_counter() - before


def report(what: str, *values: float) -> None:
    """Print the median and the range of values."""
    spread = f"  (from {min(values):.2f} to {max(values):.2f})" if len(values) > 1 else ""
    print(f"{what:>18} {statistics.median(values):8.2f} s{spread}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
