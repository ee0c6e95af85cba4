"""Every page in a real browser: nothing from elsewhere, no error, names for all controls, and the main jobs done."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image as Picture
from playwright.sync_api import Browser, BrowserContext, Page, expect

from exact_core.kernel.discovery import discover
from exact_core.models.kinds import kind_of
from exact_core.settings import Settings
from exact_core.storage import migrate
from exact_core.storage.database import Database
from exact_core.storage.epochs import raise_epoch
from exact_core.storage.models import User
from tests.browser.profiles import Profiles
from tests.browser.viewer_instance import Instance, running
from tests.browser.watched import Watched
from tests.core.models import folders

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("pages")]

SECRET = "a long enough pass phrase"
UNNAMED = """() => {
  const text = (e) => (e.getAttribute('aria-label') || e.textContent || e.getAttribute('title') || '').trim();
  const by = (e) => document.getElementById(e.getAttribute('aria-labelledby'))?.textContent;
  const labelled = (e) => text(e) || e.labels?.length || by(e);
  const shown = (e) => e.checkVisibility() && !e.closest('[aria-hidden="true"]');
  const controls = 'a[href], button, input:not([type=hidden]), select, textarea, [role=tab]';
  const nameless = [...document.querySelectorAll(controls)].filter((e) => shown(e) && !labelled(e));
  return nameless.map((e) => e.outerHTML.slice(0, 160));
}"""
WITHOUT_ALT = "() => [...document.images].filter((e) => !e.hasAttribute('alt')).map((e) => e.outerHTML)"


def picture(color: tuple[int, int, int]) -> bytes:
    """A small PNG."""
    file = io.BytesIO()
    Picture.new("RGB", (320, 240), color).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """A running instance with three pictures, one of them broken, and the installed plugins."""
    folder = tmp_path_factory.mktemp("pages")
    pictures = folder / "pictures"
    pictures.mkdir()
    for number, color in enumerate([(200, 120, 150), (120, 90, 170)]):
        (pictures / f"field-{number}.png").write_bytes(picture(color))
    (pictures / "broken.svs").write_bytes(b"II*\0" + bytes(200))
    settings = Settings(data_dir=folder / "data", secret_key="test-secret-" + "0" * 32)
    settings.data_dir.mkdir()
    database = Database(settings.effective_database_url)
    migrate.upgrade(database)
    database.dispose()
    with running(settings, [pictures], tuple(discover())) as made:
        with made.services.database.write() as session:
            user = session.get(User, made.users["ann"])
            assert user is not None
            user.is_admin = True
            raise_epoch(session, "access")
        yield made


def log_in(watched: Watched, name: str = "ann") -> Page:
    page = watched.open("/login")
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password", exact=True).fill(SECRET)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(watched.address + "/")
    return page


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser profile of its own."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(15_000)
    yield context
    context.close()


@pytest.fixture
def ann(profiles: Profiles, instance: Instance) -> Watched:
    """An administrator who is logged in."""
    page, _ = profiles.page(instance)
    page.set_default_timeout(15_000)
    return Watched(page, instance.address)


def page_addresses(instance: Instance) -> list[str]:
    tabs = ["", "/search", "/products", "/exchange", "/members", "/plugins", "/settings"]
    sections = ["users", "teams", "plugins", "jobs", "system"]
    return [
        "/",
        *[f"/image-sets/{instance.image_set_id}{tab}" for tab in tabs],
        "/products",
        "/products/1",
        "/models",
        f"/models/{kind_of(instance.services.kernel, 'core.nuclei').built_in_uuid}",
        "/teams",
        "/profile",
        "/jobs",
        *[f"/admin/{section}" for section in sections],
    ]


@pytest.mark.parametrize(
    ("width", "height", "scheme"), [(1440, 900, "light"), (390, 844, "dark")], ids=["desk in light", "phone in dark"]
)
def test_every_page_is_clean_named_and_fits(
    browser: Browser, instance: Instance, width: int, height: int, scheme: str
) -> None:
    viewport = {"width": width, "height": height}
    context = browser.new_context(viewport=viewport, color_scheme=scheme)  # type: ignore[arg-type]
    watched = Watched(context.new_page(), instance.address)
    watched.open("/login")
    page = log_in(watched)
    for path in page_addresses(instance):
        watched.open(path)
        expect(page.locator("main [aria-busy=true]")).to_have_count(0)
        assert page.locator("h1").count() == 1, path
        assert page.locator("[role=alert]:not(:empty)").count() == 0, path
        assert page.evaluate(UNNAMED) == [], path
        assert page.evaluate(WITHOUT_ALT) == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} is wider than the window"
        watched.require_no_problem()
    context.close()


def test_the_skip_link_comes_first_and_leads_to_the_content(ann: Watched) -> None:
    page = ann.open("/profile")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    assert page.evaluate("document.activeElement.getBoundingClientRect().width") > 50, "it is not shown"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_somebody_who_is_not_logged_in_is_sent_to_log_in_and_back(context: BrowserContext, instance: Instance) -> None:
    watched = Watched(context.new_page(), instance.address)
    page = watched.open(f"/image-sets/{instance.image_set_id}/members")
    assert urlsplit(page.url).path == "/login"
    page.get_by_label("User name").fill("ann")
    page.get_by_label("Password", exact=True).fill(SECRET)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/image-sets/{instance.image_set_id}/members")


def test_a_login_never_leads_to_another_host(context: BrowserContext, instance: Instance) -> None:
    watched = Watched(context.new_page(), instance.address)
    page = watched.open("/login?next=//evil.example/page")
    page.get_by_label("User name").fill("ann")
    page.get_by_label("Password", exact=True).fill(SECRET)
    page.keyboard.press("Enter")
    page.wait_for_url(instance.address + "/")


def test_a_wrong_password_is_told_beside_the_form(context: BrowserContext, instance: Instance) -> None:
    page = Watched(context.new_page(), instance.address).open("/login")
    page.get_by_label("User name").fill("ben")
    page.get_by_label("Password", exact=True).fill("not the right one")
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("#message")).not_to_be_empty()
    assert urlsplit(page.url).path == "/login"


def test_reading_a_one_time_link_does_not_use_it_up(context: BrowserContext, instance: Instance) -> None:
    link = instance.login_link("ben").replace("/login/link/", "/login/link#")
    for _ in range(2):
        page = context.new_page()
        page.goto(link)
        page.close()
    page = context.new_page()
    page.goto(link)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(instance.address + "/")
    assert page.locator("#user-menu").is_visible()


def test_an_ordinary_user_sees_no_administration(context: BrowserContext, instance: Instance) -> None:
    watched = Watched(context.new_page(), instance.address)
    instance.log_in(context, "ben")
    page = watched.open("/")
    assert page.locator("#user-menu").is_visible()
    assert page.get_by_role("link", name="Administration").count() == 0
    answer = page.goto(instance.address + "/admin/users")
    assert answer is not None
    assert answer.status == 403
    expect(page.get_by_role("heading", level=1)).to_have_text("You may not see this page")


def test_a_page_that_does_not_exist_says_so(ann: Watched) -> None:
    answer = ann.page.goto(ann.address + "/image-sets/999999")
    assert answer is not None
    assert answer.status == 404
    expect(ann.page.get_by_role("heading", level=1)).to_have_text("There is nothing here")
    assert ann.page.get_by_role("link", name="Go to the image sets").is_visible()


def test_files_are_uploaded_shown_deleted_and_brought_back(ann: Watched, instance: Instance) -> None:
    page = ann.open(f"/image-sets/{instance.image_set_id}")
    before = page.locator("[data-image]").count()
    with page.expect_file_chooser() as chosen:
        page.get_by_role("button", name="Upload files").click()
    files = [
        {"name": "new one.png", "mimeType": "image/png", "buffer": picture((10, 200, 90))},
        {"name": "nonsense.tif", "mimeType": "image/tiff", "buffer": b"II*\0" + bytes(100)},
    ]
    chosen.value.set_files(files)  # type: ignore[arg-type]
    expect(page.locator(".uploads")).to_contain_text("2 files uploaded")
    expect(page.locator("[data-image]")).to_have_count(before + 2)
    card = page.locator("[data-image]", has_text="new one.png")
    card.hover()
    card.get_by_role("button", name=re.compile("^More for")).click()
    page.get_by_role("menuitem", name="Delete").click()
    expect(page.locator("[data-image]", has_text="new one.png")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("[data-image]", has_text="new one.png")).to_have_count(1)
    ann.require_no_problem()


def test_the_same_file_again_is_said_to_be_in_the_set(ann: Watched, instance: Instance) -> None:
    page = ann.open(f"/image-sets/{instance.image_set_id}")
    for _ in range(2):
        with page.expect_file_chooser() as chosen:
            page.get_by_role("button", name="Upload files").click()
        twin = {"name": "twin.png", "mimeType": "image/png", "buffer": picture((7, 7, 7))}
        chosen.value.set_files([twin])  # type: ignore[list-item]
        expect(page.locator(".upload-row")).to_contain_text(re.compile("Uploaded|Already in this set"))
    expect(page.locator(".uploads")).to_contain_text("Already in this set")


def test_an_unreadable_file_shows_its_reason(ann: Watched, instance: Instance) -> None:
    page = ann.open(f"/image-sets/{instance.image_set_id}?status=unreadable")
    card = page.locator("[data-image]", has_text="broken.svs")
    expect(card.locator(".danger-text")).not_to_be_empty()
    card.get_by_role("button", name="broken.svs", exact=True).click()
    expect(page.get_by_role("dialog")).to_contain_text("This file cannot be read.")


def test_a_product_is_made_and_its_types_ordered_with_the_keyboard(ann: Watched) -> None:
    page = ann.open("/products")
    page.get_by_role("button", name="New product").first.click()
    page.get_by_role("dialog").get_by_label("Name").fill("Cell kinds")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/products/\d+$"))
    for name in ("Neutrophil", "Eosinophil"):
        page.get_by_role("button", name="Add a type").first.click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Name", exact=True).fill(name)
        dialog.locator(".chip", has_text="Point").click()
        dialog.get_by_role("button", name="Add", exact=True).click()
        expect(page.locator(".type-row", has_text=name)).to_be_visible()
    page.get_by_role("button", name="Move Eosinophil: use the arrow keys").focus()
    with page.expect_response(lambda answer: answer.url.endswith("/order") and answer.ok):
        page.keyboard.press("ArrowUp")
    page.reload()
    page.wait_for_load_state("networkidle")
    names = [text.splitlines()[0] for text in page.locator(".type-row__text").all_inner_texts()]
    assert names == ["Eosinophil", "Neutrophil"]
    ann.require_no_problem()


def test_an_empty_name_is_refused_in_words_beside_its_field(ann: Watched) -> None:
    page = ann.open("/products")
    page.get_by_role("button", name="New product").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Create").click()
    expect(dialog.locator("[data-error-for=name]")).to_have_text("This is needed.")
    assert page.evaluate("document.activeElement.name") == "name"
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_an_image_set_is_made_pinned_and_found(ann: Watched) -> None:
    page = ann.open("/")
    page.keyboard.press("n")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("Kidney biopsies")
    dialog.get_by_role("button", name="Create").click()
    page.wait_for_url(re.compile(r"/image-sets/\d+$"))
    page.get_by_role("button", name="Pin this image set").click()
    expect(page.get_by_role("button", name="Unpin this image set")).to_be_visible()
    page = ann.open("/?pinned=1")
    expect(page.locator(".set-card")).to_have_count(1)
    page.keyboard.press("/")
    page.keyboard.type("nothing like it?")
    expect(page.get_by_role("heading", name="No image set fits")).to_be_visible()
    assert page.get_by_role("dialog").count() == 0, "a typed ? opened the list of shortcuts"
    ann.require_no_problem()


def test_an_access_token_is_shown_once(ann: Watched) -> None:
    page = ann.open("/profile")
    page.get_by_role("button", name="New token").click()
    page.get_by_role("dialog").get_by_label("Name").fill("Notebook")
    page.get_by_role("button", name="Make the token").click()
    secret = page.get_by_label("Access token", exact=True).input_value()
    assert secret.startswith("exact_")
    page.get_by_role("dialog").get_by_role("button", name="Close").last.click()
    expect(page.get_by_role("region", name="Access tokens")).to_contain_text("Notebook")
    page.reload()
    page.wait_for_load_state("networkidle")
    assert secret not in page.content()


def test_the_theme_is_kept(ann: Watched) -> None:
    page = ann.open("/profile")
    page.get_by_text("Dark", exact=True).click()
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
    page.wait_for_load_state("networkidle")
    page.get_by_text("As the system", exact=True).click()
    expect(page.locator("html:not([data-theme])")).to_have_count(1)


def test_templates_never_read_a_value_as_markup(ann: Watched) -> None:
    ann.open("/")
    module = ann.page.evaluate("document.querySelector('script[type=importmap]').textContent")
    shell = re.search(r'"exact/shell/":"([^"]+)"', module)
    assert shell is not None
    found = ann.page.evaluate(
        """async (url) => {
          const { html } = await import(url);
          const evil = '<img src=x onerror="window.hacked=1">';
          const list = [evil, html`<b>${evil}</b>`];
          const element = html`<p title=${evil} data-a="x ${evil}">${evil} ${list} ${null}${false}${0}</p>`;
          document.body.append(element);
          const refused = [];
          const bad = [() => html`<a href=${'javascript:alert(1)'}>x</a>`, () => html`<a onclick=${'alert(1)'}>x</a>`];
          for (const make of bad) {
            try { make(); } catch { refused.push(true); }
          }
          await new Promise((resolve) => setTimeout(resolve, 100));
          const images = element.querySelectorAll('img').length;
          const { textContent: text, title } = element;
          return { images, text, title, refused: refused.length, hacked: !!window.hacked };
        }""",
        shell[1] + "html.js",
    )
    evil = '<img src=x onerror="window.hacked=1">'
    assert found == {"images": 0, "text": f"{evil} {evil}{evil} 0", "title": evil, "refused": 2, "hacked": False}


def test_the_api_is_described_and_its_operations_unfold(ann: Watched) -> None:
    page = ann.open("/api/docs")
    page.get_by_role("link", name="annotations", exact=True).click()
    expect(page.locator("#api-docs .opblock").first).to_be_visible()
    ann.require_no_problem()


def test_a_page_allows_no_script_but_its_own(ann: Watched) -> None:
    page = ann.open("/profile")
    assert page.evaluate(
        """() => {
          const script = document.createElement('script');
          script.textContent = 'window.hacked = 1';
          document.body.append(script);
          return window.hacked === undefined;
        }"""
    )
    assert any("Content Security Policy" in problem for problem in ann.problems)


def test_a_plugin_is_switched_on_for_one_set_and_its_settings_are_a_form(ann: Watched, instance: Instance) -> None:
    names = {record.name for record in instance.services.kernel.plugins()}
    if "eiph_score" not in names:
        pytest.skip("the plugin eiph_score is not installed")
    page = ann.open(f"/image-sets/{instance.image_set_id}/plugins")
    card = page.get_by_role("region", name="EIPH score")
    card.get_by_role("switch").click()
    card.get_by_role("button", name="Settings").click()
    dialog = page.get_by_role("dialog")
    cells = dialog.get_by_label("Cells that a score needs")
    assert cells.input_value() == "300"
    cells.fill("0")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.locator(".field__error:not(:empty)").first).to_be_visible()
    cells.fill("120")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    card.get_by_role("button", name="Settings").click()
    assert page.get_by_role("dialog").get_by_label("Cells that a score needs").input_value() == "120"


def test_a_broken_connection_is_told_with_a_way_to_try_again(ann: Watched) -> None:
    page = ann.page
    ann.page.route("**/api/v2/products*", lambda route: route.abort())
    ann.open("/products")
    expect(page.get_by_role("heading", name="No connection")).to_be_visible()
    ann.page.unroute("**/api/v2/products*")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("link", name="Mitosis count")).to_be_visible()


HOSTILE = b"""# Lines

<img src=x onerror="document.title='hacked'"> <script>document.title = 'hacked'</script>

Made for *tests*; see [the page](https://example.org/a) and [that](javascript:document.title='hacked').
"""


def test_a_model_is_uploaded_read_pinned_deleted_and_restored(ann: Watched, instance: Instance, tmp_path: Path) -> None:
    archive, weights = tmp_path / "lines.zip", tmp_path / "lines.pth"
    content = {**folders.contents(), "card.md": HOSTILE}
    archive.write_bytes(folders.zipped(folders.with_checksums(content)))
    weights.write_bytes(b"\x80\x02}q\x00.")
    page = ann.open("/models")
    page.get_by_role("button", name="Upload a model").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Upload").click()
    expect(dialog.get_by_role("alert")).to_have_text("Choose the archive of the model.")
    dialog.get_by_label("Archive").set_input_files(weights)
    dialog.get_by_label("Kind").select_option(label="Nucleus detector")
    dialog.get_by_label("Name").fill("Lines")
    dialog.get_by_role("button", name="Upload").click()
    expect(dialog.get_by_role("alert")).to_contain_text("exact models convert")
    ann.problems.clear()
    dialog.get_by_label("Archive").set_input_files(archive)
    page.keyboard.press("Enter")
    page.wait_for_url("**/models/*")

    expect(page.get_by_role("heading", level=1)).to_have_text("Lines")
    expect(page.locator("#figures")).to_contain_text("0.77 – 0.85")
    card = page.get_by_label("Model card")
    expect(card).to_contain_text("<script>")
    assert card.locator("img, script").count() == 0
    assert card.get_by_role("link").evaluate_all("links => links.map((each) => each.href)") == ["https://example.org/a"]
    assert page.title() == "Lines – EXACT"
    with page.expect_download() as download:
        page.get_by_role("link", name="Download", exact=True).click()
    assert download.value.suggested_filename == "Lines.zip"

    page.get_by_role("button", name="Pin").click()
    expect(page.locator("#pin")).to_have_text("Unpin")
    page.locator("#pin").press("Enter")
    expect(page.locator("#pin")).to_have_text("Pin")
    page.get_by_role("button", name="More about this model").click()
    page.get_by_role("menuitem", name="Delete this model").click()
    dialog.get_by_role("button", name="Delete it").click()
    expect(dialog).to_contain_text("Say why")
    dialog.get_by_label("Why").fill("A better one")
    dialog.get_by_role("button", name="Delete it").click()
    expect(page.locator("#deleted")).to_contain_text("A better one")
    expect(page.get_by_role("link", name="Download", exact=True)).to_have_count(0)
    page.get_by_role("button", name="Restore").click()
    expect(page.locator("#deleted")).to_have_count(0)
    page = ann.open("/models")
    page.get_by_label("Search models").fill("line")
    expect(page.locator("#models > li")).to_have_count(1)
    ann.require_no_problem()
