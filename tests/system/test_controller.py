# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What examples/controller gives to AWX and to ansible-builder: it fits the collection, and it runs through ansible-runner."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2.sandbox import ImmutableSandboxedEnvironment
from simulator import DEFAULT_DOMAIN, Appliance, PocketId
from system.documented import constant
from system.playbook import COLLECTIONS, REPOSITORY, Json, Modules, Playbooks, clean_environment
from system.scenes import add, person, provision

CONTROLLER = REPOSITORY / "examples/controller"
PROGRAMS = Path(sys.executable).parent
ROLE = yaml.safe_load((REPOSITORY / "roles/federated_users/meta/argument_specs.yml").read_text())
OPTIONS = ROLE["argument_specs"]["main"]["options"]
DOWN = "vcsa2.example.org"


class Loader(yaml.SafeLoader):
    """Takes C(!unsafe) for the text that it is."""


class Unsafe(str):
    """A text that Ansible must not take for a template."""

    __slots__ = ()


Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))
yaml.SafeDumper.add_representer(Unsafe, lambda dumper, text: dumper.represent_scalar("!unsafe", str(text)))


def configuration() -> Json:
    loaded: Json = yaml.load((CONTROLLER / "configuration.yml").read_text(), Loader)  # noqa: S506, a SafeLoader
    return loaded


def named(kind: str, name: str) -> Json:
    """The one object of a kind with this name."""
    (found,) = [each for each in configuration()[f"controller_{kind}"] if each["name"] == name]
    return dict(found)


def playbook_text(name: str) -> str:
    """The collection's playbook that one of the project imports."""
    (play,) = yaml.safe_load((CONTROLLER / name).read_text())
    imported = play["ansible.builtin.import_playbook"].removeprefix("homelab.identity_broker.")
    return (REPOSITORY / f"playbooks/{imported}.yml").read_text()


# As code


def test_variables_are_options_of_role_or_playbook() -> None:
    for template in configuration()["controller_templates"]:
        text = playbook_text(template["playbook"])
        questions = template["survey_spec"]["spec"]
        for name in [*template["extra_vars"], *(question["variable"] for question in questions)]:
            known = name in OPTIONS or not name.startswith("federated_users_")
            assert known, name
            assert name in OPTIONS or re.search(rf"\b{name}\b", text), f"{name} is nothing to {template['playbook']}"
        for question in questions:
            assert question["type"] in ("text", "multiplechoice")
            if OPTIONS.get(question["variable"], {}).get("type") == "bool":
                assert question["choices"] == ["false", "true"]
                assert question["default"] == "false", "nobody is removed without a word"


def test_injectors_set_what_the_modules_read() -> None:
    fragments = (REPOSITORY / "plugins/doc_fragments").glob("[!_]*.py")
    documented = "".join(constant(path, "DOCUMENTATION") for path in fragments)
    for kind in configuration()["controller_credential_types"]:
        fields = {field["id"]: field for field in kind["inputs"]["fields"]}
        assert set(kind["inputs"]["required"]) == set(fields)
        for variable, template in kind["injectors"]["env"].items():
            assert f"E({variable})" in documented
            assert set(re.findall(r"{{ (\w+) }}", template)) <= set(fields)
        # Extra variables would go before those of a host, which may have another log-in.
        assert "extra_vars" not in kind["injectors"]
        for name in ("password", "api_key"):
            assert fields.get(name, {"secret": True})["secret"] is True


def test_names_refer_to_what_is_there() -> None:
    things = configuration()
    names = {
        kind: {each["name"] for each in things[f"controller_{kind}"]}
        for kind in (
            "credential_types",
            "credentials",
            "projects",
            "inventories",
            "execution_environments",
            "templates",
        )
    }
    for credential in things["controller_credentials"]:
        kind = named("credential_types", credential["credential_type"])
        assert set(credential["inputs"]) == {field["id"] for field in kind["inputs"]["fields"]}
    for template in things["controller_templates"]:
        assert template["project"] in names["projects"]
        assert template["inventory"] in names["inventories"]
        assert template["execution_environment"] in names["execution_environments"]
        assert set(template["credentials"]) <= names["credentials"]
    for source in things["controller_inventory_sources"]:
        assert source["inventory"] in names["inventories"]
        assert source["source_project"] in names["projects"]
        assert (CONTROLLER / source["source_path"]).is_file()
    for workflow in things["controller_workflows"]:
        nodes = {node["identifier"]: node for node in workflow["simplified_workflow_nodes"]}
        for node in nodes.values():
            assert set(node.get("success_nodes", [])) <= set(nodes)
            assert "approval_node" in node or node["unified_job_template"] in names["templates"]
    kinds = {each["name"]: each["job_type"] for each in things["controller_templates"]}
    assert kinds["vCenter users, check only"] == "check"


@pytest.mark.parametrize("schedule", configuration()["controller_schedules"], ids=lambda each: each["name"])
def test_schedules_are_rules_and_answer_the_survey(schedule: Json) -> None:
    """RFC 5545 section 3.3.10, less what AWX refuses: it wants a start with a time zone, and an interval."""
    rule = re.fullmatch(r"DTSTART;TZID=[A-Z][a-z]+/[A-Z][a-z]+:(\d{8}T\d{6}) RRULE:(\S+)", schedule["rrule"])
    assert rule is not None
    begin = datetime.strptime(rule[1], "%Y%m%dT%H%M%S")  # noqa: DTZ007, the zone stands before it
    parts = dict(part.split("=") for part in rule[2].split(";"))
    assert parts.pop("FREQ") in ("HOURLY", "DAILY", "WEEKLY", "MONTHLY")
    assert int(parts.pop("INTERVAL")) > 0
    days = parts.pop("BYDAY", None)
    assert days is None or f"{begin:%a}"[:2].upper() in days.split(",")
    assert parts == {}
    survey = named("templates", schedule["unified_job_template"])["survey_spec"]["spec"]
    assert set(schedule["extra_data"]) == {question["variable"] for question in survey}


# The image


def build(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [PROGRAMS / "ansible-builder", *arguments],
        cwd=folder,
        env=clean_environment(folder),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_collection_tells_the_builder_what_it_needs(tmp_path: Path) -> None:
    installed = tmp_path / "collections/ansible_collections/homelab/identity_broker"
    shutil.copytree(REPOSITORY / "meta", installed / "meta")
    shutil.copy(REPOSITORY / "galaxy.yml", installed)
    told = yaml.safe_load(build(tmp_path, "introspect", "collections").partition("---\n")[2])
    wanted = (REPOSITORY / "meta/ee-requirements.txt").read_text().split()
    assert [line.partition(" ")[0] for line in told["python"]] == wanted
    assert any(line.startswith("requests") for line in wanted)
    assert told["system"] == []


@pytest.mark.parametrize("source", ["galaxy", "tarball"])
def test_the_context_of_the_image_is_complete(tmp_path: Path, source: str) -> None:
    text = (CONTROLLER / "execution-environment.yml").read_text()
    collection: Any = [{"name": "homelab.identity_broker"}]
    if source == "tarball":
        # As its comments say.
        text = text.replace("      - name: homelab.identity_broker\n", "")
        text = re.sub(
            r"^( *)# ( *(?:- name: files|type: file|- src:|dest:|additional_build_files:))", r"\1\2", text, flags=re.M
        )
        collection = [{"name": "files/homelab-identity_broker.tar.gz", "type": "file"}]
        (tmp_path / "homelab-identity_broker.tar.gz").write_bytes(b"a tarball")
    (tmp_path / "execution-environment.yml").write_text(text)
    build(tmp_path, "create", "--file", "execution-environment.yml", "--context", "context")
    context = tmp_path / "context"
    assert yaml.safe_load((context / "_build/requirements.yml").read_text()) == {"collections": collection}
    assert "openssh-clients" in (context / "_build/bindep.txt").read_text()
    (recipe,) = [file.read_text() for file in context.iterdir() if file.is_file()]
    copied = re.findall(r"^(?:COPY|ADD) (_build\S*) ", recipe, re.MULTILINE)
    assert copied
    for path in copied:
        assert (context / path).exists(), path
    if source == "tarball":
        assert (context / "_build/files/homelab-identity_broker.tar.gz").read_bytes() == b"a tarball"


# Running


@pytest.fixture(scope="module")
def other_running() -> Iterator[Appliance]:
    with Appliance(fqdn="127.0.0.1", ssh=None) as appliance:
        yield appliance


@pytest.fixture
def other(other_running: Appliance, appliance: Appliance) -> Appliance:
    """A second vCenter, by another name, with the same log-in."""
    other_running.reset()
    other_running.state.password = appliance.password
    return other_running


def injected(folder: Path, kind: str, inputs: Json) -> dict[str, str]:
    """The environment that a credential makes, as AWX renders it: its files first."""
    injectors = named("credential_types", kind)["injectors"]
    render = ImmutableSandboxedEnvironment().from_string
    files = {}
    for label, template in injectors.get("file", {}).items():
        file = folder / f"credential-{label}"
        file.touch(mode=0o600)
        file.write_text(render(template).render(**inputs))
        files[label.removeprefix("template.")] = str(file)
    scope = {**inputs, "tower": {"filename": files}}
    return {name: render(template).render(**scope) for name, template in injectors["env"].items()}


def run_job(folder: Path, template: Json, answers: Json, inventory: Json, secrets: dict[str, str]) -> list[Json]:
    """A job of AWX through ansible-runner; its events."""
    files = {
        "inventory/hosts.yml": inventory,
        # AWX trusts what the template says, and nothing that somebody answered.
        "env/extravars": {**template["extra_vars"], **{name: Unsafe(answer) for name, answer in answers.items()}},
        "env/envvars": {
            **secrets,
            "HOME": str(folder),
            "ANSIBLE_HOME": str(folder / "home"),
            "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        },
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch(mode=0o600)
        (folder / name).write_text(yaml.safe_dump(content))
    shutil.copytree(CONTROLLER, folder / "project")
    (folder / "ansible.cfg").touch()
    kind = " --check" if template["job_type"] == "check" else ""
    command = [
        PROGRAMS / "ansible-runner",
        "run",
        folder,
        "--playbook",
        template["playbook"],
        "--ident",
        "job",
        "-vvvv",
    ]
    command += ["--cmdline", f"--forks {template['forks']} --diff{kind}"]
    done = subprocess.run(
        command, env=clean_environment(folder), capture_output=True, text=True, timeout=120, check=False
    )
    (folder / "artifacts/shown.txt").write_text(done.stdout + done.stderr)
    events = [json.loads(file.read_text()) for file in (folder / "artifacts/job/job_events").glob("*.json")]
    return sorted(events, key=lambda event: int(event["counter"]))


def of_task(events: list[Json], name: str, kind: str) -> dict[str, Json]:
    """The results of a task that ended so, by host."""
    return {
        event["event_data"]["host"]: event["event_data"]["res"]
        for event in events
        if event["event"] == f"runner_on_{kind}" and event["event_data"]["task"] == name
    }


def fleet(appliances: dict[str, Appliance | int]) -> Json:
    """The example's inventory, its hosts where the appliances are; a port where none is."""
    inventory: Json = yaml.safe_load((CONTROLLER / "inventory.yml").read_text())
    group = inventory["vcenters"]
    assert group["vars"]["federated_users_hostname"] == "{{ inventory_hostname }}"
    group["vars"]["ansible_python_interpreter"] = "{{ ansible_playbook_python }}"
    for name, where in appliances.items():
        at = {"federated_users_hostname": "localhost", "federated_users_port": where}
        if isinstance(where, Appliance):
            at = {"federated_users_hostname": where.fqdn, "federated_users_port": where.https_port}
        group["hosts"][name] = {**(group["hosts"][name] or {}), **at}
    return inventory


def test_a_job_on_three_vcenters_of_which_one_is_down(
    tmp_path: Path, appliance: Appliance, other: Appliance, pocket_id: PocketId
) -> None:
    pocket_id.add_group("vcenter-admins")
    pocket_id.add_group("vcenter-lab")
    for name, group in {"muffin": "vcenter-admins", "scone": "vcenter-lab"}.items():
        pocket_id.add_user(name, f"id-of-{name}", f"{name}@example.org", first_name=name.title(), last_name="Baker")
        pocket_id.join(group, name)
    add(appliance, "crumpet")
    authorities = "".join(each.ca_file.read_text() for each in (appliance, other))
    log_in = {"username": appliance.username, "password": appliance.password, "ca": authorities}
    secrets = {
        **injected(tmp_path, "vCenter with Identity Broker", log_in),
        **injected(tmp_path, "Pocket ID", {"url": pocket_id.base_url, "api_key": pocket_id.api_key}),
        "POCKET_ID_CA_PATH": str(pocket_id.ca_file),
    }
    answers = {"federated_users_purge": "true", "federated_users_max_deletes": "1"}

    template = named("templates", "vCenter users, provision")
    with socket.socket() as silent:
        # Bound, and nobody listens.
        silent.bind(("127.0.0.1", 0))
        appliances = {"vcsa1.example.org": appliance, DOWN: silent.getsockname()[1], "vcsa3.example.org": other}
        events = run_job(tmp_path / "job", template, answers, fleet(appliances), secrets)
    shown = (tmp_path / "job/artifacts/shown.txt").read_text()

    assert [user["userName"] for user in appliance.broker.users] == [f"muffin@{DEFAULT_DOMAIN}"], shown
    assert sorted(user["userName"] for user in other.broker.users) == [
        f"{n}@{DEFAULT_DOMAIN}" for n in ("muffin", "scone")
    ]
    task = "Provision everybody whose ExternalId is known"
    (failed,) = of_task(events, task, "failed").items()
    assert failed[0] == DOWN
    assert "the connection was refused" in failed[1]["msg"]
    assert set(of_task(events, task, "ok")) == set(appliances) - {DOWN}
    assert events[-1]["event"] == "playbook_on_stats"
    assert events[-1]["event_data"]["failures"] == {DOWN: 1}
    files = {file.name: file for file in (tmp_path / "job/artifacts").rglob("*") if file.is_file()}
    # ansible-runner's own note of how it started, with the environment; AWX deletes it with the folder, and shows asterisks.
    assert files.pop("command").stat().st_mode & 0o077 == 0
    kept = "".join(file.read_text() for file in files.values())
    assert {"stdout", "rc", "status"} < set(files)
    assert "EXEC /bin/sh" in kept, "as much is told as can be"
    held = [*appliance.all_secrets(), *other.all_secrets(), *pocket_id.all_secrets()]
    assert [secret for secret in held if secret in kept] == []


def test_vcenters_share_neither_token_nor_journal(modules: Modules, appliance: Appliance, other: Appliance) -> None:
    """Whoever names one file for all is told, before anything is sent with another's token."""
    there = {"hostname": other.fqdn, "port": other.https_port, "ca_path": str(other.ca_file)}
    shared = {"token_file": str(modules.folder / "token"), "journal_path": str(modules.folder / "journal")}
    users = [person("muffin", external_id="another")]
    add(appliance, "muffin")
    add(other, "muffin")
    assert provision(modules, users, recreate=True, **shared)["minted"] is True
    kept = (modules.folder / "token").read_text()
    other.clear_requests()
    for module, options in (
        ("scim_users", {"users": users, "recreate": True, "domain": DEFAULT_DOMAIN, **shared}),
        ("scim_user_info", {"token_file": shared["token_file"]}),
        ("sync_token", {"token_file": shared["token_file"]}),
    ):
        message = modules.failed(module, **there, **options)
        assert f"{shared['token_file']} holds a token of localhost, not of 127.0.0.1" in message
        assert "inventory_hostname" in message
    assert other.writes() == other.mintings() == []
    assert (modules.folder / "token").read_text() == kept
    # One folder of the journal serves all.
    del shared["token_file"]
    assert provision(modules, users, recreate=True, **there, **shared)["users"][0]["operation"] == "recreate"
    hosts = sorted(path.name.partition("_")[0] for path in (modules.folder / "journal").iterdir())
    assert hosts == ["127.0.0.1", "localhost"]


def test_rotate_token_refuses_one_file_for_two_vcenters(
    playbooks: Playbooks, appliance: Appliance, other: Appliance
) -> None:
    for name, each in {"vcsa1": appliance, "vcsa2": other}.items():
        there = {"port": each.https_port, "ca_path": str(each.ca_file), "password": each.password}
        options = {"hostname": each.fqdn, "username": each.username, **there}
        playbooks.hosts[name] = {f"federated_users_{option}": value for option, value in options.items()}
    variables = {"identity_broker_hosts": "vcsa1:vcsa2", "rotate_token_file": str(playbooks.folder / "token")}
    run = playbooks.run("homelab.identity_broker.rotate_token", variables=variables)
    assert run.code != 0
    assert "inventory_hostname" in run.output
    assert appliance.mintings() == other.mintings() == []

    # The same file under other spellings, whether it exists or not.
    (playbooks.folder / "link").symlink_to("token")
    for name, file in {"vcsa1": "./token", "vcsa2": str(playbooks.folder / "link")}.items():
        playbooks.hosts[name]["rotate_token_file"] = file
    for _number in range(2):
        run = playbooks.run("homelab.identity_broker.rotate_token", variables={"identity_broker_hosts": "vcsa1:vcsa2"})
        assert run.code != 0
        assert "Several vCenters have the same" in run.output
        assert "./token" in run.output
        assert appliance.mintings() == other.mintings() == []
        (playbooks.folder / "token").touch(mode=0o600)
    (playbooks.folder / "token").unlink()

    variables["rotate_token_file"] += "-of-{{ inventory_hostname }}"
    playbooks.run("homelab.identity_broker.rotate_token", variables=variables).went_well()
    for name, each in {"vcsa1": appliance, "vcsa2": other}.items():
        assert (playbooks.folder / f"token-of-{name}").read_text().strip() == each.current_sync_token
