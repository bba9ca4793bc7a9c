"""The list of models."""

from guided.studio import models


def test_the_embedded_models_are_here_and_others_are_told():
    found = {(one["group"], one["name"]): one for one in models.listed()}
    embedded = found["model", "embedded"]
    assert embedded["here"] and embedded["size"] and embedded["licence"]
    assert found["clip", "embedded"]["here"]
    assert {group for group, _ in found} == {"model", "secondary", "clip"}
    assert found["model", "imagenet512"]["state"] in ("here", "missing", "damaged")


def test_the_api_answers_with_it(client):
    listed = client.get("/models").json()["models"]
    assert any(one["name"] == "embedded" and one["here"] for one in listed)
