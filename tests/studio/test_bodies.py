"""Bodies and queries of requests."""

import pytest

BAD = [
    b"{",
    b"[1]",
    b'"text"',
    b'{"input": {"guide.clip.scale": NaN}}',
    b'{"input": {"seed": Infinity}}',
    b'{"input": {"prompt": "\\ud800"}}',
    b'{"inputs": {}}',
    b'{"input": []}',
    b'{"input": "x"}',
    b"{}",
    b'{"input": {}, "webhook": 5}',
    b"\xff\xfe",
    b"[" * 100_000,
]


@pytest.mark.parametrize("body", BAD, ids=range(len(BAD)))
def test_what_is_no_request_is_refused_in_one_line(client, body):
    answer = client.post("/preflight" if b"webhook" not in body else "/predictions", content=body)
    assert answer.status_code == 400
    assert "\n" not in answer.json()["detail"] and "Traceback" not in answer.text


def test_a_large_body_is_refused_before_it_is_read(client):
    answer = client.post("/predictions", content=b" " * (1 << 20) + b"{}")
    assert answer.status_code == 413


def test_a_body_in_parts_is_counted(client):
    def parts():
        for _ in range(3):
            yield b" " * 500_000

    answer = client.post("/predictions", content=parts())
    assert answer.status_code in (411, 413)


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=-1", "limit=5001", "limit=x", "limit=1e3", "limit=٣", "sort=best",
     "favourite=yes", "colour=red", "limit=5&limit=6", "offset=9999999999"],
)  # fmt: skip
def test_wrong_queries_are_refused(client, query):
    assert client.get(f"/pictures?{query}").status_code == 400
