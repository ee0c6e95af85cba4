"""The one place that calls hooks: policies, scopes, isolation of failures.

pluggy's own call aborts for everybody when one implementation raises, so implementations are read from it and called
here, each on its own.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pluggy

from exact_core.api.errors import PluginError, Refused, Unavailable
from exact_core.api.markers import Policy, Scope
from exact_core.kernel.records import CORE_PREFIX
from exact_core.kernel.signatures import Hook, all_hooks

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from exact_core.kernel.activation import SetActivation
    from exact_core.kernel.faults import FaultLog

SLOW_SECONDS = 0.05
"""A hook that takes longer is warned about, with the plugin's name."""

_WARN_AGAIN_SECONDS = 60.0
_PLANS_KEPT = 4096
_FAILURES = (Exception, SystemExit)  # KeyboardInterrupt and cancellation go through
_FORBIDDEN_IN_GUARDS = ("commit", "rollback", "close", "reset", "invalidate")

_log = logging.getLogger("exact.plugins")
_clock = time.perf_counter


@dataclass(frozen=True, slots=True)
class Personal:
    """An argument that each plugin gets its own value of."""

    name: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Implementation:
    plugin: str
    function: Callable[..., Any]
    arguments: tuple[str, ...]


_Plan = tuple[_Implementation, ...]


class Dispatcher:
    """Calls hooks for the plugins concerned and applies the policy that each hook declares."""

    def __init__(self, manager: pluggy.PluginManager, faults: FaultLog, slow_seconds: float = SLOW_SECONDS) -> None:
        self._manager = manager
        self._faults = faults
        self._slow_seconds = slow_seconds
        self._plans: dict[tuple[str, frozenset[str] | None], _Plan] = {}
        self._warned: dict[tuple[str, str], float] = {}

    def plugins_changed(self) -> None:
        """Forget who implements what, after a plugin was registered or removed."""
        self._plans.clear()

    def is_implemented(self, name: str, activation: SetActivation | None = None) -> bool:
        """Whether anybody would be called."""
        return bool(self._plan(all_hooks()[name], activation))

    def collect(
        self,
        name: str,
        arguments: Mapping[str, Any],
        activation: SetActivation | None = None,
        only: str | None = None,
    ) -> list[tuple[str, Any]]:
        """Ask everybody; the answers that are not None, with the plugin that gave each."""
        plan, given, personal = self._prepare(name, Policy.COLLECT, arguments, activation, None, only)
        answers = []
        for each in plan:
            started = _clock()
            try:
                if personal is not None:
                    given[personal.name] = personal.values.get(each.plugin)
                answer = each.function(*[given[argument] for argument in each.arguments])
            except _FAILURES as error:
                self._faults.record(each.plugin, name, error, _set_of(activation))
                continue
            if _clock() - started > self._slow_seconds:
                self._warn_slow(each.plugin, name, _clock() - started)
            if answer is not None:
                answers.append((each.plugin, answer))
        return answers

    def first(
        self, name: str, arguments: Mapping[str, Any], activation: SetActivation | None = None
    ) -> tuple[str, Any] | None:
        """Ask one after the other; the first answer that is not None, with its plugin."""
        plan, given, personal = self._prepare(name, Policy.FIRST, arguments, activation)
        for each in plan:
            succeeded, answer = self._call(each, name, given, personal, activation)
            if succeeded and answer is not None:
                return each.plugin, answer
        return None

    def chain(
        self, name: str, value_name: str, arguments: Mapping[str, Any], activation: SetActivation | None = None
    ) -> Any:
        """Hand a value through everybody; who raises or answers None, or another type, leaves it as it was."""
        plan, given, personal = self._prepare(name, Policy.CHAIN, arguments, activation)
        for each in plan:
            succeeded, answer = self._call(each, name, given, personal, activation)
            if not succeeded or answer is None:
                continue
            value = given[value_name]
            if isinstance(answer, type(value)):
                given[value_name] = answer
            else:
                wrong = TypeError(f"answered {type(answer).__name__}, not {type(value).__name__}")
                self._faults.record(each.plugin, name, wrong, _set_of(activation))
        return given[value_name]

    def notify(
        self,
        name: str,
        arguments: Mapping[str, Any],
        activation: SetActivation | None = None,
        personal: Personal | None = None,
    ) -> None:
        """Tell everybody, whatever some of them do."""
        plan, given, own = self._prepare(name, Policy.NOTIFY, arguments, activation, personal)
        for each in plan:
            self._call(each, name, given, own, activation)

    def guard(
        self,
        name: str,
        session: Session,
        arguments: Mapping[str, Any],
        activation: SetActivation | None = None,
        only: str | None = None,
        required: bool = False,
    ) -> list[tuple[str, Any]]:
        """Ask inside the transaction, each in a savepoint of its own; the answers that are not None.

        Args:
            name: The hook.
            session: The transaction's session.
            arguments: What the hook offers, without the session.
            activation: The image set concerned.
            only: The one plugin to ask.
            required: Whether that one plugin must not fail.

        Raises:
            Refused: A plugin does not allow the change.
            Unavailable: A plugin that is marked as required failed or does not run.
        """
        plan, given, personal = self._prepare(
            name, Policy.GUARD, {**arguments, "session": session}, activation, None, only
        )
        if activation is not None and activation.absent:
            plugin, reason = next(iter(activation.absent.items()))
            raise Unavailable(f"The plugin {plugin!r} is required in this image set and does not run: {reason}")
        answers = []
        for each in plan:
            if personal is not None:
                given[personal.name] = personal.values.get(each.plugin)
            must_not_fail = required or (activation is not None and each.plugin in activation.required)
            answer = self._guard_one(each, name, session, given, _set_of(activation), must_not_fail)
            if answer is not None:
                answers.append((each.plugin, answer))
        return answers

    def _guard_one(
        self,
        each: _Implementation,
        name: str,
        session: Session,
        given: Mapping[str, Any],
        image_set_id: int | None,
        must_not_fail: bool,
    ) -> Any:
        answer = None
        savepoint = session.begin_nested()  # flushes what the core has pending: such an error is the core's own
        root = session.get_transaction()
        started = _clock()
        try:
            with _without_endings(session):
                said = each.function(*[given[argument] for argument in each.arguments])
            savepoint.commit()
            answer = said  # of one whose writes stay
        except Refused as refusal:
            raise Refused(refusal.reason, each.plugin) from refusal
        except _FAILURES as error:
            if session.in_nested_transaction():
                savepoint.rollback()
            self._faults.record(each.plugin, name, error, image_set_id)
            if must_not_fail:
                raise Unavailable(
                    f"The change was not saved: the plugin {each.plugin!r} is required in this image set and failed."
                ) from error
        if session.get_transaction() is not root:
            raise PluginError(500, "transaction-ended", f"The plugin {each.plugin!r} ended the transaction in {name}.")
        if _clock() - started > self._slow_seconds:
            self._warn_slow(each.plugin, name, _clock() - started)
        return answer

    def _call(
        self,
        each: _Implementation,
        name: str,
        given: dict[str, Any],
        personal: Personal | None,
        activation: SetActivation | None,
    ) -> tuple[bool, Any]:
        started = _clock()
        try:
            if personal is not None:
                given[personal.name] = personal.values.get(each.plugin)
            answer = each.function(*[given[argument] for argument in each.arguments])
        except _FAILURES as error:
            self._faults.record(each.plugin, name, error, _set_of(activation))
            return False, None
        if _clock() - started > self._slow_seconds:
            self._warn_slow(each.plugin, name, _clock() - started)
        return True, answer

    def _prepare(
        self,
        name: str,
        policy: Policy,
        arguments: Mapping[str, Any],
        activation: SetActivation | None,
        personal: Personal | None = None,
        only: str | None = None,
    ) -> tuple[_Plan, dict[str, Any], Personal | None]:
        hook = all_hooks()[name]
        if hook.facts.policy is not policy:
            raise TypeError(f"{name} is a {hook.facts.policy} hook, not a {policy} hook")
        plan = self._plan(hook, activation)
        if only is not None:
            plan = tuple(each for each in plan if each.plugin == only)
        if activation is not None and "settings" in hook.arguments:
            personal = Personal("settings", activation.settings)
        return plan, dict(arguments), personal

    def _plan(self, hook: Hook, activation: SetActivation | None) -> _Plan:
        if hook.facts.scope is Scope.IMAGE_SET and activation is None:
            raise TypeError(f"{hook.name} is called for an image set; say for which")
        enabled = activation.enabled if activation is not None and hook.facts.scope is Scope.IMAGE_SET else None
        key = (hook.name, enabled)
        plan = self._plans.get(key)
        if plan is None:
            if len(self._plans) >= _PLANS_KEPT:
                self._plans.clear()
            plan = self._plans[key] = self._read_implementations(hook, enabled)
        return plan

    def _read_implementations(self, hook: Hook, enabled: frozenset[str] | None) -> _Plan:
        caller = getattr(self._manager.hook, hook.name)
        return tuple(
            _Implementation(each.plugin_name, each.function, tuple(each.argnames))
            for each in reversed(caller.get_hookimpls())  # pluggy calls the last registered first
            if enabled is None or each.plugin_name in enabled or each.plugin_name.startswith(CORE_PREFIX)
        )

    def _warn_slow(self, plugin: str, name: str, seconds: float) -> None:
        now = _clock()
        if now - self._warned.get((plugin, name), -_WARN_AGAIN_SECONDS) >= _WARN_AGAIN_SECONDS:
            self._warned[plugin, name] = now
            _log.warning("Plugin %s is slow: %s took %.0f ms; put long work into a job", plugin, name, seconds * 1000)


def call_alone(function: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    """Run code of a plugin outside of the hooks; its result, or what it raised."""
    try:
        return function(), None
    except _FAILURES as error:
        return None, error


@contextmanager
def blamed_on(
    faults: FaultLog, plugin: str, place: str, image_set_id: int | None, *, passes: tuple[type[BaseException], ...]
) -> Iterator[None]:
    """Record what a plugin's code raises and raise a ``PluginError`` that names the plugin instead.

    Args:
        faults: Where to record it.
        plugin: Whose code runs.
        place: Route or job.
        image_set_id: The image set concerned.
        passes: Deliberate answers, which go through as they are.
    """
    try:
        yield
    except passes:
        raise
    except _FAILURES as error:
        faults.record(plugin, place, error, image_set_id)
        raise PluginError(
            500, "plugin-failed", f"The plugin {plugin!r} failed; an administrator can see why."
        ) from error


def _set_of(activation: SetActivation | None) -> int | None:
    return None if activation is None else activation.image_set_id


@contextmanager
def _without_endings(session: Session) -> Iterator[None]:
    """Let nobody end the transaction through this session for a while."""

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("a hook that runs inside a transaction must not end it")

    patched = vars(session)
    before = {name: patched[name] for name in _FORBIDDEN_IN_GUARDS if name in patched}
    patched.update(dict.fromkeys(_FORBIDDEN_IN_GUARDS, refuse))
    try:
        yield
    finally:
        for name in _FORBIDDEN_IN_GUARDS:
            del patched[name]
        patched.update(before)
