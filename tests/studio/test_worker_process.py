"""The process of a worker: draws what is in the queue, and ends with its parent."""

import json
import os
import subprocess

from guided import search_path
from guided.studio.dispatcher import MODULE
from guided.studio.entries import Queue
from tests.studio.test_drawing import INPUT, Entry


def test_it_draws_tells_and_ends_with_its_parent(tmp_path):
    queue = Queue(tmp_path)
    queue.make()
    queue.add(Entry("a", {**INPUT, "count": 9, "steps": 40}, count=9))
    settings = {"root": str(tmp_path), "device": None, "base": [f"folder={tmp_path}"], "flags": []}
    process = subprocess.Popen(
        search_path.command([json.dumps(settings)], MODULE),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    kinds = []
    for line in process.stdout:
        event = json.loads(line)  # nothing else is printed there
        kinds.append(event["event"])
        if event["event"] == "progress" and event["step"] == 2:
            process.stdin.close()  # as when the server is killed
            break
    rest = [json.loads(line)["event"] for line in process.stdout]
    assert process.wait() == 130
    assert kinds[0] == "worker" and {"state", "metrics"} <= {*kinds}
    assert rest.count("progress") <= 1  # the step at hand
    assert queue.read("a").state == "open" and list(tmp_path.rglob("*.safetensors"))
