"""From entry point to record: what stops a plugin, and that it stops nobody else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from exact_sdk.fakedist import FakeDistributions

from exact_core.api import API_VERSION
from exact_core.api.markers import Deprecated
from exact_core.kernel import Kernel, hook_reference, signatures
from exact_core.kernel.loader import Choice
from exact_core.kernel.records import State
from exact_core.kernel.signatures import all_hooks

KernelOf = Callable[..., Kernel]

GOOD = """
    from exact_core.api import PluginInfo, hookimpl

    @hookimpl
    def exact_plugin_info():
        return PluginInfo(title="Good plugin", summary="Does no harm.")
"""


def test_a_good_plugin_is_loaded_with_what_it_says_about_itself(fakes: FakeDistributions, kernel_of: KernelOf) -> None:
    fakes.add("good", GOOD, version="2.3")
    record = kernel_of().records["good"]
    assert (record.state, record.reason, record.title) == (State.LOADED, "", "Good plugin")
    assert (record.distribution, record.version) == ("exact-good", "2.3")


def test_a_plugin_without_any_hook_is_loaded_under_its_name(fakes: FakeDistributions, kernel_of: KernelOf) -> None:
    fakes.add("silent")
    assert kernel_of().records["silent"].title == "silent"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import a_library_that_is_not_installed", "ModuleNotFoundError: No module named 'a_library_that"),
        ("import sys; sys.exit(3)", "called sys.exit(3)"),
        ("assert False, 'the moon is full'", "AssertionError: the moon is full"),
        ("def broken(:\n    pass", "SyntaxError"),
        ("raise RuntimeError", "raised RuntimeError"),
    ],
    ids=["import error", "exit", "assertion", "syntax", "no message"],
)
def test_a_plugin_that_fails_at_import_is_reported_and_skipped(
    fakes: FakeDistributions, kernel_of: KernelOf, source: str, reason: str
) -> None:
    fakes.add("bad", source)
    fakes.add("good", GOOD)
    kernel = kernel_of()
    assert kernel.records["bad"].state is State.IMPORT_FAILED
    assert reason in kernel.records["bad"].reason
    assert kernel.records["good"].state is State.LOADED
    assert not kernel.is_healthy()


def test_a_name_claimed_twice_loads_neither_and_names_both(fakes: FakeDistributions, kernel_of: KernelOf) -> None:
    fakes.add("twin", GOOD, distribution="lab-a", package="lab_a")
    fakes.add("twin", GOOD, distribution="lab-b", package="lab_b", version="7")
    record = kernel_of().records["twin"]
    assert record.state is State.CONFLICT
    assert "lab-a 1.0.0 and lab-b 7" in record.reason
    assert record.module is None


@pytest.mark.parametrize("name", ["core", "Nuclei", "nuclei-count", "9lives", "serve"])
def test_a_name_that_cannot_be_an_address_is_refused(fakes: FakeDistributions, kernel_of: KernelOf, name: str) -> None:
    fakes.add(name, GOOD, package="some_package", distribution="some-dist")
    assert kernel_of().records[name].state is State.CONFLICT


def test_one_module_under_two_names_is_one_plugin(fakes: FakeDistributions, kernel_of: KernelOf) -> None:
    fakes.add("alpha", GOOD, entry_points={})
    fakes.add("beta", package="exact_beta_own", distribution="beta-dist")
    info = next(fakes.folder.glob("beta_dist-*.dist-info"))
    (info / "entry_points.txt").write_text("[exact.plugins]\nbeta = exact_alpha.plugin\n")
    records = kernel_of().records
    assert records["alpha"].state is State.LOADED
    assert (records["beta"].state, "'alpha'" in records["beta"].reason) == (State.INVALID, True)


def test_a_plugin_for_another_core_is_decided_without_importing_it(
    fakes: FakeDistributions, kernel_of: KernelOf
) -> None:
    fakes.add("future", "raise SystemExit('must not be imported')", requires=["exact-core>=99"])
    record = kernel_of().records["future"]
    assert record.state is State.INCOMPATIBLE
    assert "it needs exact-core >=99, and this is" in record.reason


def test_a_requirement_of_an_extra_or_of_another_system_does_not_count(
    fakes: FakeDistributions, kernel_of: KernelOf
) -> None:
    fakes.add("picky", GOOD, requires=["exact-core>=99; extra == 'gpu'", "exact-core>=99; sys_platform == 'amiga'"])
    assert kernel_of().records["picky"].state is State.LOADED


def test_an_unreadable_requirement_is_said(fakes: FakeDistributions, kernel_of: KernelOf) -> None:
    fakes.add("odd", GOOD, requires=["exact-core >>> 1"])
    assert "cannot be read" in kernel_of().records["odd"].reason


@pytest.mark.parametrize(
    "choice", [Choice(disabled=("good",)), Choice(only=("other",)), Choice(safe_mode=True)], ids=str
)
def test_what_the_operator_keeps_out_is_blocked_and_healthy(
    fakes: FakeDistributions, kernel_of: KernelOf, choice: Choice
) -> None:
    fakes.add("good", "raise SystemExit('must not be imported')")
    kernel = kernel_of(choice=choice)
    assert kernel.records["good"].state is State.BLOCKED
    assert "EXACT_" in kernel.records["good"].reason
    assert kernel.is_healthy()


HOOK = "from exact_core.api import hookimpl\n@hookimpl\n"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (f"{HOOK}def exact_statistic(region): ...", "no hook exact_statistic; did you mean 'exact_statistics'"),
        (f"{HOOK}def exact_statistics(regin): ...", "asks for 'regin'; did you mean 'region'"),
        (f"{HOOK}async def exact_statistics(region): ...", "is an async function"),
        (f"{HOOK}def exact_statistics(region): yield 1", "is a generator"),
        (f"{HOOK}def exact_statistics(region=None): ...", "gives 'region' a default value"),
        (f"{HOOK}def exact_statistics(**all): ...", "takes *all"),
        (f"{HOOK}def exact_statistics(*, region): ...", "by keyword only"),
        (
            "import pluggy\n@pluggy.HookimplMarker('exact')(wrapper=True)\ndef exact_statistics(region):\n    yield",
            "is a hook wrapper",
        ),
        (
            "import pluggy\n@pluggy.HookimplMarker('exact')(specname='exact_statistics')\ndef mine(region): ...",
            "uses specname",
        ),
    ],
    ids=["unknown hook", "argument", "async", "generator", "default", "kwargs", "keyword", "wrapper", "specname"],
)
def test_a_hook_that_breaks_a_rule_is_refused_with_the_rule(
    fakes: FakeDistributions, kernel_of: KernelOf, source: str, reason: str
) -> None:
    fakes.add("bad", source)
    record = kernel_of().records["bad"]
    assert record.state is State.INVALID
    assert reason in record.reason


def test_a_hook_that_lacks_its_marker_is_warned_about(fakes: FakeDistributions, kernel_of: KernelOf) -> None:
    fakes.add("forgot", "def exact_statistics(region): ...")
    record = kernel_of().records["forgot"]
    assert record.state is State.LOADED
    assert record.warnings == ("exact_statistics is not marked with @hookimpl and is never called",)


def test_a_heavy_import_is_warned_about(fakes: FakeDistributions, kernel_of: KernelOf) -> None:
    fakes.add("torch_like", GOOD, package="umap", files={"plugin.py": "import umap"})
    warnings = kernel_of().records["torch_like"].warnings
    assert warnings == ("importing it loads umap; import that inside the function that needs it",)


ANSWER = (
    "from exact_core.api import *\nfrom exact_core.api import hookimpl\n@hookimpl\ndef {hook}():\n    return {answer}"
)


@pytest.mark.parametrize(
    ("hook", "answer", "reason"),
    [
        ("exact_plugin_info", "42", "answered int, not PluginInfo"),
        ("exact_plugin_info", "PluginInfo('')", "1 to 60 characters"),
        ("exact_plugin_info", "PluginInfo('x', settings=int)", "not a pydantic model"),
        ("exact_plugin_info", "PluginInfo('x', requires=('other'))", "a single one needs a comma"),
        ("exact_plugin_info", "PluginInfo('x', requires=('bad',))", "requires itself"),
        ("exact_plugin_info", "1 / 0", "ZeroDivisionError"),
        ("exact_plugin_info", "exit('no')", "SystemExit"),
        ("exact_permissions", "[Permission('other.reset', 'Reset')]", "must start with 'bad.'"),
        ("exact_permissions", "[Permission('bad.x', 'X'), Permission('bad.x', 'X')]", "is used twice"),
        ("exact_permissions", "[Permission('bad.x', 'X', ('boss',))]", "no Role"),
        ("exact_permissions", "Permission('bad.x', 'X')", "not a sequence"),
        ("exact_permissions", "'bad.x'", "not a sequence"),
        ("exact_frontend", "Frontend('nowhere.js')", "no file static/nowhere.js"),
        ("exact_frontend", "Frontend('../plugin.py')", "leaves the static folder"),
        ("exact_frontend", "Frontend(panels=(Panel('bad.p', 'P', 'moon'),))", "unknown slot"),
        ("exact_frontend", "Frontend(panels=(Panel('p', 'P', Slot.VIEWER_LEFT),))", "must start with 'bad.'"),
        ("exact_frontend", "Frontend(tools=(Tool('bad.t', 'T', key='hyper+space'),))", "no keyboard shortcut"),
        ("exact_job_types", "[JobType('train', 'Train', 'jobs.train')]", "must read 'package.module:function'"),
        ("exact_job_types", "[JobType('train', 'Train', 'json:loads', seconds=-1)]", "a negative limit"),
        ("exact_models", "[ModelCard('A b', 'A', ModelTask.QUALITY, 'd')]", "not a plain name"),
        ("exact_models", "[ModelCard('a', 'A', 'guessing', 'd')]", "no ModelTask"),
        ("exact_models", "[ModelCard('a', 'A', ModelTask.QUALITY, '')]", "names no driver"),
        ("exact_models", "[ModelCard('a', 'A', ModelTask.QUALITY, 'd', params=int)]", "not a pydantic model"),
        ("exact_models", "[ModelCard('a', 'A', ModelTask.QUALITY, 'd')] * 2", "used twice"),
        ("exact_models", "[ModelCard('a', 'A', ModelTask.QUALITY, 'd', train='x')]", "must read 'package.module:func"),
        ("exact_importers", "[Importer('bad.a', 'A', 'read')]", "must read 'package.module:function'"),
        ("exact_importers", "[Importer('other.a', 'A', 'json:loads')]", "must start with"),
        ("exact_exporters", "[Exporter('bad.a', 'A', 'nowhere_at_all:write', '.txt')]", "names no module"),
        ("exact_exporters", "[Exporter('bad.a', 'A', 'json:dump', 'txt')]", "must read like '.txt'"),
        ("exact_job_types", "[JobType('train', 'Train', 'no_such_package.jobs:train')]", "names no module"),
        ("exact_search_fields", "[SearchField('loud', SearchKind.TEXT, len)]", "must start with 'bad.'"),
        ("exact_search_fields", "[SearchField('bad.too loud', SearchKind.TEXT, len)]", "no plain word"),
        ("exact_search_fields", "[SearchField('bad.x', 'sound', len)]", "no SearchKind"),
        ("exact_search_fields", "[SearchField('bad.x', SearchKind.TEXT, 'x')]", "no function"),
        ("exact_search_fields", "[SearchField('bad.x', SearchKind.TEXT)]", "needs an expression or an image_value"),
        ("exact_search_fields", "[SearchField('bad.x', SearchKind.TEXT, len, image_value=len)]", "not both"),
    ],
)
def test_a_contribution_that_breaks_a_rule_is_refused_with_the_rule(
    fakes: FakeDistributions, kernel_of: KernelOf, hook: str, answer: str, reason: str
) -> None:
    source = ANSWER.format(hook=hook, answer=answer)
    fakes.add("bad", source, files={"plugin.py": source, "static/index.js": "export default () => {};"})
    fakes.add("good", GOOD)
    kernel = kernel_of()
    assert (kernel.records["bad"].state, kernel.records["good"].state) == (State.INVALID, State.LOADED)
    assert reason in kernel.records["bad"].reason
    assert kernel.index.plugins() == ("good",)


SETTINGS = """
    from pydantic import BaseModel, ConfigDict
    from exact_core.api import PluginInfo, hookimpl

    class Settings(BaseModel):
        {body}

    @hookimpl
    def exact_plugin_info():
        return PluginInfo(title="Set", settings=Settings)
"""


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("model_config = ConfigDict(extra='forbid'); limit: int", "settings without a default value: limit"),
        ("limit: int = 3", "extra='forbid'"),
    ],
)
def test_settings_need_defaults_and_refuse_unknown_names(
    fakes: FakeDistributions, kernel_of: KernelOf, body: str, reason: str
) -> None:
    fakes.add("bad", SETTINGS.format(body=body))
    assert reason in kernel_of().records["bad"].reason


ROUTER = """
    from fastapi import APIRouter
    from starlette.staticfiles import StaticFiles
    from exact_core.api import PluginRouter, hookimpl

    class Opaque:
        def __get_pydantic_core_schema__(cls, source, handler):
            raise TypeError("no schema for this")

    router = APIRouter()
    {body}

    @hookimpl
    def exact_routers():
        return [PluginRouter(router)]
"""


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("router.add_api_route('/a', lambda: 1, response_model=type('Model', (), {}))", "Invalid args for response"),
        ("router.add_api_route('', lambda: 1)", "needs a path of its own"),
        ("router.mount('/files', StaticFiles(directory='/'))", "a Mount is not allowed"),
        ("router.add_api_websocket_route('/live', print)", "is not allowed"),
        ("[router.add_api_route('/a', lambda: 1) for _ in range(2)]", "is given twice"),
    ],
    ids=["model", "empty path", "mount", "websocket", "twice"],
)
def test_routes_that_would_harm_others_are_refused(
    fakes: FakeDistributions, kernel_of: KernelOf, body: str, reason: str
) -> None:
    fakes.add("bad", ROUTER.format(body=body))
    record = kernel_of().records["bad"]
    assert not record.state.is_running
    assert reason in record.reason


SCHEMA = """
    from sqlalchemy import ForeignKey, MetaData, Table, Column, Integer
    from exact_core.api import PluginSchema, hookimpl
    from exact_core.api.tables import core

    metadata = MetaData()
    {body}

    @hookimpl
    def exact_schema():
        return PluginSchema(metadata, "{migrations}")
"""
ID = "Column('id', Integer, primary_key=True)"


@pytest.mark.parametrize(
    ("body", "migrations", "reason"),
    [
        (f"Table('visits', metadata, {ID})", "exact_bad", "must start with 'bad_'"),
        (
            f"Table('bad_v', metadata, {ID}, Column('i', ForeignKey(core.Image.id)))",
            "exact_bad",
            "needs ondelete='CASCADE'",
        ),
        (
            f"Table('bad_v', metadata, {ID}, Column('i', ForeignKey(core.Image.id, ondelete='RESTRICT')))",
            "exact_bad",
            "needs ondelete='CASCADE'",
        ),
        (f"Table('bad_v', metadata, {ID})", "exact_bad.migrations", "no package 'exact_bad.migrations'"),
    ],
    ids=["prefix", "no ondelete", "restrict", "no migrations"],
)
def test_tables_that_would_harm_the_core_are_refused(
    fakes: FakeDistributions, kernel_of: KernelOf, body: str, migrations: str, reason: str
) -> None:
    fakes.add("bad", SCHEMA.format(body=body, migrations=migrations))
    record = kernel_of().records["bad"]
    assert record.state is State.INVALID
    assert reason in record.reason


def test_a_plugin_whose_tables_are_behind_is_loaded_but_not_usable(
    fakes: FakeDistributions, kernel_of: KernelOf
) -> None:
    fakes.add("late", SCHEMA.format(body=f"Table('late_v', metadata, {ID})", migrations="exact_late"))
    kernel = kernel_of(pending=lambda name, _schema: f"{name}: run exact db upgrade")
    record = kernel.records["late"]
    assert (record.state, record.reason) == (State.PENDING_MIGRATION, "late: run exact db upgrade")
    assert [plugin for plugin, _ in kernel.index.schemas()] == ["late"]


def test_migrations_that_cannot_be_read_stop_that_plugin_only(fakes: FakeDistributions, kernel_of: KernelOf) -> None:
    def broken(_name: str, _schema: object) -> str:
        raise SyntaxError("0001_initial.py is torn")

    fakes.add("late", SCHEMA.format(body=f"Table('late_v', metadata, {ID})", migrations="exact_late"))
    fakes.add("good", GOOD)
    records = kernel_of(pending=broken).records
    assert (records["late"].state, records["good"].state) == (State.INVALID, State.LOADED)
    assert "0001_initial.py is torn" in records["late"].reason


NEEDS = """
    from exact_core.api import PluginInfo, hookimpl

    @hookimpl
    def exact_plugin_info():
        return PluginInfo("{name}", requires={needs})
"""


def test_plugins_come_after_those_they_require_and_else_by_name(fakes: FakeDistributions, kernel_of: KernelOf) -> None:
    for name, needs in [("anna", ("zoe",)), ("mia", ()), ("zoe", ())]:
        fakes.add(name, NEEDS.format(name=name, needs=needs))
    assert [record.name for record in kernel_of().plugins()] == ["mia", "zoe", "anna"]


def test_a_plugin_whose_needs_are_missing_falls_with_all_that_need_it(
    fakes: FakeDistributions, kernel_of: KernelOf
) -> None:
    fakes.add("first", NEEDS.format(name="first", needs=("second",)))
    fakes.add("second", NEEDS.format(name="second", needs=("absent",)))
    records = kernel_of().records
    assert records["second"].reason == "it requires the plugin 'absent', which is not installed"
    assert records["first"].reason == "it requires the plugin 'second', which is invalid"


def test_plugins_that_require_each_other_are_refused_together(fakes: FakeDistributions, kernel_of: KernelOf) -> None:
    fakes.add("hen", NEEDS.format(name="hen", needs=("egg",)))
    fakes.add("egg", NEEDS.format(name="egg", needs=("hen",)))
    assert {record.state for record in kernel_of().plugins()} == {State.INVALID}


def test_removing_a_plugin_removes_exactly_what_it_brought(fakes: FakeDistributions, kernel_of: KernelOf) -> None:
    for name in ("one", "two"):
        fakes.add(
            name,
            f"{HOOK}def exact_permissions():\n"
            f"    from exact_core.api import Permission\n    return [Permission('{name}.x', 'X')]",
        )
    kernel = kernel_of()
    kernel.remove("one")
    assert [permission.name for _, permission in kernel.index.permissions()] == ["two.x"]
    assert kernel.index.permission("one.x") is None
    assert list(kernel.records) == ["two"]


ENDING = Deprecated("1.3", "1.5", "use exact_overlays")


def test_what_will_be_taken_away_is_warned_about_once_for_each_plugin_that_uses_it(
    fakes: FakeDistributions, kernel_of: KernelOf, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    hooks = dict(all_hooks())
    statistics, startup = hooks["exact_statistics"], hooks["exact_startup"]
    hooks["exact_statistics"] = replace(statistics, facts=replace(statistics.facts, deprecated=ENDING))
    gone = replace(startup.facts, deprecated_arguments={"context": Deprecated("1.9", "2.0", "open one")})
    hooks["exact_startup"] = replace(startup, facts=gone)
    monkeypatch.setattr(signatures, "all_hooks", lambda: hooks)
    head = "from exact_core.api import hookimpl\n"
    fakes.add("old", head + "@hookimpl\ndef exact_statistics(): ...\n@hookimpl\ndef exact_startup(context): ...")
    fakes.add("new", head + "@hookimpl\ndef exact_overlays(): ...\n@hookimpl\ndef exact_startup(): ...")
    kernel = kernel_of()
    assert kernel.records["new"].warnings == ()
    assert kernel.records["old"].state is State.LOADED
    assert kernel.records["old"].warnings == (
        "the argument 'context' of exact_startup is deprecated since API 1.9 and gone in 2.0; open one",
        "exact_statistics is deprecated since API 1.3 and gone in 1.5; use exact_overlays",
    )
    kernel.startup()
    kernel.shutdown()
    assert sum("exact_statistics is deprecated" in message for message in caplog.messages) == 1
    monkeypatch.setattr(hook_reference, "all_hooks", lambda: hooks)
    assert "**Deprecated** since 1.3, gone in 1.5: use exact_overlays." in hook_reference.hook_reference()


@pytest.mark.parametrize("until", ["1.3", "1.4", "1.2", "0.9"])
def test_nothing_is_taken_away_before_two_minor_versions_have_passed(until: str) -> None:
    with pytest.raises(ValueError, match="too soon"):
        Deprecated("1.3", until, "use another one")
    Deprecated("1.3", "1.5", "use another one")
    Deprecated("1.3", "2.0", "use another one")


def test_no_hook_is_older_or_newer_than_the_contract_and_none_is_overdue() -> None:
    def numbers(version: str) -> list[int]:
        return [int(part) for part in version.split(".")]

    for hook in all_hooks().values():
        assert numbers(hook.facts.since) <= numbers(API_VERSION)
        for ending in (hook.facts.deprecated, *hook.facts.deprecated_arguments.values()):
            assert ending is None or numbers(API_VERSION) < numbers(ending.until)


def test_a_reason_comes_with_the_line_that_it_is_about(fakes: FakeDistributions, kernel_of: KernelOf) -> None:
    head = "from exact_core.api import *\n"
    fakes.add("misspelt", head + "\n@hookimpl\ndef exact_statistic(): ...")
    fakes.add("raising", head + "@hookimpl\ndef exact_permissions():\n    return 1 / 0")
    fakes.add("deep", head + "from exact_deep import other", files={"other.py": "\n\nassert False"})
    fakes.add("unparsed", head + "def broken(:\n    pass")
    fakes.add("wrong", head + "@hookimpl\ndef exact_permissions():\n    return 'x'")
    fakes.add("good", GOOD)
    places = {name: record.place for name, record in kernel_of().records.items()}
    ends = {
        "misspelt": "exact_misspelt/plugin.py:4",
        "raising": "exact_raising/plugin.py:4",
        "deep": "exact_deep/other.py:3",
        "unparsed": "exact_unparsed/plugin.py:2",
        "wrong": "exact_wrong/plugin.py:3",
    }
    for name, end in ends.items():
        assert places[name].endswith(end), places[name]
    assert places["good"] == ""
