"""Stop signals: once after the step, twice at once."""

import os
import signal
import threading

import pytest

from guided.batch.interrupts import Interrupts


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_and_the_second_stops(number, capfd):
    with Interrupts.watched() as interrupts, interrupts.between_steps():
        os.kill(os.getpid(), number)
        assert interrupts.requested
        assert "once more stops at once" in capfd.readouterr().err
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)


def test_without_a_step_to_finish_the_first_signal_stops():
    with Interrupts.watched() as interrupts:
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
        assert not interrupts.requested


def test_handlers_are_as_before_also_after_an_error():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(ZeroDivisionError), Interrupts.watched():
        raise ZeroDivisionError
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_other_threads_leave_signals_alone():
    """Python sets handlers in the main thread only."""
    watched = []

    def watch():
        with Interrupts.watched() as interrupts:
            watched.append(interrupts.requested)

    thread = threading.Thread(target=watch)
    thread.start()
    thread.join()
    assert watched == [False]
