"""Every check by its name, in the order in which a plugin meets them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from exact_sdk.checks import assets, contributed, living, loading, routes, tables
from exact_sdk.problems import Problem
from exact_sdk.subject import Subject
from exact_sdk.world import World

STILL: Mapping[str, Callable[[Subject], Iterable[Problem]]] = MappingProxyType(
    {
        check.__name__: check
        for check in (
            loading.it_loads,
            loading.it_loads_without_warnings,
            loading.it_loads_quickly,
            loading.it_imports_no_heavy_library,
            loading.it_names_the_core_it_was_made_for,
            loading.it_imports_only_the_contract,
            contributed.its_ids_start_with_its_name,
            contributed.its_dotted_texts_lead_to_functions,
            contributed.its_settings_have_defaults,
            contributed.its_settings_survive_being_stored,
            contributed.its_settings_can_be_drawn_as_a_form,
            contributed.its_rights_are_asked_for,
            contributed.its_jobs_say_what_they_take,
            contributed.its_search_fields_give_sql,
            contributed.its_keys_are_free,
            tables.its_tables_start_with_its_name,
            tables.its_foreign_keys_never_hold_the_core_back,
            tables.its_migrations_go_up_and_down,
            tables.its_migrations_stand_alone,
            routes.its_routes_are_described,
            routes.its_routes_can_be_described_alone,
            routes.its_routes_never_block,
            assets.its_assets_are_there,
            assets.its_assets_can_be_served,
            assets.its_files_are_in_its_wheel,
            assets.its_browser_modules_parse,
            assets.its_entry_exports_activate,
            assets.its_imports_can_be_found,
            assets.its_styles_stay_in_its_panels,
        )
    }
)
"""Checks of what is installed; nothing is started for them."""

LIVING: Mapping[str, Callable[[World], Iterable[Problem]]] = MappingProxyType(
    {
        check.__name__: check
        for check in (
            living.its_routes_need_a_login,
            living.its_routes_are_hidden_from_strangers,
            living.its_routes_change_nothing_for_readers,
            living.its_rights_are_enforced,
            living.its_routes_are_gone_where_it_is_off,
            living.its_routes_answer_an_empty_image,
            living.switching_it_keeps_its_settings,
            living.its_browser_files_are_served,
            living.its_answers_are_named_after_it,
            living.drawing_goes_on_beside_it,
            living.taking_it_away_leaves_the_core_whole,
            living.nothing_it_did_failed,
        )
    }
)
"""Checks of a running instance with the plugin on in one image set."""
