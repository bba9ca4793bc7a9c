"""Where the server listens, and how it is found."""

import json
import os
import socket
import stat

import pytest

from guided.errors import BadInput
from guided.studio import server
from guided.studio.settings import StudioSettings


def test_a_port_that_is_taken_is_told_with_another():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BadInput, match=f"studio={port}: .*studio={port + 1}"):
            server.listening(StudioSettings(port=port))


def test_it_is_bound_to_this_machine_alone():
    with server.listening(StudioSettings(port=0)) as sock:
        assert sock.getsockname()[0] == "127.0.0.1"


def test_the_address_has_the_token_beyond_this_machine_only():
    assert server.address_of(StudioSettings(), 8188, "t") == "http://127.0.0.1:8188/"
    far = server.address_of(StudioSettings(host="0.0.0.0"), 8188, "t")
    assert far.endswith(":8188/?token=t") and "0.0.0.0" not in far
    assert server.address_of(StudioSettings(host="::1"), 8188, "t") == "http://[::1]:8188/"


@pytest.mark.skipif(os.name == "nt", reason="permissions are of POSIX")
def test_only_the_user_can_read_the_token(tmp_path):
    path = server.note_of(tmp_path, "http://studio.example:8188/?token=t", "t")
    assert json.loads(path.read_text()) == {
        "address": "http://studio.example:8188/",
        "token": "t",
        "pid": os.getpid(),
    }
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
