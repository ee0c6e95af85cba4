"""The plugin inside a running EXACT."""

PLUGINS = ["kept_sample"]


def test_it_is_on_where_it_was_switched_on(client, app, image_set):
    other = app.image_set()
    states = {
        each: client.get(f"/api/v2/image-sets/{each}/plugins").json()[0]["is_running"] for each in (image_set, other)
    }
    assert states == {image_set: True, other: False}


def test_shapes_are_counted_in_the_field_of_view(client, app, image_set, annotate, settings_for):
    image = app.image(image_set)
    annotate(image, "Cell", box=(10, 10, 30, 30))
    annotate(image, "Cell", box=(900, 10, 930, 30))
    settings_for("kept_sample", image_set, minimum=2)
    url = f"{app.routes('kept_sample', image_set)}/images/{image}/count"
    assert client.get(url).json() == {"total": 2, "note": ""}
    assert client.get(url, params={"x1": 500}).json() == {"total": 1, "note": "Fewer than 2."}


def test_a_note_is_kept_with_its_image_and_readers_write_none(client, app, image_set, as_user):
    image = app.image(image_set)
    url = f"{app.routes('kept_sample', image_set)}/images/{image}/note"
    assert client.get(url).json() == {"text": ""}
    assert as_user("annotator").put(url, json={"text": "Out of focus."}).status_code == 200
    assert client.get(url).json() == {"text": "Out of focus."}
    assert as_user("viewer").put(url, json={"text": "mine"}).status_code == 403


def test_images_are_counted_in_the_background(client, app, image_set, run_jobs):
    app.image(image_set)
    started = client.post(f"{app.routes('kept_sample', image_set)}/jobs/count", json={})
    assert started.status_code == 202
    (job,) = run_jobs()
    assert (job["id"], job["state"], job["result"]) == (started.json()["job_id"], "done", {"images": 1})


def test_the_model_scores_values():
    from exact_kept_sample.model import Model

    assert Model.load().predict([0.0, 1000.0]) == [0.5, 1.0]


def test_values_are_scored_in_the_background(client, app, image_set, run_jobs):
    url = f"{app.routes('kept_sample', image_set)}/jobs/predict"
    assert client.post(url, json={"values": [0.0]}).status_code == 202
    (job,) = run_jobs()
    assert (job["state"], job["result"]) == ("done", {"scores": [0.5]})


def test_the_count_is_among_the_statistics_of_an_image(client, app, image_set, annotate):
    image = app.image(image_set)
    annotate(image, "Cell", point=(10, 10))
    found = {each["id"]: each["value"] for each in client.get(f"/api/v2/images/{image}/statistics").json()}
    assert found == {"kept_sample.count": 1}


def test_the_panel_without_a_browser(node_tests):
    node_tests("panel.test.mjs")
