# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection's own playbooks, by their names."""

from __future__ import annotations

import pytest
from simulator import DEFAULT_DOMAIN, PEOPLE, Appliance, PocketId
from system.playbook import NAMESPACE, Playbooks, pocket_id_settings

MUFFIN = {"username": "muffin", "given_name": "Muffin", "family_name": "Muffinson", "email": "muffin@example.org"}


def names(appliance: Appliance) -> list[str]:
    return [user["userName"] for user in appliance.broker.users]


def test_every_playbook_passes_its_syntax_check(playbooks: Playbooks) -> None:
    for name in ("provision", "list", "delete", "restore", "diagnose", "rotate_token", "step_by_step"):
        playbooks.run(f"{NAMESPACE}.{name}", "--syntax-check").went_well()


def test_provision_list_and_delete(playbooks: Playbooks, appliance: Appliance) -> None:
    host = "appliance"
    variables = {**playbooks.variables, "identity_broker_hosts": host}
    appliance.add_user("crumpet@lab.example.org", PEOPLE["crumpet"], domain=DEFAULT_DOMAIN)
    appliance.login("muffin")
    playbooks.run(f"{NAMESPACE}.provision", variables={**variables, "federated_users_users": [MUFFIN]}).went_well()
    assert appliance.login("muffin").allowed

    run = playbooks.run(f"{NAMESPACE}.list", variables=variables).went_well()
    assert [user["username"] for user in run.of("scim_user_info")[0].result["users"]] == [
        "crumpet@lab.example.org",
        "muffin@lab.example.org",
    ]
    assert PEOPLE["muffin"] in run.stdout
    assert run.recap(host)["changed"] == 0

    delete = {**variables, "delete_users": ["muffin", "nobody"]}
    dry = playbooks.run(f"{NAMESPACE}.delete", "--check", "--diff", variables=delete).went_well()
    assert dry.recap(host)["changed"] == 1
    assert names(appliance) == ["crumpet@lab.example.org", "muffin@lab.example.org"]
    playbooks.run(f"{NAMESPACE}.delete", variables=delete).went_well()
    assert names(appliance) == ["crumpet@lab.example.org"]
    again = playbooks.run(f"{NAMESPACE}.delete", variables=delete).went_well()
    assert again.recap(host)["changed"] == 0


def test_delete_needs_names(playbooks: Playbooks, appliance: Appliance) -> None:
    run = playbooks.run(f"{NAMESPACE}.delete", variables=playbooks.variables)
    assert run.code != 0
    assert "delete_users" in run.output
    assert appliance.writes() == []


def test_delete_only_deletes(playbooks: Playbooks, appliance: Appliance) -> None:
    """Users in the same file of variables as the connection are not provisioned by a deletion."""
    appliance.add_user("crumpet@lab.example.org", PEOPLE["crumpet"], domain=DEFAULT_DOMAIN)
    users = [{"username": "scone", "external_id": PEOPLE["scone"]}]
    variables = {**playbooks.variables, "federated_users_users": users, "delete_users": ["crumpet"]}
    run = playbooks.run(f"{NAMESPACE}.delete", variables=variables)
    assert not [seen for seen in appliance.writes() if seen.method != "DELETE"]
    assert run.code != 0 or names(appliance) == []


def test_a_name_to_delete_is_no_list_of_letters(playbooks: Playbooks, appliance: Appliance) -> None:
    """C(-e delete_users=crumpet) is a text: whatever becomes of it, nobody called c is deleted for it."""
    appliance.add_user("crumpet@lab.example.org", PEOPLE["crumpet"], domain=DEFAULT_DOMAIN)
    appliance.add_user("c@lab.example.org", "id-of-c", domain=DEFAULT_DOMAIN)
    said = ("-e", "delete_users=crumpet")
    run = playbooks.run(f"{NAMESPACE}.delete", *said, variables=playbooks.variables)
    assert "c@lab.example.org" in names(appliance)
    # Either the one who was named, or an error; never a success that did something else.
    assert run.code != 0 or names(appliance) == ["c@lab.example.org"]


def test_step_by_step_with_a_chosen_external_id(playbooks: Playbooks, appliance: Appliance) -> None:
    appliance.login("muffin")
    variables = {**playbooks.variables, "federated_users_users": [MUFFIN]}
    chosen = ("-e", f"step_by_step_external_id={PEOPLE['muffin']}")
    playbooks.run(f"{NAMESPACE}.step_by_step", "--check", *chosen, variables=variables).went_well()
    assert (appliance.writes(), appliance.mintings()) == ([], [])

    run = playbooks.run(f"{NAMESPACE}.step_by_step", *chosen, variables=variables).went_well()
    assert run.own == ["externalid_fact", "broker_provider_info", "sync_token", "scim_user"]
    assert [attempt["external_id"] for attempt in run.of("externalid_fact")[0].result["attempts"]] == [PEOPLE["muffin"]]
    assert appliance.login("muffin").allowed
    assert len(appliance.mintings()) == 1
    again = playbooks.run(f"{NAMESPACE}.step_by_step", *chosen, variables=variables).went_well()
    assert again.of("scim_user")[0].result["operation"] == "none"


def test_step_by_step_asks_and_takes_no_empty_answer(playbooks: Playbooks, appliance: Appliance) -> None:
    appliance.login("muffin")
    run = playbooks.run(
        f"{NAMESPACE}.step_by_step", variables={**playbooks.variables, "federated_users_users": [MUFFIN]}
    )
    assert run.code != 0
    assert "external_id" in run.failure.message
    assert appliance.broker.users == []


def test_diagnose_says_it_and_repairs_what_is_safe(
    playbooks: Playbooks, appliance: Appliance, pocket_id: PocketId
) -> None:
    pocket_id.add_user("muffin", PEOPLE["muffin"], "muffin@example.org", first_name="Muffin", last_name="Muffinson")
    appliance.login("muffin")
    settings = {f"federated_users_{name}": value for name, value in pocket_id_settings(pocket_id).items()}
    variables = {**playbooks.variables, **settings, "federated_users_users": [{"username": "muffin"}]}
    run = playbooks.run(f"{NAMESPACE}.diagnose", variables={**variables, "diagnose_user": "muffin"}).went_well()
    assert "muffin is not in the broker" in run.stdout
    assert "run:  ansible-playbook homelab.identity_broker.provision --check --diff" in run.stdout
    assert appliance.writes() == []

    repair = {**variables, "diagnose_user": "muffin", "diagnose_repair": True}
    dry = playbooks.run(f"{NAMESPACE}.diagnose", "--check", variables=repair).went_well()
    assert "would be created: muffin@lab.example.org" in dry.stdout
    assert appliance.writes() == []
    playbooks.run(f"{NAMESPACE}.diagnose", variables=repair).went_well()
    assert appliance.login("muffin").allowed
    last = playbooks.run(f"{NAMESPACE}.diagnose", variables=repair).went_well()
    assert last.recap("localhost")["changed"] == 0
    assert "has no permission" in last.stdout


def test_diagnose_never_binds(playbooks: Playbooks, appliance: Appliance) -> None:
    appliance.login("muffin")
    variables = {**playbooks.variables, "federated_users_users": [MUFFIN], "diagnose_repair": True}
    run = playbooks.run(f"{NAMESPACE}.diagnose", variables=variables).went_well()
    assert f"An unknown ExternalId was refused: {PEOPLE['muffin']}." in run.stdout
    assert appliance.broker.users == []


def test_diagnose_without_the_log(playbooks: Playbooks) -> None:
    """Nothing listens there; what else is known is told all the same."""
    variables = {**playbooks.variables, "federated_users_log_host": "nowhere", "diagnose_user": "muffin"}
    run = playbooks.run(f"{NAMESPACE}.diagnose", variables=variables)
    assert "muffin is not in the broker" in run.stdout


def test_a_variable_that_an_inventory_left_behind_deletes_nobody(playbooks: Playbooks, appliance: Appliance) -> None:
    appliance.add_user("crumpet@lab.example.org", PEOPLE["crumpet"], domain=DEFAULT_DOMAIN)
    variables = {
        **playbooks.variables,
        "federated_users_users": [MUFFIN],
        "federated_users_delete": ["crumpet"],
        "delete_users": ["crumpet"],
    }
    run = playbooks.run(f"{NAMESPACE}.provision", variables=variables)
    assert "federated_users_delete was removed" in run.failure.message
    assert appliance.writes() == []
    variables.pop("federated_users_delete")
    users = [{**MUFFIN, "external_id": PEOPLE["muffin"]}]
    playbooks.run(f"{NAMESPACE}.provision", variables={**variables, "federated_users_users": users}).went_well()
    assert names(appliance) == ["crumpet@lab.example.org", "muffin@lab.example.org"]


def test_a_run_in_which_nothing_is_asked_for_is_an_error(playbooks: Playbooks, appliance: Appliance) -> None:
    variables = {**playbooks.variables, "user_csv": "people.csv"}
    run = playbooks.run(f"{NAMESPACE}.provision", variables=variables)
    assert "Nothing is asked for" in run.failure.message
    for name in ("federated_users_users", "federated_users_from_pocket_id", "provision_users_csv"):
        assert name in run.failure.message
    assert appliance.requests == []


@pytest.mark.parametrize(
    ("playbook", "wrong", "right"),
    [
        ("provision", "federated_users_purg", "federated_users_purge"),
        ("provision", "federated_users_max_delets", "federated_users_max_deletes"),
        ("provision", "provision_user_csv", "provision_users_csv"),
        ("diagnose", "diagnose_users", "diagnose_user"),
    ],
)
def test_a_misspelt_variable_is_an_error(
    playbooks: Playbooks, appliance: Appliance, playbook: str, wrong: str, right: str
) -> None:
    variables = {**playbooks.variables, "federated_users_users": [MUFFIN], wrong: "1"}
    run = playbooks.run(f"{NAMESPACE}.{playbook}", variables=variables)
    assert f"{wrong} is unknown. Did you mean {right}?" in run.failure.message
    assert appliance.requests == []


def test_other_unknown_variables_are_named_in_one_warning(playbooks: Playbooks) -> None:
    users = [{**MUFFIN, "external_id": PEOPLE["muffin"]}]
    unknown = {"federated_users_of_the_other_site": 1, "federated_users_for_later": 2}
    variables = {**playbooks.variables, "federated_users_users": users, **unknown}
    run = playbooks.run(f"{NAMESPACE}.provision", variables=variables).went_well()
    (checked,) = run.of("check_role_variables")[-1:]
    assert checked.result["unknown"] == sorted(unknown)
    assert run.output.count("have no effect") == 1


def test_repair_in_an_inventory_does_not_make_diagnose_write(playbooks: Playbooks, appliance: Appliance) -> None:
    users = [{**MUFFIN, "external_id": PEOPLE["muffin"]}]
    variables = {**playbooks.variables, "federated_users_users": users, "repair": True}
    playbooks.run(f"{NAMESPACE}.diagnose", variables=variables).went_well()
    assert appliance.broker.users == []
