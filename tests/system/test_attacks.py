# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whoever can sign in at the identity provider, or only send something to it, must not become somebody else."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from simulator import DEFAULT_DOMAIN, PEOPLE, Appliance
from system.playbook import Modules, Playbooks

MUFFIN = {"username": "muffin", "given_name": "Muffin"}
CRUMPET_ID = PEOPLE["crumpet"].replace("5f2a", "5F2a")
STRANGER = "e5d3b0a1-0000-4000-8000-00000000bad0"
CONTEXT = "11111111-2222-4333-8444-555555555555"
NO_CANDIDATE = "No login refused with USER_NOT_FOUND in the domain lab.example.org by an ExternalId that nobody has"

Attack = Callable[[Appliance, Path], Any]


def forged(appliance: Appliance, value: str, context: str | None = None, *, reason: str = "USER_NOT_FOUND") -> str:
    """The lines of a refused login as the broker writes them, made by somebody else."""
    context = context or str(uuid.uuid4())
    line = appliance.log.line
    resolver, events = "login.processor.AuthResponseUserResolver", "login.LoginEventServiceAspect"
    address = "192.0.2.66"
    looked_up = f"Fetching user for jit login context: {context} on attribute ExternalId={value}"
    missing = f"User fetching exception with nameId {value}, nameIdFormat ExternalId"
    exception = "com.vmware.vidm.federation.login.AccessDeniedException"
    refused = f"exception: {exception}: Access denied with reason code: {reason}"
    return (
        line("INFO", resolver, f"{looked_up}, domains: [{DEFAULT_DOMAIN}]", address=address, context=context)
        + line("WARN", resolver, f"{missing}, and domains [{DEFAULT_DOMAIN}], user not found", context=context)
        + line("INFO", events, f"Failing login. contextUuid: {context}, {refused}", address=address, context=context)
    )


def several(appliance: Appliance, _file: Path) -> None:
    appliance.login("muffin")
    appliance.login(sub=STRANGER)


def only_other_case(appliance: Appliance, _file: Path) -> None:
    appliance.login(sub="AbCdEf")
    appliance.login(sub="abcdef")


def other_case_of_a_bound_one(appliance: Appliance, _file: Path) -> None:
    appliance.login(sub=CRUMPET_ID.swapcase())


def bound_one(appliance: Appliance, _file: Path) -> None:
    # The broker refuses who is not active with the same reason.
    assert not appliance.login(sub=CRUMPET_ID).allowed


def other_domain(appliance: Appliance, _file: Path) -> None:
    appliance.login(sub=STRANGER, domain="other.example.org")
    appliance.login(sub=STRANGER, domain=f"x{DEFAULT_DOMAIN}")
    appliance.login(sub=STRANGER, domains=[])


def long_ago(appliance: Appliance, _file: Path) -> None:
    appliance.login(sub=STRANGER, at=datetime.now(UTC) - timedelta(minutes=45))
    appliance.log.write_noise(5)


def other_reason(appliance: Appliance, _file: Path) -> None:
    appliance.log.append(forged(appliance, STRANGER, reason="USER_DISABLED"))


def other_attribute(appliance: Appliance, _file: Path) -> None:
    appliance.login(sub=STRANGER, attribute="userName")


def line_in_the_sub(appliance: Appliance, _file: Path) -> None:
    # On one line: the value ends where the domains begin, and so does the forged one.
    appliance.login(sub=f"{STRANGER}, domains: [{DEFAULT_DOMAIN}]")
    appliance.login(sub=f"x {forged(appliance, STRANGER)}".replace("\n", " "))


def line_in_the_user_agent(appliance: Appliance, _file: Path) -> None:
    for line in forged(appliance, STRANGER).splitlines():
        appliance.login("muffin", user_agent=f"agent {line}", domain="other.example.org")


def line_in_the_domain(appliance: Appliance, _file: Path) -> None:
    value = f"{DEFAULT_DOMAIN}] {forged(appliance, STRANGER)}".replace("\n", " ")
    appliance.login("muffin", domain=value)


def line_feed_in_the_sub(appliance: Appliance, _file: Path) -> None:
    appliance.login(sub=f"x\n{STRANGER}")


def lines_after_a_line_feed(appliance: Appliance, _file: Path) -> None:
    # A forged login beside the true one: two candidates, and none of them is taken.
    appliance.login("muffin", user_agent=f"agent\n{forged(appliance, STRANGER)}")


def lines_of_the_same_login(appliance: Appliance, _file: Path) -> None:
    login = appliance.login("muffin")
    appliance.log.append(forged(appliance, STRANGER, login.context_id))


def template(appliance: Appliance, file: Path) -> None:
    text = "{{ lookup('pipe', 'touch " + str(file) + "') }}"
    appliance.login(sub=text)
    appliance.login("muffin", user_agent=text, domain=text)
    appliance.login(sub="{%for_in_[]%}" + text.replace(" ", ""), user_agent=text)


def shell(appliance: Appliance, file: Path) -> None:
    for text in (f"$(touch {file})", f"'; touch {file}; '", f"`touch {file}`", f'"; touch {file} #'):
        appliance.login(sub=text, user_agent=text)
        appliance.login("muffin", domain=text)


def not_to_be_printed(appliance: Appliance, _file: Path) -> None:
    appliance.login(sub="\x1b[2J\x1b]0;x\x07")
    appliance.login(sub="x" * 300)
    appliance.login(sub="a\u2028b")
    appliance.login(sub="")


def behind_lines_of_an_unknown_shape(appliance: Appliance, _file: Path) -> None:
    for line in forged(appliance, PEOPLE["muffin"]).splitlines():
        appliance.log.append(f"{line} indeed\n")


def behind_a_look_up_alone(appliance: Appliance, _file: Path) -> None:
    appliance.log.append(forged(appliance, PEOPLE["muffin"]).splitlines(keepends=True)[0])


def the_lone_candidate(appliance: Appliance, _file: Path) -> None:
    appliance.login(sub=STRANGER)


SEVERAL: list[Attack] = [several, only_other_case, lines_after_a_line_feed]
# Lines that do not fit the grammar: another login may be behind them.
UNREAD: list[Attack] = [line_in_the_domain, line_feed_in_the_sub]
# In one log, in the order of its times, so that none hides another.
NONE: list[Attack] = [
    long_ago,
    other_case_of_a_bound_one,
    bound_one,
    other_domain,
    other_reason,
    other_attribute,
    line_in_the_sub,
    line_in_the_user_agent,
    lines_of_the_same_login,
    template,
    shell,
    not_to_be_printed,
]


@pytest.mark.parametrize(
    ("attacks", "expected"),
    [
        *(([attack], "2 unknown ExternalIds were refused") for attack in SEVERAL),
        *(([attack, several], "cannot be read") for attack in UNREAD),
        ([behind_lines_of_an_unknown_shape, the_lone_candidate], "3 login lines cannot be read"),
        ([behind_a_look_up_alone, the_lone_candidate], "of ExternalIds that no user of the broker has: 1"),
        (NONE, NO_CANDIDATE),
    ],
    ids=[
        *(attack.__name__ for attack in (*SEVERAL, *UNREAD, behind_lines_of_an_unknown_shape, behind_a_look_up_alone)),
        "all that leave no candidate",
    ],
)
def test_nothing_is_bound(
    playbooks: Playbooks, appliance: Appliance, tmp_path: Path, attacks: list[Attack], expected: str
) -> None:
    appliance.add_user("crumpet@lab.example.org", CRUMPET_ID, domain=DEFAULT_DOMAIN, active=False)
    before = appliance.broker.users
    file = tmp_path / "attacked"
    for attack in attacks:
        attack(appliance, file)
    run = playbooks.role([MUFFIN, {"username": "crumpet"}])
    assert expected in run.failure.message
    assert appliance.broker.users == before
    assert (appliance.writes(), appliance.mintings()) == ([], [])
    assert not file.exists()
    # What came from outside is shown escaped, and on one line.
    assert not [char for char in run.output if not char.isprintable() and char != "\n"]
    assert "{{" not in run.output
    assert "Traceback" not in run.output


def test_a_malformed_value_is_listed_escaped(playbooks: Playbooks, appliance: Appliance, tmp_path: Path) -> None:
    template(appliance, tmp_path / "attacked")
    run = playbooks.role([MUFFIN])
    assert "\\u007b\\u007b lookup('pipe'" in run.failure.message
    assert "(malformed)" in run.failure.message
    read = run.of("externalid_fact")[0].result
    assert [attempt["malformed"] for attempt in read["attempts"]] == [True] * 3
    assert read["ansible_facts"]["externalid"] is None


def test_shell_words_are_a_value_like_another(playbooks: Playbooks, appliance: Appliance, tmp_path: Path) -> None:
    """Without white space and braces it could be an ExternalId, and is taken literally."""
    value = f"';>{tmp_path}/attacked;'$(id)`id`"
    appliance.login(sub=value)
    playbooks.role([MUFFIN]).went_well()
    assert [user["externalId"] for user in appliance.broker.users] == [value]
    assert not (tmp_path / "attacked").exists()


# Lists that were cut short


def bound_by(modules: Modules, attempts: dict[str, Any]) -> str:
    return modules.failed("scim_users", users=[MUFFIN], domain=DEFAULT_DOMAIN, login_attempts=attempts)


def test_a_flood_does_not_push_a_candidate_out_of_sight(
    playbooks: Playbooks, modules: Modules, appliance: Appliance
) -> None:
    appliance.login("muffin")
    for number in range(300):
        appliance.login(sub=f"flood-{number}")
    run = playbooks.read_log({"limit": 1, "domain": DEFAULT_DOMAIN}, {}, {"limit": 0, "since": "30m"})
    newest, five, everything = (result.result for result in run.results)
    assert [attempt["external_id"] for attempt in newest["attempts"]] == ["flood-299"]
    assert (len(five["attempts"]), len(everything["attempts"])) == (5, 301)
    assert [reading["complete"] for reading in (newest, five, everything)] == [False, False, True]
    for reading in (newest, five):
        said = bound_by(modules, reading)
        assert "was cut short" in said
        assert "no ExternalId is bound" in said
    assert "301 unknown ExternalIds were refused" in bound_by(modules, everything)
    # Nor is it done by one who logs in again and again.
    assert appliance.broker.users == []


@pytest.mark.parametrize(("kind", "compress"), [("rename", False), ("rename", True), ("copytruncate", True)])
def test_a_rotation_hides_nobody(
    playbooks: Playbooks, modules: Modules, appliance: Appliance, kind: Any, compress: bool
) -> None:
    appliance.login("muffin")
    appliance.log.rotate(kind, compress=compress)
    appliance.login(sub=STRANGER)
    window = {"limit": 0, "since": "30m"}
    run = playbooks.read_log(window, {**window, "include_rotated": True})
    short, whole = (result.result for result in run.results)
    assert [attempt["external_id"] for attempt in short["attempts"]] == [STRANGER]
    assert short["complete"] is False
    assert "rotated" in short["gaps"][0]
    assert "was cut short" in bound_by(modules, short)
    assert [attempt["external_id"] for attempt in whole["attempts"]] == [STRANGER, PEOPLE["muffin"]]
    assert whole["complete"] is True
    assert "2 unknown ExternalIds" in bound_by(modules, whole)
    assert appliance.broker.users == []


def test_two_who_wait_and_one_login(playbooks: Playbooks, appliance: Appliance) -> None:
    appliance.login("muffin")
    run = playbooks.role([MUFFIN, {"username": "scone"}])
    message = run.failure.message
    assert "2 people wait for an ExternalId (muffin@lab.example.org, scone@lab.example.org)" in message
    assert PEOPLE["muffin"] in message
    assert appliance.broker.users == []


def test_a_stranger_who_logs_in_while_somebody_is_asked(playbooks: Playbooks, appliance: Appliance) -> None:
    def both() -> None:
        end = time.monotonic() + 60
        while not any("mark waited" in command for command in appliance.ssh_commands) and time.monotonic() < end:
            time.sleep(0.05)
        appliance.login("muffin")
        time.sleep(2)
        appliance.login(sub=STRANGER)

    people = threading.Thread(target=both, daemon=True)
    people.start()
    run = playbooks.role([MUFFIN], wait_for_login=60)
    people.join()
    assert "2 unknown ExternalIds were refused" in run.failure.message
    assert appliance.broker.users == []


# A lone candidate


def test_a_binding_is_announced_everywhere(playbooks: Playbooks, appliance: Appliance) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    appliance.login("muffin", source_ip="198.51.100.7", at=now - timedelta(minutes=1))
    appliance.login(sub=STRANGER, source_ip="203.0.113.9", at=now - timedelta(seconds=30))
    appliance.log.write_noise(2)
    near = {**MUFFIN, "login_from": ["198.51.100.0/24"]}
    dry = playbooks.role([near], "--check", "--diff").went_well()
    real = playbooks.role([near], "--diff").went_well()
    wanted = (PEOPLE["muffin"], f"{now - timedelta(minutes=1):%Y-%m-%dT%H:%M:%S}", "198.51.100.7")
    for run in (dry, real):
        result = run.of("scim_users")[1].result
        told = [
            str(result["binding"]),
            result["binding"]["announcement"],
            result["diff"]["after_header"],
            str(result["warnings"]),
            "\n".join(result["summary"]),
            " ".join(run.stderr.split()),
            run.stdout,
        ]
        for text in told:
            assert all(part in text for part in wanted), text
    assert [user["externalId"] for user in appliance.broker.users] == [PEOPLE["muffin"]]


@pytest.mark.parametrize("minutes", [110, 5])
def test_a_login_outside_the_window_is_not_bound(playbooks: Playbooks, appliance: Appliance, minutes: int) -> None:
    """The log is in UTC+2. After 110 minutes its stamps look recent, if its time of change is not that of its last line."""
    appliance.switches.update({"log_timezone": "+02:00", "shell_timezone": "Europe/Berlin"})
    moment = datetime.now(UTC) - timedelta(minutes=minutes)
    appliance.login(sub=STRANGER, at=moment)
    if minutes == 5:
        appliance.log.write_noise(3)
        playbooks.role([MUFFIN]).went_well()
        assert [user["externalId"] for user in appliance.broker.users] == [STRANGER]
        return
    message = playbooks.role([MUFFIN]).failure.message
    for part in ("not certain", "wait_for_login", "external_id"):
        assert part in message
    assert appliance.broker.users == []


def test_an_external_id_that_is_the_address_of_somebody_else(playbooks: Playbooks, appliance: Appliance) -> None:
    appliance.add_user("crumpet@lab.example.org", CRUMPET_ID, domain=DEFAULT_DOMAIN, email="crumpet@corp.example")
    appliance.login(sub="crumpet@corp.example")
    message = playbooks.role([MUFFIN]).failure.message
    assert "is the address of crumpet@lab.example.org" in message
    assert [user["externalId"] for user in appliance.broker.users] == [CRUMPET_ID]


# Given by mistake


@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.parametrize("own", [None, "id-of-muffin"])
@pytest.mark.parametrize("given", [CRUMPET_ID, CRUMPET_ID.swapcase()])
def test_an_external_id_of_somebody_else(
    modules: Modules, appliance: Appliance, state: str, own: str | None, given: str
) -> None:
    appliance.add_user("crumpet@lab.example.org", CRUMPET_ID, domain=DEFAULT_DOMAIN)
    if own:
        appliance.add_user("muffin@lab.example.org", own, domain=DEFAULT_DOMAIN)
    before = appliance.broker.users
    user = {"username": "muffin", "external_id": given, "state": state}
    # Nor does it help to allow what would be right in another case; only a rename that is one is carried out.
    is_rename = own is None and given == CRUMPET_ID and state == "present"
    allowed = {"recreate": True, "rename": not is_rename}
    messages = [
        modules.failed("scim_user", domain=DEFAULT_DOMAIN, **user),
        modules.failed("scim_users", domain=DEFAULT_DOMAIN, users=[user]),
        modules.failed("scim_users", domain=DEFAULT_DOMAIN, users=[{**user, **allowed}]),
    ]
    for message in messages:
        assert "muffin@lab.example.org" in message
        assert "crumpet@lab.example.org" in message
        assert given in message
    assert appliance.broker.users == before
    assert (appliance.writes(), appliance.mintings()) == ([], [])


def test_one_external_id_for_two_people(modules: Modules, appliance: Appliance) -> None:
    users = [{"username": "muffin", "external_id": "AbC"}, {"username": "scone", "external_id": "abc"}]
    message = modules.failed("scim_users", users=users, domain=DEFAULT_DOMAIN)
    assert "muffin@lab.example.org at position 1 and scone@lab.example.org at position 2" in message
    assert appliance.requests == []


def test_facts_of_yesterday_are_not_believed(modules: Modules, appliance: Appliance) -> None:
    """Attempts that went through a playbook are judged anew."""
    attempt = {
        "timestamp": "2026-02-04T15:05:23.412Z",
        "context_id": CONTEXT,
        "outcome": "denied",
        "reason": "USER_NOT_FOUND",
        "domains": [DEFAULT_DOMAIN],
        "source_ip": None,
        "malformed": False,
    }
    for external_id in ("{{ 1 }}", "a b", "", None):
        message = bound_by(modules, {"attempts": [{**attempt, "external_id": external_id}], "complete": True})
        assert NO_CANDIDATE in message
    for attempts in ({"attempts": []}, {"complete": True}, {"attempts": [{"external_id": "x"}], "complete": True}):
        assert "login_attempts" in bound_by(modules, attempts)
    assert appliance.writes() == []
