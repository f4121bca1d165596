# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A new sync token reaches whoever pushes users with it, or none is minted."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from simulator import Appliance
from system.playbook import NAMESPACE, PLAYBOOK_COMMAND, Json, Playbooks, Result, Run

DAY = 24 * 3600
MODULE = f"{NAMESPACE}.rotate_token"
NOBODY = "none of them is given"


@pytest.fixture(autouse=True)
def vault_password(playbooks: Playbooks) -> Path:
    """The password of the user's vault, as ansible.cfg names it."""
    path = playbooks.folder / "vault_password"
    path.touch(mode=0o600)
    path.write_text("password of the vault")
    (playbooks.folder / "ansible.cfg").write_text(f"[defaults]\nvault_password_file = {path}\n")
    return path


@pytest.fixture
def long_lived(appliance: Appliance) -> None:
    appliance.switches.token_ttl = 100 * DAY


def task(playbooks: Playbooks, name: str, **options: Any) -> Json:
    """A task, whose failure lets the next one run."""
    appliance = playbooks.appliance
    connection = {
        "hostname": "localhost",
        "port": appliance.https_port,
        "username": appliance.username,
        "password": appliance.password,
        "ca_path": str(appliance.ca_file),
    }
    keywords = {key: options.pop(key) for key in ("check_mode",) if key in options}
    return {"name": name, MODULE: {**connection, **options}, "ignore_errors": True, **keywords}


def rotate(playbooks: Playbooks, *arguments: str, **settings: Any) -> Run:
    """The playbook, with its variables."""
    given = {f"rotate_token_{name}": value for name, value in settings.items()}
    return playbooks.run(f"{NAMESPACE}.rotate_token", *arguments, variables={**playbooks.variables, **given})


def outcome(run: Run) -> Result:
    return run.of("rotate_token")[0]


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def vault_view(playbooks: Playbooks, path: Path) -> str:
    command = [str(PLAYBOOK_COMMAND.parent / "ansible-vault"), "view", str(path)]
    done = subprocess.run(
        command, env=playbooks.environment, cwd=playbooks.folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_target_gets_the_token(playbooks: Playbooks, appliance: Appliance, long_lived: None) -> None:
    del long_lived
    folder = playbooks.folder
    former = appliance.mint()
    targets: Json = {
        "file": "sync_token",
        "vault_file": "vars.yml",
        "vault_variable": "the_token",
        "command": ["sh", "-c", 'cat > "$1"', "sh", str(folder / "pushed")],
    }
    dry = rotate(playbooks, "--check", "--diff", **targets).went_well()
    assert (appliance.mintings(), appliance.current_sync_token) == ([], former)
    assert not [name for name in ("sync_token", "vars.yml", "pushed") if (folder / name).exists()]
    assert dry.recap("localhost")["changed"] == 1
    assert "Would mint a new sync token for localhost" in dry.stdout
    assert "Nothing is known of the standing one" in dry.stdout

    run = rotate(playbooks, "--diff", **targets).went_well()
    token = appliance.current_sync_token
    assert token
    assert token != former
    assert (folder / "sync_token").read_text() == (folder / "pushed").read_text() == token
    assert mode(folder / "sync_token") == mode(folder / "vars.yml") == 0o600
    assert "in 99 days" in run.stdout
    assert "whoever pushes users with that one must get the new one" in run.stdout
    got = outcome(run).result
    assert got["delivered"] == [
        "the command sh",
        f"the variable the_token in {folder / 'vars.yml'}",
        f"the file {folder / 'sync_token'}",
    ]
    assert (got["changed"], got["minted"]) == (True, True)
    assert got["diff"] == {**outcome(dry).result["diff"]}
    assert token not in run.output

    # As ansible-vault reads it, and as a play does.
    assert vault_view(playbooks, folder / "vars.yml") == f'---\n"the_token": "{token}"\n'
    assert (folder / "vars.yml").read_text().startswith("$ANSIBLE_VAULT;1.1;AES256\n")
    condition = {"ansible.builtin.assert": {"that": "the_token == lookup('ansible.builtin.file', path)", "quiet": True}}
    play = {
        "vars_files": [str(folder / "vars.yml")],
        "vars": {"path": str(folder / "sync_token")},
        "no_log": True,
    }
    playbooks.tasks({"name": "use it", **condition}, play=play).went_well()

    # And nobody needs another for long.
    (folder / "pushed").unlink()
    again = rotate(playbooks, "--diff", renew_before=30 * DAY, **targets).went_well()
    assert again.recap("localhost")["changed"] == 0
    assert "is kept" in again.stdout
    assert "in 99 days" in again.stdout
    assert (outcome(again).result["delivered"], outcome(again).result["minted"]) == ([], False)
    assert (len(appliance.mintings()), appliance.current_sync_token) == (1, token)
    assert not (folder / "pushed").exists()


def test_nothing_is_minted_where_it_could_not_be_handed_over(playbooks: Playbooks, appliance: Appliance) -> None:
    folder = playbooks.folder
    former = appliance.mint()
    (folder / "notes").write_text("Dear diary,\n")
    (folder / "notes").chmod(0o600)
    (folder / "open").write_text("a-token")
    (folder / "open").chmod(0o644)
    (folder / "link").symlink_to(folder / "notes")
    (folder / "plain.yml").write_text("vault_sync_token: x\n")
    (folder / "plain.yml").chmod(0o600)
    elsewhere = folder / "none"
    cases: list[tuple[Json, list[str]]] = [
        ({}, [NOBODY, "rotate_token_file"]),
        ({"file": str(elsewhere / "token")}, [f"file: the folder {elsewhere} does not exist"]),
        ({"file": str(folder)}, ["file:", "is no regular file"]),
        ({"file": str(folder / "notes")}, ["file: holds something other than a token", "Name another file"]),
        ({"file": str(folder / "open")}, ["file:", "can be read or written by others", "chmod 600"]),
        ({"file": str(folder / "link")}, ["file:", "is a symbolic link", str(folder / "notes")]),
        ({"file": "token", "vault_file": "./token"}, ["vault_file:", "is the same file as"]),
        ({"file": "token", "vault_file": str(elsewhere / "v.yml")}, [f"vault_file: the folder {elsewhere}"]),
        ({"vault_file": str(folder / "plain.yml")}, ["vault_file:", "is there and not encrypted"]),
        ({"vault_file": "v.yml", "vault_variable": "no name"}, ["vault_variable: 'no name' is no name"]),
        ({"vault_file": "v.yml", "vault_id": "other"}, ["vault_id: 'other' is none of default"]),
        ({"file": "token", "command": ["no-such-program", "x"]}, ["command: there is no program 'no-such-program'"]),
        ({"file": "token", "command": "cat /dev/null"}, ["command: there is no program 'cat /dev/null'", "a list"]),
        ({"file": "token", "command": []}, ["command: names no program"]),
        ({"command": ["cat"], "renew_before": 5}, ["renew_before:", "nothing tells the token that stands"]),
        ({"file": "token", "renew_before": -5}, ["renew_before: -5 is negative"]),
        ({"file": "token", "current_token": "Bearer x"}, ["current_token: is malformed", "without HZN or Bearer"]),
    ]
    tasks = [
        task(playbooks, f"{number} {check}", check_mode=check, **options)
        for number, (options, _says) in enumerate(cases)
        for check in (False, True)[: 2 if number < 4 else 1]
    ]
    results = playbooks.tasks(*tasks).went_well().of("rotate_token")
    assert len(results) == len(tasks)
    for result in results:
        says = cases[int(result.task.rpartition(": ")[2].split()[0])][1]
        assert result.outcome == "ignored", result
        assert not [part for part in says if part not in result.message], result.message
    assert (appliance.requests, appliance.current_sync_token) == ([], former)
    assert (folder / "notes").read_text() == "Dear diary,\n"
    assert not [name for name in ("token", "v.yml") if (folder / name).exists()]


def test_the_vault_is_not_touched_where_it_holds_more(
    playbooks: Playbooks, appliance: Appliance, vault_password: Path
) -> None:
    folder = playbooks.folder
    ansible_vault = str(PLAYBOOK_COMMAND.parent / "ansible-vault")
    texts = {"more": "vault_sync_token: x\nvault_other: y\n", "list": "- x\n", "none": "{", "own": "---\n"}
    for name, text in texts.items():
        command = [ansible_vault, "encrypt", "--output", str(folder / name)]
        subprocess.run(
            command, input=text.encode(), env=playbooks.environment, cwd=folder, capture_output=True, check=True
        )
    before = {name: (folder / name).read_text() for name in texts}
    vault_password.write_text("another password")
    locked = playbooks.tasks(task(playbooks, "locked", vault_file="own")).went_well()
    assert "none of the given vault passwords opens" in outcome(locked).message
    vault_password.write_text("password of the vault")
    tasks = [task(playbooks, name, vault_file=name) for name in texts]
    results = [*playbooks.tasks(*tasks).went_well().of("rotate_token")]
    says = ["holds other variables, too (vault_other)", "holds no variables", "holds no YAML"]
    for result, part in zip(results, says, strict=False):
        assert part in result.message
    assert results[3].result["minted"] is True
    assert f'"vault_sync_token": "{appliance.current_sync_token}"' in vault_view(playbooks, folder / "own")
    assert {name: (folder / name).read_text() for name in texts if name != "own"} == {
        name: text for name, text in before.items() if name != "own"
    }
    assert len(appliance.mintings()) == 1

    # Without any password, there is nothing to encrypt with.
    (folder / "ansible.cfg").write_text("")
    run = rotate(playbooks, vault_file=str(folder / "own"))
    assert "vault_file: is given, and no vault password is" in run.failure.message
    # With several, one must be named.
    both = ("--vault-id", f"one@{vault_password}", "--vault-id", f"two@{vault_password}")
    run = rotate(playbooks, *both, vault_file=str(folder / "own"))
    assert "vault_id: is needed, since there are one, two" in run.failure.message
    assert len(appliance.mintings()) == 1
    rotate(playbooks, *both, vault_file=str(folder / "own"), vault_id="two").went_well()
    assert (folder / "own").read_text().startswith("$ANSIBLE_VAULT;1.2;AES256;two\n")


def test_a_command_that_fails_is_told_and_the_next_run_hands_over(
    playbooks: Playbooks, appliance: Appliance, long_lived: None
) -> None:
    del long_lived
    folder = playbooks.folder
    fails = ["sh", "-c", 'cat >&2; echo " it said" >&2; exit 3']
    file = str(folder / "sync_token")
    first = task(playbooks, "fails", file=file, command=fails, renew_before=DAY)
    kept = task(playbooks, "kept before", file=file)
    hangs = task(playbooks, "hangs", file=file, command=["sleep", "60"], command_timeout=0.2)
    works = task(playbooks, "works", file=file, command=["sh", "-c", f"cat > {folder}/pushed"], renew_before=DAY)
    run = playbooks.tasks(kept, hangs, first, works).went_well()
    before, hung, failed, worked = run.of("rotate_token")
    assert before.outcome == worked.outcome == "ok"
    assert hung.outcome == failed.outcome == "ignored"
    assert "it did not end within 0.2 s" in hung.message
    assert "exit status 3" in failed.message
    assert "******** it said" in failed.message
    for result in (hung, failed):
        assert "The token before is revoked already" in result.message
        assert (
            f"has not reached the command {'sleep' if result is hung else 'sh'} and the file {file}" in result.message
        )
        assert "run it again" in result.message
        assert (result.result["minted"], result.result["delivered"]) == (True, [])
    # The file never had a token that the command did not get, so a run that would keep one mints.
    assert worked.result["minted"] is True
    assert len(appliance.mintings()) == 4
    assert (folder / "pushed").read_text() == Path(file).read_text() == appliance.current_sync_token


def test_the_standing_token(playbooks: Playbooks, appliance: Appliance, long_lived: None) -> None:
    """Kept, told and handed to a file that has not got it yet."""
    del long_lived
    folder = playbooks.folder
    token = appliance.mint()
    pushes = ["sh", "-c", f"cat > {folder}/pushed"]
    given: Json = {"renew_before": DAY, "current_token": token}
    run = playbooks.tasks(
        task(playbooks, "checked", check_mode=True, file="a", command=pushes, **given),
        task(playbooks, "handed", file="a", command=pushes, **given),
        task(playbooks, "kept", file="a", vault_file="b", renew_before=DAY),
        task(playbooks, "would rotate", check_mode=True, file="a"),
        task(playbooks, "command only", command=pushes, **given),
        task(playbooks, "ends too soon", command=pushes, renew_before=200 * DAY, current_token=token),
        task(playbooks, "revoked", check_mode=True, file="a"),
        task(playbooks, "revoked, so not kept", file="a", renew_before=DAY),
    ).went_well()
    checked, handed, kept, would, command, soon, revoked, renewed = (each.result for each in run.of("rotate_token"))
    assert (checked["changed"], checked["minted"]) == (handed["changed"], handed["minted"]) == (True, False)
    assert checked["delivered"] == handed["delivered"] == [f"the file {folder / 'a'}"]
    assert "would be handed to" in str(checked["summary"])
    assert kept["delivered"] == [f"the variable vault_sync_token in {folder / 'b'}"]
    assert token in vault_view(playbooks, folder / "b")
    assert "The standing one ends at" in str(would["summary"])
    assert "in 99 days" in str(would["summary"])
    assert (would["changed"], would["minted"]) == (True, False)
    assert (command["changed"], command["delivered"]) == (False, [])
    assert soon["minted"] is True
    assert (revoked["expires_in"], revoked["changed"]) == (0, True)
    assert "The standing one has ended, or was revoked" in str(revoked["summary"])
    assert renewed["minted"] is True
    assert len(appliance.mintings()) == 2
    assert (folder / "a").read_text() == appliance.current_sync_token


def test_a_token_that_does_not_tell_its_end(playbooks: Playbooks, appliance: Appliance) -> None:
    appliance.switches.opaque_token = True
    run = playbooks.tasks(
        task(playbooks, "minted", file="a"), task(playbooks, "kept", file="a", renew_before=DAY)
    ).went_well()
    minted, kept = (each.result for each in run.of("rotate_token"))
    assert (minted["expires_at"], minted["expires_in"]) == (None, None)
    assert "It does not tell when it ends." in minted["summary"][0]
    assert "It does not tell when it ends." in kept["summary"][0]
    assert (kept["changed"], len(appliance.mintings())) == (False, 1)


def test_what_the_module_refuses_is_said_as_it_is(playbooks: Playbooks, appliance: Appliance) -> None:
    former = appliance.mint()
    appliance.switches.providers = []
    run = rotate(playbooks, file="sync_token")
    assert "has no external identity provider" in run.failure.message
    assert (appliance.mintings(), appliance.current_sync_token) == ([], former)
    assert not (playbooks.folder / "sync_token").exists()
