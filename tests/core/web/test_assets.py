from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from exact_core.web import assets, problems
from exact_core.web.assets import Assets, AssetTree, digest_of
from exact_core.web.icons import sprite
from exact_core.web.templating import WEB

STATIC = WEB / "static"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "static"
    (root / "lib").mkdir(parents=True)
    (root / "index.js").write_text("import './lib/other.js';")
    (root / "lib" / "other.js").write_text("export const text = '" + "x" * 3000 + "';")
    (root / "secret.py").write_text("password = 1")
    (root / "index.js.map").write_text("{}")
    (root / ".hidden.js").write_text("1")
    (root / "page.html").write_text("<script>alert(1)</script>")
    return root


def serve(core: AssetTree, **plugins: AssetTree) -> TestClient:
    app = FastAPI()
    problems.install(app)

    class Holder:
        assets = Assets(core, plugins)

    app.state.pages = Holder()
    app.include_router(assets.router)
    return TestClient(app)


def test_a_file_is_served_for_ever_under_the_digest_of_its_tree(folder: Path) -> None:
    tree = AssetTree(folder, "/static")
    assert re.fullmatch(r"/static/[0-9a-f]{12}/", tree.base)
    answer = serve(tree).get(tree.url("index.js"))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"


def test_another_digest_is_not_found_and_not_kept(folder: Path) -> None:
    answer = serve(AssetTree(folder, "/static")).get("/static/000000000000/index.js")
    assert answer.status_code == 404
    assert "immutable" not in answer.headers.get("cache-control", "")


@pytest.mark.parametrize(
    "path", ["secret.py", "index.js.map", ".hidden.js", "page.html", "", "lib", "lib/", "../secret.py", "..%2fx.js"]
)
def test_only_allowed_files_leave_the_folder(folder: Path, path: str) -> None:
    (folder.parent / "x.js").write_text("outside")
    for dev in (False, True):
        tree = AssetTree(folder, "/static", dev=dev)
        assert serve(tree).get(tree.url(path)).status_code == 404


def test_a_link_that_leads_out_of_the_folder_is_not_followed(folder: Path) -> None:
    outside = folder.parent / "outside.js"
    outside.write_text("secret")
    (folder / "link.js").symlink_to(outside)
    (folder / "folder").symlink_to(folder.parent, target_is_directory=True)
    for dev in (False, True):
        tree = AssetTree(folder, "/static", dev=dev)
        assert "link.js" not in tree
        assert "folder/outside.js" not in tree


def test_the_digest_changes_with_any_byte_and_any_name(folder: Path) -> None:
    before = AssetTree(folder, "/static").digest
    (folder / "lib" / "other.js").write_text("export const text = 'y';")
    changed = AssetTree(folder, "/static").digest
    (folder / "lib" / "other.js").rename(folder / "lib" / "another.js")
    assert len({before, changed, AssetTree(folder, "/static").digest}) == 3


def test_moving_bytes_between_a_name_and_its_content_changes_the_digest() -> None:
    assert digest_of({"ab": b"c"}) != digest_of({"a": b"bc"})
    assert digest_of({"a": b"1", "b": b"2"}) == digest_of({"b": b"2", "a": b"1"})


def test_what_was_read_stays_under_its_digest_when_the_file_changes(folder: Path) -> None:
    tree = AssetTree(folder, "/static")
    (folder / "index.js").write_text("changed")
    assert serve(tree).get(tree.url("index.js")).text == "import './lib/other.js';"


def test_a_tree_for_development_is_read_again_and_kept_nowhere(folder: Path) -> None:
    tree = AssetTree(folder, "/static", dev=True)
    client = serve(tree)
    (folder / "index.js").write_text("changed")
    answer = client.get("/static/dev/index.js")
    assert answer.text == "changed"
    assert answer.headers["cache-control"] == "no-store"


def test_text_is_compressed_for_who_can_read_it(folder: Path) -> None:
    tree = AssetTree(folder, "/static")
    client = serve(tree)
    packed = client.get(tree.url("lib/other.js"), headers={"Accept-Encoding": "gzip"})
    plain = client.get(tree.url("lib/other.js"), headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"])
    assert packed.text == plain.text
    assert plain.headers["vary"] == "Accept-Encoding"


def test_a_picture_of_a_plugin_cannot_run_script(folder: Path) -> None:
    (folder / "icon.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>")
    tree = AssetTree(folder, "/plugins/demo/static")
    answer = serve(AssetTree(folder / "none", "/static"), demo=tree).get(tree.url("icon.svg"))
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "sandbox" in answer.headers["content-security-policy"]


def test_an_unknown_plugin_has_no_files(folder: Path) -> None:
    answer = serve(AssetTree(folder, "/static")).get("/plugins/nobody/static/dev/index.js")
    assert answer.status_code == 404


def test_a_missing_folder_is_an_empty_tree(tmp_path: Path) -> None:
    tree = AssetTree(tmp_path / "nothing", "/static")
    assert serve(tree).get(tree.url("index.js")).status_code == 404


def test_every_icon_that_pages_and_modules_name_is_in_the_sprite() -> None:
    drawn = set(re.findall(r'<symbol id="([^"]+)"', sprite(STATIC / "vendor" / "lucide-static").decode()))
    assert len(drawn) > 50
    named: set[str] = set()
    for file in (WEB / "templates").rglob("*.html"):
        named |= set(re.findall(r"""icon\(["']([a-z0-9-]+)["']""", file.read_text()))
    for file in (STATIC / "shell").rglob("*.js"):
        text = file.read_text()
        named |= set(re.findall(r"""\bicon\('([a-z0-9-]+)'""", text))
        named |= set(re.findall(r"""\b(?:icon|symbol): '([a-z0-9-]+)'""", text))
    assert named - drawn == set()


def test_what_templates_and_modules_refer_to_exists() -> None:
    tree = AssetTree(STATIC, "/static", extra={"icons.svg": b"<svg/>"})
    text = "".join(file.read_text() for file in (WEB / "templates").rglob("*.html"))
    text += "".join(file.read_text() for file in WEB.glob("*.py"))
    named = set(re.findall(r"asset\(['\"]([^'\"]+)['\"]\)", text)) | set(
        re.findall(r'module="(shell/[^"{]+\.js)"', text)
    )
    assert {path for path in named if path not in tree} == set()
    for file in (STATIC / "shell").rglob("*.js"):
        for target in re.findall(r"(?:from|import) '(\.[^']+)'", file.read_text()):
            assert (file.parent / target).is_file(), f"{file.name} imports {target}"


def test_a_large_file_is_read_when_it_is_asked_for_and_refused_when_it_changed(tmp_path: Path) -> None:
    large = tmp_path / "runtime.wasm"
    large.write_bytes(b"\0asm" + bytes(5 * 1024 * 1024))
    tree, again = AssetTree(tmp_path, "/static"), AssetTree(tmp_path, "/static")
    assert len(serve(tree).get(tree.url("runtime.wasm")).content) == large.stat().st_size
    large.write_bytes(b"\0asm")
    assert serve(again).get(again.url("runtime.wasm")).status_code == 404


def test_scripts_may_be_workers_of_isolated_pages_and_only_those_of_models_compile() -> None:
    tree = AssetTree(STATIC, "/static")
    client = serve(tree)
    of_models = client.get(tree.url("inference/worker.js")).headers
    others = client.get(tree.url("viewer/store_worker.js")).headers
    assert of_models["cross-origin-embedder-policy"] == others["cross-origin-embedder-policy"] == "require-corp"
    assert "'wasm-unsafe-eval'" in of_models["content-security-policy"]
    assert "http" not in of_models["content-security-policy"]
    assert "content-security-policy" not in others
    assert "cross-origin-embedder-policy" not in client.get(tree.url("viewer/viewer.css")).headers
