"""What isolation and scope of hooks cost, beside pluggy's own calls, as CPU ratios of one interleaved run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

from exact_core.api.markers import hookimpl
from exact_core.kernel.activation import SetActivation
from exact_core.kernel.dispatch import Dispatcher
from exact_core.kernel.faults import FaultLog
from exact_core.kernel.hooks import Hooks
from exact_core.kernel.signatures import new_plugin_manager

HOOK = "exact_statistics"
ROUNDS, CALLS = 60, 400
_VALUES: dict[str, Any] = {"session": None, "region": None, "reader": None, "settings": None}


def run() -> list[dict[str, object]]:
    """Compare the dispatcher with 3 of 11 plugins on to pluggy over all 11, and over the same 3."""
    names = [f"plugin{number}" for number in range(11)]
    everybody, three = _manager(names), _manager(names[:3])
    dispatcher = Dispatcher(everybody, FaultLog())
    activation = SetActivation(1, frozenset(names[:3]))
    values = {key: value for key, value in _VALUES.items() if key != "settings"}
    of_three, of_all = getattr(three.hook, HOOK), getattr(everybody.hook, HOOK)
    calls: dict[str, Callable[[], object]] = {
        "ours": lambda: dispatcher.collect(HOOK, values, activation),
        "pluggy 11": lambda: of_all(**_VALUES),
        "pluggy 3": lambda: of_three(**_VALUES),
    }
    assert [plugin for plugin, _ in dispatcher.collect(HOOK, values, activation)] == names[2::-1]
    assert (len(of_all(**_VALUES)), len(of_three(**_VALUES))) == (11, 3)
    ratios = _ratios(calls)
    return [
        _figure("dispatcher, 3 of 11 plugins on", ratios["pluggy 11"], 1.0, "pluggy's pm.hook over all 11"),
        _figure("dispatcher, 3 of 11 plugins on", ratios["pluggy 3"], 2.0, "pluggy's call over the same 3"),
        _tile_figure(),
    ]


def _manager(names: list[str]) -> Any:
    manager = new_plugin_manager()
    for name in names:
        module = ModuleType(name)
        module.exact_statistics = hookimpl(_count)  # type: ignore[attr-defined]
        manager.register(module, name)
    return manager


def _count(region: object, settings: object) -> int:
    return 1


def _ratios(calls: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Our CPU time over that of each other, per round and interleaved, so that a busy machine slows all alike."""
    spent: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            started = time.process_time_ns()
            for _ in range(CALLS):
                call()
            spent[name].append(time.process_time_ns() - started)
    return {
        name: statistics.median(ours / theirs for ours, theirs in zip(spent["ours"], times, strict=True))
        for name, times in spent.items()
    }


def _figure(name: str, ratio: float, most: float, peer: str) -> dict[str, object]:
    return {
        "name": name,
        "value": round(ratio, 2),
        "unit": "x CPU",
        "bar": f"<= {most:g}",
        "holds": ratio <= most,
        "peer": peer,
    }


def _tile_figure() -> dict[str, object]:
    """Count calls of the dispatcher while tiles are asked about in a set without a tile plugin."""

    class Counting(Dispatcher):
        entered = 0

        def _prepare(self, *arguments: Any, **more: Any) -> Any:
            Counting.entered += 1
            return super()._prepare(*arguments, **more)

    class Off:
        def of(self, image_set_id: int) -> SetActivation:
            return SetActivation(image_set_id, frozenset({"plugin0"}))

    faults = FaultLog()
    hooks = Hooks(Counting(_manager(["plugin0"]), faults), Off(), faults)  # type: ignore[arg-type]
    wanted = sum(bool(hooks.tile_key(1)) for _ in range(1000))
    return {
        "name": "dispatcher entered per 1000 tiles without a tile plugin",
        "value": Counting.entered + wanted,
        "unit": "calls",
        "bar": "0",
        "holds": Counting.entered + wanted == 0,
    }
