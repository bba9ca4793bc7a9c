"""The studio of a command line."""

import sys

from guided.config.overrides import parse_all
from guided.studio import opening
from guided.studio.opening import guard_of, opened
from guided.studio.settings import StudioSettings
from tests.commands import run_all
from tests.studio.conftest import ROOT


def test_the_folder_and_the_device_are_those_of_the_command(tmp_path):
    studio = opened(parse_all([f"folder={tmp_path}/runs", "memory=4"]), [])
    assert studio.root == tmp_path / "runs" and studio.root.is_dir()
    assert [word.raw for word in studio.base] == ["memory=4", f"folder={tmp_path}/runs"]
    assert studio.devices == [None]


def test_each_of_several_devices_has_a_worker(tmp_path, monkeypatch):
    monkeypatch.setattr(opening, "read_devices", lambda value: list(value))  # there is no GPU
    studio = opened(parse_all([f"folder={tmp_path}", "device=[cuda:0,cuda:1]"]), [])
    assert studio.devices == ["cuda:0", "cuda:1"]
    assert [worker.device for worker in studio.dispatcher.workers] == ["cuda:0", "cuda:1"]


def test_the_guard_knows_the_names_of_this_machine():
    local = guard_of(StudioSettings(), 8188, "t")
    assert local["hosts"] == {"127.0.0.1", "localhost", "::1"} and local["local"]
    far = guard_of(StudioSettings(host="0.0.0.0", names=("studio.example",)), 8188, "t")
    assert "studio.example" in far["hosts"] and not far["local"]


def test_commands_that_are_wrong_are_told_in_one_line(tmp_path):
    found = run_all(
        [
            ["studio=yes"],
            ["studio=serve", "prompt=a heart"],
            ["studio=serve", "device=cudo"],
            ["studio=serve", "folder=/dev/null/x"],
            ["mcp", "prompt=a heart"],
        ],
        tmp_path,
    )
    assert [one.code for one in found] == [2] * 5
    assert all(one.err.startswith("error: ") and one.err.count("\n") == 1 for one in found)
    assert not list(tmp_path.iterdir())


def test_nothing_of_the_studio_is_imported_by_other_commands(tmp_path):
    code = (
        "import sys; sys.argv = ['run.py', 'prompt=x', 'show=true']\n"
        "import runpy\n"
        "try: runpy.run_path(sys.argv[0] if False else r'%s', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "names = ('starlette', 'uvicorn', 'mcp', 'guided.studio')\n"
        "print([n for n in names if n in sys.modules])" % (ROOT / "run.py")
    )
    import subprocess

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
