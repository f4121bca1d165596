# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""People from CSV files: the lookup and the playbook provision, as ansible-playbook runs them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from simulator import PEOPLE, Appliance
from system.playbook import COLLECTION, NAMESPACE, PLAYBOOK_COMMAND, REPOSITORY, Json, Playbooks, Run

# The oldest and the newest ansible-core; the second is there only where a Python is new enough for it.
NEXT = REPOSITORY / ".cache/venv-next/bin/ansible-playbook"
CORES = [
    pytest.param(PLAYBOOK_COMMAND, id="oldest"),
    pytest.param(NEXT, id="newest", marks=pytest.mark.skipif(not NEXT.exists(), reason="no newest ansible-core")),
]
LAMS = f"""\
# username, first, last, email, externalId
muffin, Muffin, Muffinson, muffin@example.org, {PEOPLE["muffin"]}
scone, Scone, "Sconely, Jr.", scone@example.org, {PEOPLE["scone"]}
"""


def start(playbooks: Playbooks, playbook: str | list[Json], *arguments: str, **options: Any) -> Run:
    run = playbooks.run(playbook, *arguments, **options)
    assert "Traceback" not in run.output
    return run


def provision(playbooks: Playbooks, path: Path | str, *arguments: str, **options: Any) -> Run:
    variables = {**playbooks.variables, **options.pop("variables", {})}
    said = ("-e", f"provision_users_csv={path}", *arguments)
    return start(playbooks, f"{NAMESPACE}.provision", *said, variables=variables, **options)


def looked_up(playbooks: Playbooks, *expressions: str, core: Path) -> list[Any]:
    """What each expression yields in a playbook."""
    run = start(playbooks, [play(*expressions)], core=core).went_well()
    return [result.result["ansible_facts"]["found"] for result in run.results]


def play(*expressions: str, **more: Any) -> Json:
    tasks = [{"ansible.builtin.set_fact": {"found": f"{{{{ {expression} }}}}"}} for expression in expressions]
    return {"hosts": "localhost", "gather_facts": False, **more, "tasks": tasks}


def held(appliance: Appliance) -> dict[str, Json]:
    return {user["userName"].partition("@")[0]: user for user in appliance.broker.users}


# The playbook


def test_provision_from_the_file_of_lams_script(playbooks: Playbooks, appliance: Appliance) -> None:
    path = playbooks.folder / "people.csv"
    path.write_text(LAMS)
    dry = provision(playbooks, "people.csv", "--check", "--diff").went_well()
    assert appliance.writes() == []
    assert "+scone@lab.example.org:" in dry.stdout.replace("    ", "").replace('"', "")

    real = provision(playbooks, "people.csv", "--diff").went_well()
    assert real.of("scim_users")[0].result["diff"] == dry.of("scim_users")[0].result["diff"]
    scone = held(appliance)["scone"]
    assert (scone["externalId"], scone["name"]) == (
        PEOPLE["scone"],
        {"givenName": "Scone", "familyName": "Sconely, Jr."},
    )
    assert appliance.login("muffin").allowed

    appliance.clear_requests()
    again = provision(playbooks, "people.csv").went_well()
    assert again.recap("localhost")["changed"] == 0
    assert appliance.writes() == []

    path.write_text(LAMS.replace(" Scone,", " ,").replace(" Muffin,", " <clear>,").replace("scone@", "s@"))
    provision(playbooks, path).went_well()
    assert held(appliance)["scone"]["name"]["givenName"] == "Scone"
    assert held(appliance)["scone"]["emails"][0]["value"] == "s@example.org"
    assert not held(appliance)["muffin"]["name"].get("givenName")


@pytest.mark.parametrize("core", CORES)
def test_cells_are_never_templates(playbooks: Playbooks, appliance: Appliance, core: Path) -> None:
    """Neither by the lookup, nor as a fact, nor as the variable of the role."""
    cells = ["{{ 1 + 1 }}", "{% raw %}x", "{# gone #}", "{{ lookup('pipe', 'touch made') }}", "{{ no_such }}"]
    table = [f'p{number},"{cell}",,p{number}@x,"{cell}"' for number, cell in enumerate(cells)]
    (playbooks.folder / "people.csv").write_text("\n".join(table))
    found = looked_up(playbooks, f"query('{NAMESPACE}.users_csv', 'people.csv')", core=core)[0]
    assert [(each["given_name"], each["external_id"]) for each in found] == [(cell, cell) for cell in cells]
    provision(playbooks, "people.csv", core=core).went_well()
    # In whatever order they were created.
    users = [held(appliance)[f"p{number}"] for number in range(len(cells))]
    assert [(user["name"]["givenName"], user["externalId"]) for user in users] == [(cell, cell) for cell in cells]
    assert not list(playbooks.folder.rglob("made"))


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("pwd", ["right", "stale", "none"])
def test_a_relative_path_begins_where_ansible_was_started(
    playbooks: Playbooks, appliance: Appliance, core: Path, pwd: str
) -> None:
    folder = playbooks.folder / "a place"
    (folder / "lists").mkdir(parents=True)
    (folder / "lists/people.csv").write_text(LAMS)
    environment = {"right": {"PWD": str(folder)}, "stale": {"PWD": "/"}, "none": {}}[pwd]
    provision(playbooks, "lists/people.csv", core=core, folder=folder, environment=environment).went_well()
    assert sorted(held(appliance)) == ["muffin", "scone"]


def test_a_path_in_the_home(playbooks: Playbooks, appliance: Appliance) -> None:
    (playbooks.home / "people.csv").write_text(LAMS)
    provision(playbooks, "~/people.csv").went_well()
    assert sorted(held(appliance)) == ["muffin", "scone"]


def test_people_that_are_given_twice(playbooks: Playbooks, appliance: Appliance) -> None:
    """An extra variable is stronger than any fact, and would win unseen."""
    (playbooks.folder / "people.csv").write_text(LAMS)
    users = [{"username": "tart", "external_id": "id-of-tart"}]
    run = provision(playbooks, "people.csv", variables={"federated_users_users": users})
    assert "Give one of them" in run.failure.message
    assert appliance.requests == []


def test_the_file_is_stronger_than_the_inventory(playbooks: Playbooks, appliance: Appliance) -> None:
    (playbooks.folder / "people.csv").write_text(LAMS)
    playbooks.hosts["localhost"]["federated_users_users"] = [{"username": "tart", "external_id": "id-of-tart"}]
    provision(playbooks, "people.csv").went_well()
    assert sorted(held(appliance)) == ["muffin", "scone"]
    start(playbooks, f"{NAMESPACE}.provision", variables=playbooks.variables).went_well()
    assert sorted(held(appliance)) == ["muffin", "scone", "tart"]


def test_the_examples_of_the_documentation_run(playbooks: Playbooks, appliance: Appliance) -> None:
    text = (COLLECTION / "plugins/lookup/users_csv.py").read_text()
    examples = text.partition('EXAMPLES = r"""')[2].partition('"""')[0]
    tasks = yaml.safe_load(examples.replace("vcsa.example.org", "localhost"))
    files = [
        "".join(line.removeprefix("#   ") for line in part.splitlines(keepends=True) if line.startswith("#   "))
        for part in examples.partition("- name")[0].split("people.csv")[1:]
    ]
    assert len(files) == len(tasks) == 2
    (playbooks.folder / "old.csv").write_bytes("username;first\nmuffin;Jürgen".encode("cp1252"))
    environment = {"VMWARE_PORT": str(appliance.https_port), "VMWARE_CA_PATH": str(appliance.ca_file)}
    play_of_one = {"hosts": "localhost", "gather_facts": False, "tasks": tasks[:1]}
    variables = {"vault_vcenter_password": appliance.password}
    for file in files:
        (playbooks.folder / "people.csv").write_text(file)
        found = looked_up(playbooks, f"query('{NAMESPACE}.users_csv', 'people.csv')", core=PLAYBOOK_COMMAND)[0]
        assert found[0]["username"] == "muffin"
        assert found[0]["external_id"] == "d0e47cc3-ff12-45fd-b4ba-6a30628bd50e"
    (playbooks.folder / "people.csv").write_text(files[0])
    start(playbooks, [play_of_one], variables=variables, environment=environment).went_well()
    assert sorted(held(appliance)) == ["muffin"]
    start(playbooks, [{**play_of_one, "tasks": tasks[1:]}], variables=variables, environment=environment).went_well()
    assert held(appliance)["muffin"]["name"]["givenName"] == "Jürgen"


# What a user does wrong


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (None, ("people.csv: there is no such file",)),
        ("", ("people.csv: there are no people in it",)),
        ("# muffin\n", ("there are no people in it",)),
        (LAMS.replace("Muffin,", "Müffin,").encode("latin-1"), ("line 2, byte ", "(0xFC", "Save it as UTF-8")),
        ("username,mail\nmuffin,x", ("line 1, column mail: is not known", "Known are: username, domain")),
        ("first,last\nmuffin,x", ("line 1, column username: is not in the header",)),
        ("username\nmuffin\nMUFFIN\n", ("line 3, column username: 'MUFFIN' stands in line 2 already",)),
        ("muffin\n", ("line 1: there is no header", "username, first, last, email, externalId")),
        ('username,first\nmuffin,"Muf\nfin"', ("line 2, column first: holds a line break",)),
        ('username,first\nmuffin,"Muf', ("line 2, column first: a quote begins here",)),
        ("username,active\nmuffin,x\nscone,y\n", ("2 problems", "line 2, column active", "line 3, column active: 'y'")),
        ("username,active\n" + "".join(f"u{n},x\n" for n in range(14)), ("14 problems", "line 11,", "and 4 more")),
        (b"\x00\x01\x02", ("line 1: holds a NUL byte",)),
    ],
)
def test_a_file_that_cannot_be_used(
    playbooks: Playbooks, appliance: Appliance, content: str | bytes | None, parts: tuple[str, ...]
) -> None:
    path = playbooks.folder / "people.csv"
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    run = provision(playbooks, "people.csv")
    assert run.code != 0
    for part in (str(path), *parts):
        assert part in run.failure.message
    assert "line 12," not in run.output
    assert appliance.requests == []


def test_a_folder_and_a_file_without_the_right_to_read(playbooks: Playbooks, tmp_path: Path) -> None:
    for path, part in ((tmp_path, "directory"), ("", "directory")):
        assert f"{tmp_path}: cannot be read" in (message := provision(playbooks, path).failure.message)
        assert part in message
    locked = tmp_path / "locked.csv"
    locked.write_text(LAMS)
    locked.chmod(0)
    if not os.access(locked, os.R_OK):
        assert f"{locked}: cannot be read" in provision(playbooks, locked).failure.message


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ("", ("Which file?", "people.csv")),
        (", ''", ("is no path",)),
        (", 5", ("5 is no path",)),
        (", 'none.csv'", ("none.csv: there is no such file", "folders files")),
        (", 'people.csv', delimiter='|'", ("people.csv: delimiter: '|' is none", "tab")),
        (", 'people.csv', encoding='none-such'", ("encoding: 'none-such' is none", "cp1252")),
        (", 'people.csv', encoding='utf-16'", ("line 1, byte ", "UTF-16")),
        (", 'people.csv', delimeter=';'", ("delimeter: is no option", "delimiter and encoding")),
    ],
)
def test_a_lookup_that_is_wrong(playbooks: Playbooks, core: Path, arguments: str, parts: tuple[str, ...]) -> None:
    (playbooks.folder / "people.csv").write_text(LAMS)
    run = start(playbooks, [play(f"query('{NAMESPACE}.users_csv'{arguments})")], core=core)
    assert run.code != 0
    for part in parts:
        assert part in run.failure.message


# The lookup


@pytest.mark.parametrize("core", CORES)
def test_the_forms_of_the_lookup(playbooks: Playbooks, core: Path) -> None:
    """query always gives a list; lookup without wantlist unpacks a list of one, as of every lookup."""
    folder = playbooks.folder
    (folder / "one.csv").write_text("username,external_id\nmuffin,0123\n")
    (folder / "two.csv").write_text("username;first\ncrumpet;a,b\nscone;\n".replace("\n", "\r\n"))
    (folder / "old.csv").write_bytes("username;first\nmüffin;Jürgen\n".encode("cp1252"))
    one = {"username": "muffin", "external_id": "0123"}
    two = [{"username": "crumpet", "given_name": "a,b"}, {"username": "scone"}]
    name = f"{NAMESPACE}.users_csv"
    wanted: dict[str, Any] = {
        f"query('{name}', 'one.csv')": [one],
        f"query('{name}', 'two.csv')": two,
        f"query('{name}', 'two.csv', 'one.csv')": [*two, one],
        f"query('{name}', '{folder}/one.csv', delimiter=',', encoding='utf-8')": [one],
        f"query('{name}', 'old.csv', delimiter=';', encoding='cp1252')": [
            {"username": "müffin", "given_name": "Jürgen"},
        ],
        f"lookup('{name}', 'one.csv', wantlist=true)": [one],
        f"lookup('{name}', 'two.csv')": two,
        f"lookup('{name}', 'one.csv')": one,
    }
    assert looked_up(playbooks, *wanted, core=core) == list(wanted.values())


def test_files_are_found_as_other_lookups_find_them(playbooks: Playbooks) -> None:
    folder = playbooks.folder
    role = folder / "roles/bakery"
    for place, username in ((folder / "files", "of-play"), (role / "files", "of-role")):
        place.mkdir(parents=True)
        (place / "people.csv").write_text(f"username\n{username}\n")
    (role / "tasks").mkdir()
    look = play(f"query('{NAMESPACE}.users_csv', 'people.csv')", roles=["bakery"])
    (role / "tasks/main.yml").write_text(json.dumps(look["tasks"]))
    run = start(playbooks, [look]).went_well()
    assert [result.result["ansible_facts"]["found"] for result in run.results] == [
        [{"username": "of-role"}],
        [{"username": "of-play"}],
    ]


def test_a_vaulted_file(playbooks: Playbooks, appliance: Appliance) -> None:
    (playbooks.folder / "people.csv").write_text(LAMS)
    password = playbooks.folder / "password"
    password.write_text("for a test")
    given = ("--vault-password-file", str(password))
    vault = [str(PLAYBOOK_COMMAND.with_name("ansible-vault")), "encrypt", *given, "people.csv"]
    subprocess.run(vault, cwd=playbooks.folder, env=playbooks.environment, check=True, capture_output=True)
    assert "vault" in provision(playbooks, "people.csv").failure.message
    provision(playbooks, "people.csv", *given).went_well()
    assert sorted(held(appliance)) == ["muffin", "scone"]


def test_a_line_that_cannot_be_read_fails_that_person_alone(playbooks: Playbooks, appliance: Appliance) -> None:
    path = playbooks.folder / "people.csv"
    path.write_text('username,external_id,first\nmuffin,id-of-muffin,"Muf\nscone,id-of-scone,Scone\n')
    run = provision(playbooks, "people.csv")
    assert f"{path}: line 2, column first: a quote begins here" in run.failure.message
    assert [user["externalId"] for user in appliance.broker.users] == ["id-of-scone"]
