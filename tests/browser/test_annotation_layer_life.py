"""How the annotation layer loads, fails, comes back and goes, in a real browser."""

from __future__ import annotations

import pytest

from tests.browser.layer_opened import RENDERERS, WHITE, every_shape, many

pytestmark = pytest.mark.browser


def test_views_are_decoded_in_a_worker_under_the_security_policy_of_the_core(opened):
    page = opened(every_shape())
    page.show(1000, 1000, 1000, 750)
    assert page.statistics()["worker"] is True
    assert page.statistics()["shapes"] == 8


def test_without_workers_the_page_decodes_by_itself(opened):
    page = opened(every_shape())
    page.page.add_init_script("window.Worker = function () { throw new Error('there are no workers here'); };")
    page.page.reload()
    page.page.wait_for_function("window.isReady", timeout=30_000)
    page.show(1000, 1000, 1000, 750)
    assert page.statistics()["worker"] is False
    assert page.colors((1200, 1100)) != [WHITE]


def test_a_worker_that_cannot_load_is_replaced_by_the_page(opened):
    page = opened(every_shape())
    page.page.route("**/store_worker.js", lambda route: route.fulfill(status=404, body=""))
    page.page.reload()
    page.page.wait_for_function("window.isReady", timeout=30_000)
    page.show(1000, 1000, 1000, 750)
    assert page.statistics()["worker"] is False
    assert page.colors((1200, 1100)) != [WHITE]


def test_what_is_given_up_is_freed_on_the_gpu_too(opened):
    page = opened(many(20_000))
    for step in range(8):
        page.show(2000 + 4000 * step, 5000, 1500, 1100)
        page.page.evaluate(
            "layer.setHighlighted(new Set(layer.pickBox([0, 0, 40000, 40000]).slice(0, 3).map((s) => s.id)))"
        )
        page.scene.changed()
        page.do("layer.refresh()")
    held = page.statistics()
    assert 0 < held["uploadedCells"] <= held["drawnCells"] + 1
    assert held["cells"] <= 20


def test_moving_loads_what_comes_into_view_and_going_back_shows_it_at_once(opened):
    page = opened(many(30_000))
    page.show(5000, 5000, 2000, 1500)
    first = page.statistics()["requests"]
    page.show(5300, 5200, 2000, 1500)
    assert page.statistics()["requests"] == first
    page.show(8200, 5000, 2000, 1500)
    assert page.statistics()["requests"] == first + 1
    asked = page.scene.requests[-1]
    assert asked["x1"] - asked["x0"] < 4100
    page.page.evaluate(
        "viewer.viewport.fitBounds(viewer.viewport.imageToViewportRectangle(5000, 5000, 2000, 1500), true)"
    )
    page.page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert page.statistics()["drawnShapes"] > 30
    page.page.evaluate("settled()")
    ids = page.page.evaluate("layer.pickBox([5000, 5000, 7000, 6500]).map((shape) => shape.id)")
    boxes = [(d.id, d.box) for d in page.scene.drawings]
    inside = {i for i, b in boxes if b[0] >= 5000 and b[1] >= 5000 and b[2] <= 7000 and b[3] <= 6500}
    assert sorted(ids) == sorted(inside)


def test_a_server_that_fails_is_told_of_once_and_asked_again(opened):
    scene = every_shape()
    page = opened(scene)
    page.show(1000, 1000, 1000, 750)
    scene.answer = 503
    page.page.evaluate("layer.refresh()")
    page.page.wait_for_function("layer.statistics().requests >= 4", timeout=15_000)
    assert page.page.evaluate("errors") == ["The server said 503."]
    assert page.colors((1200, 1100)) != [WHITE]
    scene.answer = 200
    scene.changed()
    page.page.wait_for_function("layer.revision === 2", timeout=15_000)


def test_a_lost_context_is_restored_with_all_its_shapes(opened):
    page = opened(every_shape(), "webgl2")
    page.show(1000, 1000, 1000, 750)
    before = page.ink()
    page.page.evaluate(
        """() => {
          const canvas = document.querySelector('.annotation-canvas');
          window.lost = canvas.getContext('webgl2').getExtension('WEBGL_lose_context');
          window.lost.loseContext();
        }"""
    )
    page.page.wait_for_timeout(200)
    page.do("layer.setTypeVisible(2, true)")
    page.page.evaluate("lost.restoreContext()")
    page.page.wait_for_timeout(300)
    page.do("layer.setFill(false)")
    assert page.ink() == before


def test_a_context_that_never_comes_back_is_replaced_by_the_plain_canvas(opened):
    page = opened(every_shape())
    page.show(1000, 1000, 1000, 750)
    page.page.evaluate(
        "document.querySelector('.annotation-canvas').getContext('webgl2')"
        ".getExtension('WEBGL_lose_context').loseContext()"
    )
    page.page.wait_for_function("layer.statistics().renderer === 'canvas2d'", timeout=10_000)
    page.page.evaluate("settled()")
    assert page.colors((1200, 1100)) != [WHITE]


def test_a_browser_without_webgl2_gets_the_plain_canvas(opened):
    page = opened(every_shape())
    page.page.add_init_script(
        """const original = HTMLCanvasElement.prototype.getContext;
        HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
          return kind === 'webgl2' ? null : original.call(this, kind, ...rest);
        };"""
    )
    page.page.reload()
    page.page.wait_for_function("window.isReady", timeout=30_000)
    page.show(1000, 1000, 1000, 750)
    assert page.statistics()["renderer"] == "canvas2d"
    assert page.colors((1200, 1100)) != [WHITE]


@pytest.mark.parametrize("renderer", RENDERERS)
def test_the_canvas_fits_the_viewer_when_it_is_resized(opened, renderer):
    page = opened(every_shape(), renderer)
    page.show(1000, 1000, 1000, 750)
    page.do("{ document.getElementById('viewer').style.width = '500px' }")
    page.page.wait_for_function("document.querySelector('.annotation-canvas').width === 500", timeout=5000)
    page.show(1000, 1000, 1000, 750)
    assert WHITE not in page.colors((1200, 1250), (1500, 1400))
    assert page.colors((1200, 1175)) == [WHITE]


@pytest.mark.parametrize("renderer", RENDERERS)
def test_destroying_the_layer_leaves_nothing_behind(opened, renderer):
    page = opened(every_shape(), renderer)
    page.show(1000, 1000, 1000, 750)
    page.page.evaluate("(layer.destroy(), layer.destroy(), layer.refresh())")
    page.page.evaluate(
        "viewer.viewport.fitBounds(viewer.viewport.imageToViewportRectangle(9000, 9000, 1000, 750), true)"
    )
    asked = len(page.scene.requests)
    page.page.wait_for_timeout(600)
    assert len(page.scene.requests) == asked
    assert page.page.evaluate("document.querySelectorAll('.annotation-canvas').length") == 0
    assert page.page.evaluate("layer.statistics().shapes") == 0


def test_the_canvas_never_takes_the_mouse_and_lies_over_the_image(opened):
    page = opened(every_shape())
    page.show(1000, 1000, 1000, 750)
    assert page.page.evaluate("document.elementFromPoint(400, 300) !== document.querySelector('.annotation-canvas')")
    assert page.page.evaluate(
        "!!(viewer.drawer.canvas.compareDocumentPosition(document.querySelector('.annotation-canvas')) & 4)"
    )
