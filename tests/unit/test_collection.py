# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be true of the collection's files as a whole."""

from __future__ import annotations

import ast
import importlib
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PLUGINS = ROOT / "plugins"
MODULES = sorted(path.stem for path in (PLUGINS / "modules").glob("[!_]*.py"))
UTILS = sorted(path.stem for path in (PLUGINS / "module_utils").glob("[!_]*.py")) + sorted(
    path.stem for path in (PLUGINS / "module_utils").glob("_[!_]*.py")
)
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir())
FRAGMENT = "homelab.identity_broker."

# Imports run downwards only; the ground floor is pure.
FLOORS = (
    {
        *{"_errors", "_texts", "_broker_answers", "_users", "_federation_log", "_candidates", "_plan", "_desired"},
        *{"_failed_users", "_renames", "_settling"},
        "_secret_forms",
        *{"_csv_text", "_users_csv", "_spelling", "_membership"},
        *{
            "_directory",
            "_purge",
            "_recreation",
            "_verification",
            "_user_update",
            "_scim_names",
            "_retry",
            "_error_bodies",
        },
        *{
            "_diagnosis",
            "_client_log",
            "_user_permissions",
            "_next_steps",
            "_login_failures",
            "_log_completeness",
            "_log_lines",
            "_log_window",
            "_log_commands",
            "_summary",
            "_read_only",
            "_groups",
            "_group_plan",
            "_chosen_entries",
            "_guards",
            "_undo",
            "_identities",
        },
        *{"_text_table", "_user_rows", "_user_report", "_user_page", "_user_page_script", "_user_page_style"},
        *{"_pocket_id_answers", "_people", "_provider_users", "_provider_merge", "_mirror", "_oidc_client_plan"},
        *{"_permissions", "_permission_plan"},
        *{"_token_rotation", "_ssh_access"},
        *{"_sddc_answers", "_sddc_settings", "_sddc_choice", "_sddc_sync"},
        *{"_broker_objects", "_broker_object_plan", "_broker_api_answers", "_broker_results", "_client_rotation"},
        *{"_allow_list", "_login_stream", "_login_events", "_log_position", "_syslog_frames"},
    },
    {
        "_address",
        "_file_identity",
        "_http",
        "_minting_lock",
        "_tls",
        "_private_file",
        "_token_file",
        "_token_targets",
        "_journal",
        "_ssh_lease",
        "_scim_server",
    },
    {
        *{"_vcenter", "_scim", "_scim_pages", "_pocket_id", "_authorization", "_root_folder"},
        *{"_sddc_manager", "_workspace_one", "_identity_services"},
        *{"_log_reader", "_log_result", "_log_follower"},
    },
    {
        "_read_people",
        "_read_diagnosis",
        "_access",
        "_apply",
        "_apply_mirror",
        "_apply_user_permissions",
        "_apply_oidc_client",
        "_apply_group",
        "_apply_membership",
        "_apply_permission",
        "_apply_broker_object",
        "_apply_client_secret",
        "_provision",
        "_ssh_guard",
        "_write_user",
        "_apply_sddc",
        "_apply_sddc_token",
        "_event_source",
        "_follow_over_ssh",
        "_listen_for_syslog",
    },
    {"_module"},
    {"_sddc_session", "_broker_session", "_pocket_id_session", "_permission_session"},
)


def constants(path: Path) -> dict[str, str]:
    """The texts that a file, or its class, assigns to names."""
    tree = ast.parse(path.read_text())
    return {
        node.targets[0].id: node.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    }


def documentation(module: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(constants(PLUGINS / f"modules/{module}.py")["DOCUMENTATION"])
    return found


def fragment_options(name: str) -> set[str]:
    """The options of a fragment; C(vcenter.prefixed) is C(vcenter) with two names changed."""
    file, _dot, part = name.partition(".")
    texts = constants(PLUGINS / f"doc_fragments/{file}.py")
    options = set(yaml.safe_load(texts["DOCUMENTATION"]).get("options") or ())
    if part == "prefixed":
        return {f"vcenter_{option}" if option in ("username", "password") else option for option in options}
    return options


def options_of(module: str) -> set[str]:
    document = documentation(module)
    fragments = [
        name.removeprefix(FRAGMENT)
        for name in document.get("extends_documentation_fragment", [])
        if name.startswith(FRAGMENT) and not name.startswith(f"{FRAGMENT}attributes")
    ]
    return set(document.get("options") or ()).union(*(fragment_options(name) for name in fragments))


def test_every_module_has_examples_and_an_integration_target() -> None:
    for module in MODULES:
        assert constants(PLUGINS / f"modules/{module}.py")["EXAMPLES"].strip(), module
        assert (ROOT / f"tests/integration/targets/{module}/tasks/main.yml").is_file(), module


@pytest.mark.parametrize("module", MODULES)
def test_examples_use_documented_options_only(module: str) -> None:
    for task in yaml.safe_load(constants(PLUGINS / f"modules/{module}.py")["EXAMPLES"]):
        for key, arguments in task.items():
            if key.startswith(FRAGMENT):
                name = key.removeprefix(FRAGMENT)
                assert set(arguments or ()) <= options_of(name), (module, task["name"])


class Specified(Exception):  # noqa: N818
    """Ends a module as soon as it has told its options."""

    def __init__(self, argument_spec: dict[str, Any]) -> None:
        self.argument_spec = argument_spec


def specified_options(module: str, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The options that the code takes."""
    action = PLUGINS / f"action/{module}.py"
    if action.exists():
        specs = [
            node.value
            for node in ast.parse(action.read_text()).body
            if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "ARGUMENT_SPEC"
        ]
        assert isinstance(specs[0], ast.Dict)
        return {ast.literal_eval(key) for key in specs[0].keys if key is not None}

    def tell(argument_spec: dict[str, Any], **_others: Any) -> None:
        raise Specified(argument_spec)

    collection = "ansible_collections.homelab.identity_broker.plugins"
    monkeypatch.setattr(importlib.import_module(f"{collection}.module_utils._module"), "AnsibleModule", tell)
    with pytest.raises(Specified) as told:
        importlib.import_module(f"{collection}.modules.{module}").main()
    return set(told.value.argument_spec)


@pytest.mark.parametrize("module", MODULES)
def test_the_code_takes_the_documented_options(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert specified_options(module, monkeypatch) == options_of(module)


def test_open_ssh_takes_the_connection_that_modules_take() -> None:
    """Both are written out, since the action must not import what the modules need."""
    collection = "ansible_collections.homelab.identity_broker.plugins"
    spec = importlib.import_module(f"{collection}.action.externalid_fact").OPEN_SSH_SPEC
    session = importlib.import_module(f"{collection}.module_utils._broker_session")
    modules = {**session.vcenter_spec(), **session.journal_spec()}
    assert {name: option for name, option in spec.items() if name in modules} == {
        name: option for name, option in modules.items() if name != "tenant"
    }
    documented = documentation("externalid_fact")["options"]["open_ssh"]["suboptions"]
    assert {name: (option["type"], option.get("default")) for name, option in documented.items()} == {
        name: (option["type"], option.get("default")) for name, option in spec.items()
    }


@pytest.mark.parametrize(
    ("source", "code"), [("federation_log", "follow_over_ssh"), ("federation_syslog", "listen_for_syslog")]
)
def test_an_event_source_takes_the_documented_options(source: str, code: str) -> None:
    """Galaxy reads their documentation too, where C(meta/extensions.yml) names them."""
    texts = constants(ROOT / f"extensions/eda/plugins/event_source/{source}.py")
    module = importlib.import_module(f"ansible_collections.homelab.identity_broker.plugins.module_utils._{code}")
    assert set(yaml.safe_load(texts["DOCUMENTATION"])["options"]) == module.OPTIONS
    ((example,),) = ([*item] for item in yaml.safe_load(texts["EXAMPLES"]))
    assert example == f"{FRAGMENT}{source}"


@pytest.mark.parametrize("group", ["vcenter", "scim", "scim_info", "pocket_id", "sddc", "workspace_one"])
def test_an_action_group_holds_the_modules_that_take_all_its_options(group: str) -> None:
    groups = yaml.safe_load((ROOT / "meta/runtime.yml").read_text())["action_groups"]
    fitting = [
        module
        for module in MODULES
        if f"{FRAGMENT}{group}" in documentation(module).get("extends_documentation_fragment", [])
    ]
    if group == "scim_info":
        # Modules that write take these options too, and are in the group with all of them.
        fitting = [module for module in fitting if module not in groups["scim"]]
    assert sorted(groups[group]) == fitting
    for module in fitting:
        assert fragment_options(group) <= options_of(module)


def test_modules_that_read_take_no_option_that_mints() -> None:
    groups = yaml.safe_load((ROOT / "meta/runtime.yml").read_text())["action_groups"]
    minting = fragment_options("scim")
    assert minting == {"mint_token", "check_mode_mint"}
    for module in MODULES:
        assert bool(minting & options_of(module)) == (module in groups["scim"]), module
    assert groups["scim_info"] == [module for module in groups["scim_info"] if module.endswith("_info")]
    for module in groups["scim"]:
        assert fragment_options("scim_info") <= options_of(module), "group defaults for scim hold all options"


def test_externalid_fact_is_in_no_group() -> None:
    groups = yaml.safe_load((ROOT / "meta/runtime.yml").read_text())["action_groups"]
    assert not any("externalid_fact" in modules for modules in groups.values())


def test_imports_run_downwards_only() -> None:
    floor_of = {name: number for number, names in enumerate(FLOORS) for name in names}
    assert sorted(floor_of) == UTILS
    for name in UTILS:
        for imported in imports(PLUGINS / f"module_utils/{name}.py"):
            if imported.startswith("."):
                assert floor_of[imported[1:]] <= floor_of[name], f"{name} imports {imported}"
            elif floor_of[name] == 0:
                assert imported.partition(".")[0] in sys.stdlib_module_names, f"{name} imports {imported}"
            elif imported.startswith("ansible"):
                assert floor_of[name] >= floor_of["_module"], f"{name} imports {imported}"


def test_the_ground_floor_does_no_input_or_output() -> None:
    for name in FLOORS[0]:
        for imported in imports(PLUGINS / f"module_utils/{name}.py"):
            assert imported not in ("socket", "ssl", "subprocess", "os", "pathlib", "time", "requests"), name


def imports(path: Path) -> list[str]:
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append(f"{'.' * node.level}{node.module or ''}")
    return found


@pytest.mark.parametrize("name", ROLES)
def test_a_role_documents_exactly_what_it_uses(name: str) -> None:
    role = ROOT / "roles" / name
    text = "".join(path.read_text() for path in [*role.glob("tasks/*.yml"), *role.glob("defaults/*.yml")])
    used = set(re.findall(rf"\b{name}_\w+", text))
    registered = set(re.findall(rf"(?:register|loop_var): ({name}_\w+)", text))
    documented = yaml.safe_load((role / "meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    removed = set(re.findall(rf"^ +({name}_\w+): was removed\.", text, re.MULTILINE))
    assert used - registered - removed == set(documented)
    assert removed.isdisjoint(documented)


@pytest.mark.parametrize("name", ROLES)
def test_defaults_are_the_documented_ones(name: str) -> None:
    role = ROOT / "roles" / name
    defaults = yaml.safe_load((role / "defaults/main.yml").read_text())
    documented = yaml.safe_load((role / "meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    for option_name, option in documented.items():
        if "default" in option and "{{" not in str(defaults[option_name]):
            got, wanted = defaults[option_name], option["default"]
            assert got == wanted or str(got) == str(wanted), option_name


def test_every_file_names_its_licence() -> None:
    for path in [*PLUGINS.rglob("*.py"), *(ROOT / "roles").rglob("*.yml"), *(ROOT / "playbooks").glob("*.yml")]:
        assert "SPDX-License-Identifier: GPL-3.0-or-later" in path.read_text()[:400], path
