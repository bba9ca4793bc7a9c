"""The OpenAPI document says what there is, and so does the documentation."""

import re

import pytest

from guided.studio.app import create
from guided.studio.entries import Entry
from tests.studio.conftest import LOCAL, ROOT, TOKEN, make_run

PAGE = (ROOT / "docs" / "studio-api.md").read_text(encoding="utf-8")


def routes(client) -> set[tuple[str, str]]:
    paths = client.get("/openapi.json").json()["paths"]
    return {(method.upper(), path) for path, methods in paths.items() for method in methods}


def test_the_documentation_has_every_route(client):
    said = set(re.findall(r"`(GET|POST|PUT) (/[^`? ]*)", PAGE))
    said |= {("GET", "/"), ("GET", "/page/{file}"), ("GET", "/shared/{file}")}
    said = {(method, re.sub(r"\{\w+\}", "{}", path)) for method, path in said}
    there = {(method, re.sub(r"\{\w+\}", "{}", path)) for method, path in routes(client)}
    assert said - there == {("GET", "/docs"), ("GET", "/openapi.json")}
    assert there - said == set()


def test_every_operation_says_how_it_refuses(client):
    for methods in client.get("/openapi.json").json()["paths"].values():
        for method, operation in methods.items():
            refusals = {"401", "403", "421"} | ({"415"} if method != "get" else set())
            assert refusals <= operation["responses"].keys()
            names = [one["name"] for one in operation["parameters"]]
            assert len(names) == len(set(names))


def test_ids_of_operations_differ(client):
    paths = client.get("/openapi.json").json()["paths"]
    ids = [one["operationId"] for methods in paths.values() for one in methods.values()]
    assert len(ids) == len(set(ids)) and all(re.fullmatch(r"\w+", one) for one in ids)


def test_the_page_of_the_api_has_no_script(client):
    answer = client.get("/docs")
    assert answer.status_code == 200 and "<script" not in answer.text
    assert "/predictions/{id}/cancel" in answer.text
    for address in re.findall(r"stylesheet href=([^>]+)>", answer.text):
        assert client.get(address).headers["content-type"].startswith("text/css")


def test_the_page_of_the_api_says_what_each_request_takes(client):
    text = client.get("/docs").text
    document = client.get("/openapi.json").json()
    sections = re.findall(r"<section>.*?</section>", text)
    operations = [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    assert len(sections) == len(operations)
    for method, path, operation in operations:
        (section,) = (one for one in sections if f"<b>{method}</b> <code>{path}</code>" in one)
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        names = [one["name"] for one in operation["parameters"]]
        for name in (*names, *body.get("schema", {}).get("properties", {})):
            assert re.search(rf"<code>\??{name}</code>", section), (path, name)
        assert all(status in section for status in operation["responses"])


SLOW = ("/events", "/sdapi/v1/txt2img")  # they answer for as long as they are read


@pytest.mark.slow
def test_generated_requests_get_documented_answers(studio, tmp_path):
    """schemathesis: no server error, no status, content type or body that is not documented."""
    schemathesis = pytest.importorskip("schemathesis")
    from hypothesis import HealthCheck, Phase, given, settings
    from schemathesis import checks
    from schemathesis.specs.openapi import checks as of_openapi

    make_run(tmp_path, count=2)
    studio.queue.add(Entry("a", {"prompt": "x"}))
    app = create(studio, {**LOCAL, "port": 80})
    headers = {"host": "127.0.0.1", "x-studio-token": TOKEN, "prefer": "respond-async"}
    schema = schemathesis.openapi.from_asgi("/openapi.json", app, headers=headers)
    wanted = [
        checks.not_a_server_error,
        of_openapi.status_code_conformance,
        of_openapi.content_type_conformance,
        of_openapi.response_schema_conformance,
    ]
    asked = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path in SLOW:
            continue

        @settings(
            max_examples=20,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def ask(case):
            nonlocal asked
            case.headers = {**(case.headers or {}), **headers}
            case.validate_response(case.call(timeout=600), checks=wanted)
            asked += 1

        ask()
    assert asked > 500
