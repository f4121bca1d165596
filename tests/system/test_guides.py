# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every code block of the READMEs and of the guides is done, in its order, as a reader would do it."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from simulator import DEFAULT_DOMAIN, PEOPLE, Appliance, PocketId, SddcManager, WorkspaceOne
from system.documents import GUIDES, READMES, Block, blocks
from system.playbook import REPOSITORY
from system.provider_stubs import GROUP, Person, authentik, keycloak, provider_server
from system.reader import PASSWORD, RULEBOOK, SHIMS, Reader
from system.test_examples import put_group

# Documents whose plays other tests run, with more than the plays say.
ELSEWHERE = {
    "roles/oidc_federation/README.md": "test_role_oidc_federation.py",
    "roles/workspace_one_bootstrap/README.md": "test_role_workspace_one.py",
}
# Documents whose commands need what cannot be had here, and the test that holds what they use to what there is.
NOT_DONE = {"examples/controller/README.md": "test_controller.py"}
# Commands that are not run, and what is known of them instead. Whatever is neither run nor here fails.
STOOD_IN_FOR = {
    "pip": "needs a package index: what is installed must be what the collection says that it requires",
    "ansible-galaxy": "needs Galaxy, or a tarball, which tests/tools/tarball.sh builds and installs",
    "git": "needs a network: the address must be the repository's",
    "make": "demo and test contain this test: the target must be there. For login and appliance the running one is taken",
    "ssh-keyscan": "run, with the simulator's port",
}
# Lines of a README that a guide has as well, where they are run.
IN_A_GUIDE = {
    "ansible-rulebook -r homelab.identity_broker.just_in_time -i inventory --vars just_in_time.yml": "guide_first_login"
}

MUFFIN = PEOPLE["muffin"]
FIRST = "docs/docsite/rst/guide_start.rst"
AUTHENTIK_ID = "3f0b1c5e9a7d2468" * 4


@pytest.fixture
def reader(
    tmp_path: Path,
    appliance: Appliance,
    pocket_id: PocketId,
    sddc: SddcManager,
    workspace_one: WorkspaceOne,
    interpreter: Path,
) -> Iterator[Reader]:
    put_group(pocket_id)
    reader = Reader(tmp_path, appliance, pocket_id, sddc, workspace_one, interpreter)
    yield reader
    reader.close()


# The READMEs: each section by itself


def a_bare_play(reader: Reader) -> None:
    """A play with nothing but what it says: only the secrets are from elsewhere."""
    reader.appliance.reset()
    reader.appliance.login("muffin")
    reader.put("bare/hosts.yml", "inventory/hosts.yml")
    reader.put("bare/group_vars/all/vault.yml", "inventory/group_vars/all/vault.yml")
    path = reader.cwd / "bare/group_vars/all/log.yml"
    path.write_text(f"federated_users_log_path: {reader.appliance.log_path}\n")
    reader.put_trust()


def from_the_examples(reader: Reader) -> None:
    """The folder to copy, with the names changed."""
    reader.appliance.reset()
    reader.appliance.login("muffin", source_ip="192.0.2.10")
    folder = REPOSITORY / "examples"
    shutil.copytree(folder, reader.cwd, dirs_exist_ok=True)
    everybody = "group_vars/all"
    reader.write("inventory.yml", (folder / "inventory.yml").read_text(), "inventory/hosts.yml")
    variables = yaml.safe_load((folder / f"{everybody}/vars.yml").read_text())
    hosts = yaml.safe_load((folder / "inventory.yml").read_text())["all"]["hosts"]
    assert variables["federated_users_log_host"] in hosts
    users = {"federated_users_users": variables["federated_users_users"]}
    reader.put(f"{everybody}/vars.yml", f"inventory/{everybody}/vcenter.yml", **users)
    reader.put(f"{everybody}/vault.yml", f"inventory/{everybody}/vault.yml")
    vault = yaml.safe_load((folder / f"{everybody}/vault.yml.example").read_text())
    assert "vault_vcenter_password" in vault
    reader.put_trust()


def somebody_is_refused(reader: Reader) -> None:
    from_the_examples(reader)
    reader.put("group_vars/all/pocket_id.yml", "inventory/group_vars/all/pocket_id.yml")
    reader.appliance.reset()
    reader.appliance.add_user(f"muffin@{DEFAULT_DOMAIN}", "0b9b1bd6-6a2c-4f57-8cf1-0d6ee7d8a4b5", domain=DEFAULT_DOMAIN)
    reader.appliance.login(sub=MUFFIN, source_ip="192.0.2.10")


def a_fleet(reader: Reader) -> None:
    from_the_examples(reader)
    hosts = yaml.safe_load((REPOSITORY / "examples/controller/inventory.yml").read_text())["vcenters"]["hosts"]
    one = {next(iter(hosts)): {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}}
    inventory = yaml.safe_load((reader.cwd / "inventory.yml").read_text())
    (reader.cwd / "inventory.yml").write_text(yaml.safe_dump({**inventory, "vcenters": {"hosts": one}}))


def a_file_of_variables(reader: Reader) -> None:
    reader.put(
        "vcenter.yml", "inventory/group_vars/all/vcenter.yml", federated_users_password=reader.appliance.password
    )


SCENES: dict[tuple[str, str], Callable[[Reader], None]] = {
    ("README.md", "Somebody can't log in"): somebody_is_refused,
    ("README.md", "What is in it"): from_the_examples,
    ("README.md", "Many vCenters"): a_fleet,
    ("README.md", "A token for who pushes from elsewhere"): a_file_of_variables,
}


def do_a_readme(reader: Reader, document: Path) -> None:
    """Files of a section first: a README names them after what uses them."""
    sections: dict[str, list[Block]] = {}
    for block in blocks(document):
        sections.setdefault(block.heading, []).append(block)
    for heading, found in sections.items():
        SCENES.get((found[0].document, heading), lambda _: None)(reader)
        for block in sorted(found, key=lambda block: block.file is None):
            if block.play:
                a_bare_play(reader)
            if (here := without(block)).text:
                reader.do(here)
            if block.play:
                names = [user["userName"] for user in reader.appliance.broker.users]
                assert names == [f"muffin@{DEFAULT_DOMAIN}"], block


def without(block: Block) -> Block:
    """Without lines that a guide has, and that run there."""
    if block.language != "shell":
        return block
    lines = block.text.splitlines(keepends=True)
    for line, guide in IN_A_GUIDE.items():
        path = REPOSITORY / f"docs/docsite/rst/{guide}.rst"
        assert any(line in other.text.splitlines() for other in blocks(path))
    kept = "".join(line for line in lines if line.rstrip("\n") not in IN_A_GUIDE)
    return Block(block.document, block.heading, block.line, block.language, kept, block.lead)


@pytest.mark.parametrize("document", ["README.md", "roles/federated_users/README.md"])
def test_a_readme(reader: Reader, document: str) -> None:
    do_a_readme(reader, REPOSITORY / document)
    check_calls(reader)


def test_the_readme_of_the_providers(reader: Reader, tmp_path: Path) -> None:
    (block,) = blocks(REPOSITORY / "examples/providers/README.md")
    with provider_server(tmp_path, keycloak([Person("muffin", MUFFIN)])) as server:
        # What the README has people change at the head of the playbook and in vars.yml.
        changes = {"keycloak_url": server.url, "keycloak_ca_path": str(server.ca_file)}
        reader.put("changes.yml", "inventory/group_vars/all/vcenter.yml", **changes)
        shutil.copytree(REPOSITORY / "examples", reader.cwd / "examples")
        reader.put("examples/inventory.yml", "inventory/hosts.yml")
        shutil.copy(reader.cwd / "changes.yml", reader.cwd / "examples/group_vars/all/vars.yml")
        play = reader.cwd / "examples/providers/keycloak.yml"
        play.write_text(
            re.sub(r"^    keycloak_url: .*$", f"    keycloak_url: {server.url}", play.read_text(), flags=re.M)
        )
        reader.put_trust()
        shutil.copy(reader.cwd / "vcsa-ca.pem", reader.home / "vcsa-ca.pem")
        reader.do(block)
    assert PASSWORD not in reader.said
    assert len(reader.appliance.broker.users) == 1


# The guides


def test_a_folder_to_begin_with(reader: Reader) -> None:
    for block in blocks(REPOSITORY / FIRST):
        if block.heading == "On the simulator" and "cp -r" in block.text:
            # In another terminal, beside the checkout, instead of what was made before.
            reader.cwd = reader.home / "here"
            shutil.rmtree(reader.home / "vcenter-people")
        if block.heading == "On the simulator" and "git clone" in block.text:
            reader.cwd = reader.home / "here"
        reader.do(block)
        if "git clone" in block.text:
            reader.cwd = reader.home / "here"
    key = reader.appliance.known_hosts.read_text().split()[2]
    assert key in reader.known_hosts.read_text()
    check_calls(reader)


def begin(reader: Reader, *, encrypted: bool = False) -> None:
    """The folder of the first guide: its files, and what its commands would have made. Encrypting takes a second."""
    reader.cwd = reader.home / "vcenter-people"
    reader.cwd.mkdir()
    for block in blocks(REPOSITORY / FIRST):
        if block.file:
            reader.do(block)
    (reader.home / ".vault_pass").write_text(PASSWORD)
    if encrypted:
        reader.type("ansible-vault encrypt inventory/group_vars/all/vault.yml")
    reader.put_trust()


def do_a_guide(reader: Reader, name: str) -> list[Block]:
    begin(reader)
    found = blocks(REPOSITORY / f"docs/docsite/rst/{name}.rst")
    for block in found:
        reader.do(block)
    check_calls(reader)
    return found


def test_pocket_id(reader: Reader) -> None:
    do_a_guide(reader, "guide_pocket_id_homelab")
    assert reader.appliance.login(sub=MUFFIN).permitted
    assert "muffin" in reader.said


def test_authentik(reader: Reader, tmp_path: Path) -> None:
    with provider_server(tmp_path, authentik([Person("muffin", AUTHENTIK_ID)])) as server:
        reader.names["https://authentik.example.org"] = server.url
        reader.lab["inventory/group_vars/all/vcenter.yml"] |= {"authentik_ca_path": str(server.ca_file)}  # type: ignore[operator]
        found = do_a_guide(reader, "guide_authentik")
    assert reader.appliance.login(sub=AUTHENTIK_ID).allowed
    (play,) = [block for block in found if block.play]
    example = (REPOSITORY / "examples/providers/authentik.yml").read_text()
    assert play.text == example.partition("---\n")[2]
    assert GROUP in play.text


def test_a_token_for_elsewhere(reader: Reader) -> None:
    do_a_guide(reader, "guide_token_elsewhere")
    folder = reader.cwd
    assert (folder / "sync_token").read_text() == reader.appliance.current_sync_token
    assert (folder / "handed_over").exists()
    assert (folder / "sync_token").stat().st_mode & 0o777 == 0o600


def test_coming_from_scripts(reader: Reader) -> None:
    """One of the two was made by the script, and stays as it is."""
    reader.appliance.add_user(f"muffin@{DEFAULT_DOMAIN}", MUFFIN, domain=DEFAULT_DOMAIN)
    do_a_guide(reader, "guide_coming_from_scripts")
    assert [user["externalId"] for user in reader.appliance.broker.users] == [MUFFIN]


def test_vcf(reader: Reader) -> None:
    shutil.copy(reader.sddc.ca_file, reader.tools / "sddc-manager-ca.pem")
    reader.sddc.mint = lambda: (reader.appliance.mint(), reader.appliance.scim_url)
    reader.names["~/vcenter-people/sddc-manager-ca.pem"] = str(reader.sddc.ca_file)
    do_a_guide(reader, "guide_vcf")
    assert [user["externalId"] for user in reader.appliance.broker.users] == [MUFFIN]


def test_workspace_one(reader: Reader) -> None:
    do_a_guide(reader, "guide_workspace_one")
    assert [each.body["name"] for each in reader.workspace_one.services.directories.values()] == ["Okta"]


def test_first_login(reader: Reader) -> None:
    if shutil.which("java") is None or not RULEBOOK.exists():
        pytest.skip("THE GUIDE IS NOT TRIED: it needs Java 17 or later, and ansible-rulebook in .cache/venv-rulebook")
    # What ansible-rulebook starts has to find the vault's password by itself.
    begin(reader, encrypted=True)
    reader.put("inventory/group_vars/all/pocket_id.yml")
    for block in blocks(REPOSITORY / "docs/docsite/rst/guide_first_login.rst"):
        reader.do(block)
    assert "muffin" in (reader.cwd / "from_pocket_id.yml").read_text()
    check_calls(reader)


# Nothing is left out


def check_calls(reader: Reader) -> None:
    """What was stood in for is what the project says elsewhere."""
    galaxy = yaml.safe_load((REPOSITORY / "galaxy.yml").read_text())
    required = {"ansible-core", "ansible-rulebook"}
    for file in ("meta/ee-requirements.txt", "extensions/eda/requirements.txt"):
        required |= set(re.findall(r"^([\w-]+)", (REPOSITORY / file).read_text(), re.MULTILINE))
    targets = re.findall(r"^(\w+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    name = f"{galaxy['namespace']}.{galaxy['name']}"
    for program, *words in reader.called():
        if program == "pip":
            assert words[0] == "install"
            assert set(words[1:]) <= required, words
        elif program == "ansible-galaxy" and words[1] == "install":
            assert words[2:] in ([name], [f"{galaxy['namespace']}-{galaxy['name']}-*.tar.gz"])
        elif program == "git":
            assert words == ["clone", galaxy["repository"]]
        elif program == "make":
            assert words[0] in targets


def test_no_block_is_left_out() -> None:
    """The documents that are done here and elsewhere are all that there are."""
    here = Path(__file__).read_text()
    for path in GUIDES:
        assert f'"{path.stem}"' in here or str(path).endswith(FIRST) or not blocks(path), path
    done = {"README.md", "roles/federated_users/README.md", "examples/providers/README.md", *ELSEWHERE, *NOT_DONE}
    assert {str(path.relative_to(REPOSITORY)) for path in READMES} == done
    for document, test in ELSEWHERE.items():
        assert all(block.play for block in blocks(REPOSITORY / document)), document
        assert "plays(README)" in (REPOSITORY / f"tests/system/{test}").read_text()
    for document, test in NOT_DONE.items():
        assert str(Path(document).parent) in (REPOSITORY / f"tests/system/{test}").read_text()
    assert set(SHIMS) == set(STOOD_IN_FOR)
