"""How a batch is doing: what is left at the rate so far."""

import re

import pytest

from guided.batch.throughput import Throughput, duration
from guided.runs.manifest import Manifest, Picture


def manifest(*states):
    return Manifest("x", {}, [], [Picture(k, 0, 1, state=s) for k, s in enumerate(states)])


def test_time_left_follows_from_the_rate_since_this_process_began():
    tally = Throughput()
    tally.count(manifest("done", "running", "queued", "queued", "queued"))
    tally.began -= 100  # a hundred seconds ago
    tally.count(manifest("done", "done", "done", "running", "queued"))
    # Two in a hundred seconds: 72 an hour, and a hundred seconds for two more.
    assert tally.text() == "3 of 5 pictures, 72 an hour, 2 min left"


def test_frames_of_a_film_are_called_so():
    tally, made = Throughput(), manifest("done", "queued")
    for number, one in enumerate(made.pictures):
        one.frame = number
    tally.count(made)
    assert tally.text() == "1 of 2 frames"


def test_what_failed_is_no_longer_waited_for():
    tally = Throughput()
    tally.count(manifest("queued", "queued", "queued"))
    tally.began -= 60
    tally.count(manifest("done", "failed", "queued"))
    assert tally.text() == "1 of 3 pictures, 60 an hour, 60 s left"


def test_a_line_is_told_now_and_then_and_once_at_the_end():
    tally = Throughput()
    tally.count(manifest("queued", "queued"))
    assert tally.line() is None
    tally.printed -= 60
    assert tally.line() is not None
    assert tally.line() is None
    tally.count(manifest("done", "done"))
    assert tally.line() is not None
    assert tally.line() is None


def test_one_picture_needs_no_lines():
    tally = Throughput()
    tally.count(manifest("done"))
    assert tally.line() is None


def test_durations_are_read_at_a_glance():
    assert [duration(s) for s in (5, 300, 7200, 1e6)] == ["5 s", "5 min", "2.0 h", "12 days"]


def test_rates_are_plain_numbers():
    throughput = Throughput()
    throughput.count(manifest("queued", "queued"))
    throughput.began -= 2.093
    throughput.count(manifest("done", "queued"))
    assert throughput.text().startswith("1 of 2 pictures, 1720 an hour, ")


def test_loading_and_the_steps_of_earlier_processes_are_not_in_the_rate():
    """A picture resumed at half, ten seconds for a tenth of it, after a minute of loading: 36 an
    hour, so 40 s for the rest of it and 200 s for two more."""
    throughput = Throughput()
    throughput.count(manifest("running", "queued", "queued"))
    throughput.began -= 60
    throughput.begin(0, 0.5)
    throughput.began -= 10
    assert throughput.hourly(0.6) == pytest.approx(36, rel=1e-3)
    assert throughput.time_left(0.6) == "4 min left"
    throughput.began -= 40
    throughput.count(manifest("done", "running", "queued"))
    throughput.begin(5, 0)
    assert throughput.hourly() == pytest.approx(36, rel=1e-3)


def test_no_time_is_left_to_tell_before_the_first_picture_of_a_rate():
    throughput = Throughput()
    throughput.count(manifest("running", "queued"))
    assert throughput.time_left() == ""
    assert throughput.text() == "0 of 2 pictures"


@pytest.mark.parametrize("seconds", [0.01, 1, 100, 1e5, 1e7])
def test_a_line_fits_sixty_columns_in_plain_numbers(seconds):
    throughput = Throughput()
    throughput.count(manifest(*["queued"] * 1000))
    throughput.began -= seconds
    throughput.count(manifest("done", *["queued"] * 999))
    assert len(throughput.text()) <= 60
    assert re.fullmatch(
        r"1 of 1000 pictures, [\d.]+ an hour, [\d.]+ (s|min|h|days) left", throughput.text()
    )
