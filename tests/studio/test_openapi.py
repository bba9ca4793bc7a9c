"""The OpenAPI document says what there is, and so does the documentation."""

import re

from tests.studio.conftest import ROOT

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
