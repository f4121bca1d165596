# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups and their members, over real HTTPS: what is written, what is left alone, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from simulator import DEFAULT_DOMAIN, Appliance, Fault
from simulator.switches import DEFAULT_PROVIDER_ID, Provider
from system.playbook import Json, Modules

NAME = "bakers"
BAKERS = {"display_name": NAME}
OTHER = "0b0f0a50-31a5-4a0e-9be3-0f0d2f9b7c22"


def wire(name: str) -> str:
    return f"{name}@{DEFAULT_DOMAIN}"


@pytest.fixture
def people(appliance: Appliance) -> dict[str, str]:
    """Three users, by name, with their ids; one of them bare on the wire."""
    spelt = {"ann": wire("ann"), "bob": wire("bob"), "cid": "cid"}
    return {name: _user(appliance, username, name) for name, username in spelt.items()}


def _user(appliance: Appliance, username: str, external_id: str, **options: Any) -> str:
    return str(appliance.add_user(username, external_id, **{"domain": DEFAULT_DOMAIN, **options})["id"])


def group(appliance: Appliance, *members: str, name: str = NAME, provider: str = DEFAULT_PROVIDER_ID) -> str:
    """A group that was there before, or that somebody else made; its id."""
    body = {"displayName": name, "members": [{"value": member} for member in members]}
    return str(appliance.broker.groups.create(body, provider)["id"])


def held(appliance: Appliance, name: str = NAME) -> set[str] | None:
    """The ids in a group, as the broker keeps them."""
    found = [each for each in appliance.broker.groups.all() if each.name == name]
    return set(found[0].members) if found else None


def sent(appliance: Appliance) -> list[str]:
    """The methods of the writes on the wire."""
    return [seen.method for seen in appliance.writes()]


def given(appliance: Appliance, **options: Any) -> Json:
    """A token of one's own."""
    return {"token": appliance.mint(), "scim_url": appliance.scim_url, **options}


# Life


def test_a_group_from_its_creation_to_its_end(
    modules: Modules, appliance: Appliance, people: dict[str, str], tmp_path: Path
) -> None:
    options = {**BAKERS, "token_file": str(tmp_path / "token")}

    def thrice(operation: str, writes: list[str], **more: Any) -> Json:
        dry = modules.well("scim_group", check=True, **options, **more)
        assert sent(appliance) == []
        real = modules.well("scim_group", **options, **more)
        assert sent(appliance) == writes
        again = modules.well("scim_group", **options, **more)
        assert sent(appliance) == writes
        assert (dry["changed"], real["changed"], again["changed"]) == (True, True, False)
        assert (dry["operation"], real["operation"], again["operation"]) == (operation, operation, "none")
        assert dry["diff"] == real["diff"] != again["diff"]
        assert again["diff"]["before"] == again["diff"]["after"] == {}
        assert again["group"] == real["group"]
        assert not dry["requests"]["patch"]
        assert real["requests"]["get"]
        assert real["unverified"] == again["unverified"] == []
        appliance.clear_requests()
        return real

    made = thrice("create", ["POST", "PATCH"], members=["ann", "CID@lab.example.org"])
    assert made["minted"] is True
    assert made["group"]["display_name"] == NAME
    assert made["group"]["members"] == [wire("ann"), wire("cid")]
    assert made["diff"]["after"] == {NAME: {"members": [wire("ann"), wire("cid")]}}
    assert held(appliance) == {people["ann"], people["cid"]}

    assert thrice("update", ["PATCH"], members=["bob"], domain=DEFAULT_DOMAIN)["minted"] is False
    assert held(appliance) == set(people.values())
    thrice("update", ["PATCH"], members=[wire("Ann")], members_state="absent")
    assert held(appliance) == {people["bob"], people["cid"]}
    changed = thrice("update", ["PATCH", "PATCH"], members=["ann", "bob"], members_state="exact")
    assert changed["diff"]["before"] == {NAME: {"members": [wire("bob"), wire("cid")]}}
    assert changed["diff"]["after"] == {NAME: {"members": [wire("ann"), wire("bob")]}}
    assert changed["requests"]["patch"] == 2
    thrice("update", ["PATCH"], members=[], members_state="exact")
    assert held(appliance) == set()

    ended = thrice("delete", ["DELETE"], state="absent", members=["nobody"])
    assert ended["group"] is None
    assert "Whether vCenter gives permissions to the group bakers" in ended["warnings"][0]
    assert held(appliance) is None
    assert len(appliance.mintings()) == 0


def test_a_group_is_found_without_regard_to_case(modules: Modules, appliance: Appliance) -> None:
    group(appliance)
    result = modules.well("scim_group", display_name="BAKERS")
    assert (result["changed"], result["group"]["display_name"]) == (False, NAME)


def test_a_thousand_members_go_in_slices(modules: Modules, appliance: Appliance) -> None:
    names = [f"u{number:04}" for number in range(1000)]
    ids = {name: _user(appliance, wire(name), name) for name in names}
    options = {**BAKERS, **given(appliance), "domain": DEFAULT_DOMAIN}
    result = modules.well("scim_group", members=names, **options)
    assert sent(appliance) == ["POST", *["PATCH"] * 10]
    assert len(result["group"]["members"]) == 1000
    assert held(appliance) == set(ids.values())
    assert not modules.well("scim_group", members=names, **options)["changed"]

    appliance.clear_requests()
    modules.well("scim_group", members=names[:250], members_state="absent", **options)
    assert sent(appliance) == ["PATCH"] * 3
    assert held(appliance) == {ids[name] for name in names[250:]}
    modules.well("scim_group", members=names[:250], members_state="present", **options)
    assert held(appliance) == set(ids.values())


# Members that are no users


def test_groups_in_groups(modules: Modules, appliance: Appliance, people: dict[str, str]) -> None:
    cooks, waiters = group(appliance, name="cooks"), group(appliance, name="waiters")
    group(appliance, people["ann"], cooks)
    options = {**BAKERS, **given(appliance)}

    result = modules.well("scim_group", members=["bob@lab.example.org"], member_groups=["Waiters"], **options)
    assert result["group"]["member_groups"] == ["cooks", "waiters"]
    assert result["diff"]["before"] == {NAME: {"members": [wire("ann")], "member_groups": ["cooks"]}}
    assert held(appliance) == {people["ann"], people["bob"], cooks, waiters}

    message = modules.failed("scim_group", members=[wire("ann")], members_state="exact", **options)
    assert "has groups as members: cooks, waiters" in message
    assert "member_groups" in message
    assert held(appliance) == {people["ann"], people["bob"], cooks, waiters}

    exact = {"members": [wire("ann")], "member_groups": ["cooks"], "members_state": "exact"}
    assert modules.well("scim_group", **exact, **options)["changed"] is True
    assert modules.well("scim_group", **exact, **options)["changed"] is False
    assert held(appliance) == {people["ann"], cooks}
    modules.well("scim_group", member_groups=["cooks"], members_state="absent", **options)
    modules.well("scim_group", member_groups=["waiters"], members_state="exact", **options)
    assert held(appliance) == {people["ann"], waiters}


def test_members_that_the_token_does_not_show(modules: Modules, appliance: Appliance, people: dict[str, str]) -> None:
    appliance.switches.providers = [Provider(), Provider(idp=OTHER, name="Other", domains=["other.example.org"])]
    stranger = _user(appliance, "stranger@other.example.org", "S", domain="other.example.org", provider=OTHER)
    group(appliance, people["ann"], stranger)
    options = {**BAKERS, **given(appliance)}
    result = modules.well("scim_group", members=[wire("ann")], members_state="absent", **options)
    assert result["group"]["unknown_members"] == [stranger]
    assert held(appliance) == {stranger}
    message = modules.failed("scim_group", members=[wire("bob")], members_state="exact", **options)
    assert stranger in message
    assert held(appliance) == {stranger}
    modules.well("scim_group", members=[wire("bob")], **options)
    assert held(appliance) == {stranger, people["bob"]}


@pytest.mark.parametrize("typed", [False, True])
@pytest.mark.parametrize("returned", ["always", "single"])
def test_lists_may_leave_the_members_out(
    modules: Modules, appliance: Appliance, people: dict[str, str], returned: Any, typed: bool
) -> None:
    appliance.switches.members_returned, appliance.switches.member_types = returned, typed
    appliance.switches.page_cap = 1
    cooks = group(appliance, name="cooks")
    group(appliance, people["ann"], cooks)
    options = {**BAKERS, **given(appliance), "members": [wire("ann")], "member_groups": ["cooks"]}
    result = modules.well("scim_group", members_state="exact", **options)
    assert (result["changed"], result["unverified"]) == (False, [])
    groups = modules.well("scim_group_info", **given(appliance))["groups"]
    assert [(g["display_name"], g["members"], g["member_groups"]) for g in groups] == [
        ("ALL_USERS", [], []),
        (NAME, [wire("ann")], ["cooks"]),
        ("cooks", [], []),
    ]


def test_members_that_are_never_returned_are_judged_by_the_users(
    modules: Modules, appliance: Appliance, people: dict[str, str]
) -> None:
    appliance.switches.members_returned = "never"
    cooks = group(appliance, name="cooks")
    group(appliance, people["ann"])
    options = {**BAKERS, **given(appliance)}
    result = modules.well("scim_group", members=[wire("bob")], **options)
    assert (result["changed"], result["unverified"]) == (True, [])
    assert held(appliance) == {people["ann"], people["bob"]}
    result = modules.well("scim_group", members=[wire("bob")], **options)
    assert (result["changed"], result["unverified"]) == (False, [])
    # Users do not show who is in a group through another.
    assert modules.well("scim_group", member_groups=["cooks"], **options)["unverified"] == ["members"]
    assert held(appliance) == {people["ann"], people["bob"], cooks}
    for state in ("absent", "exact"):
        message = modules.failed("scim_group", members=[wire("bob")], members_state=state, **options)
        assert "it is not known who would be removed" in message
    assert set(modules.well("scim_group_info", **given(appliance))["unverified"]) == {"ALL_USERS", NAME}

    # Writing the whole list could lose members whom the broker does not show.
    appliance.switches.patch_refused = True
    assert "could remove some" in modules.failed("scim_group", members=[wire("cid")], **given(appliance), **BAKERS)
    assert held(appliance) == {people["ann"], people["bob"], cooks}


# Where PATCH is refused


@pytest.mark.parametrize("status", [400, 404, 405, 501])
def test_without_patch_the_whole_list_is_written(
    modules: Modules, appliance: Appliance, people: dict[str, str], status: Any
) -> None:
    appliance.switches.patch_refused, appliance.switches.patch_refusal = True, status
    cooks = group(appliance, name="cooks")
    group(appliance, people["ann"], people["bob"], cooks)
    exact = {"members": [wire("ann"), wire("cid")], "member_groups": ["cooks"], "members_state": "exact"}
    result = modules.well("scim_group", **BAKERS, **exact, **given(appliance))
    assert sent(appliance) == ["PATCH", "PUT"]
    assert result["group"]["member_groups"] == ["cooks"]
    assert held(appliance) == {people["ann"], people["cid"], cooks}
    assert not modules.well("scim_group", **BAKERS, **exact, **given(appliance))["changed"]


def test_a_missing_right_is_no_missing_patch(modules: Modules, appliance: Appliance, people: dict[str, str]) -> None:
    appliance.switches.patch_refused, appliance.switches.patch_refusal = True, 403
    group(appliance)
    result = modules.run("scim_group", **BAKERS, members=[wire("ann")], **given(appliance))
    assert "HTTP 403" in result["msg"]
    assert "The group was not changed." in result["msg"]
    assert result["changed"] is False
    assert sent(appliance) == ["PATCH"]
    assert people


# What goes wrong


def test_what_was_done_before_a_request_broke_is_told(modules: Modules, appliance: Appliance) -> None:
    names = [f"u{number:03}" for number in range(250)]
    ids = [_user(appliance, wire(name), name) for name in names]
    appliance.switches.faults = [Fault(match="PATCH /Groups", kind="503", after=2)]
    options = {**BAKERS, **given(appliance), "domain": DEFAULT_DOMAIN, "members": names}
    result = modules.run("scim_group", **options)
    assert result["failed"] is True
    assert result["changed"] is True
    assert "HTTP 503" in result["msg"]
    assert "200 of 250 new members are in it" in result["msg"]
    assert len(result["group"]["members"]) == 200
    assert modules.well("scim_group", **options)["operation"] == "update"
    assert held(appliance) == set(ids)


@pytest.mark.parametrize(
    ("match", "kind", "says", "left"),
    [
        ("POST /Groups$", "reset_before", ["Could not create the group bakers", "The group was not changed."], None),
        ("POST /Groups$", "html", ["Could not create the group bakers"], None),
        ("POST /Groups$", "expire_token", ["The given token was refused", "The group was not changed."], None),
        ("POST /Groups$", "reset_after", ["The group was created; 0 of 1 new members are in it"], []),
        ("PATCH /Groups", "expire_token", ["The given token was refused", "could not be read back"], []),
        ("PATCH /Groups", "reset_before", ["0 of 1 new members are in it. Running the task again does the rest."], []),
        ("PATCH /Groups", "reset_after", [], ["ann"]),
        ("PATCH /Groups", "truncated", [], ["ann"]),
        ("GET /Groups", "wrong_json", ["list the broker's groups"], None),
    ],
)
def test_broken_requests(
    modules: Modules,
    appliance: Appliance,
    people: dict[str, str],
    match: str,
    kind: Any,
    says: list[str],
    left: list[str] | None,
) -> None:
    # Reading is repeated.
    appliance.switches.faults = [Fault(match=match, kind=kind, times=9 if match.startswith("GET") else 1)]
    result = modules.run("scim_group", **BAKERS, members=[wire("ann")], **given(appliance))
    assert bool(result.get("failed")) == bool(says)
    assert not [each for each in says if each not in result["msg"]], result["msg"]
    assert held(appliance) == (None if left is None else {people[name] for name in left})
    assert result.get("changed", False) == (left is not None)


def test_a_token_that_ends_in_the_midst_is_minted_anew(
    modules: Modules, appliance: Appliance, people: dict[str, str]
) -> None:
    group(appliance)
    appliance.switches.faults = [Fault(match="PATCH /Groups", kind="expire_token")]
    assert modules.well("scim_group", **BAKERS, members=[wire("ann")])["minted"] is True
    assert len(appliance.mintings()) == 2
    assert held(appliance) == {people["ann"]}


@pytest.mark.parametrize("options", [{"members": ["ann"]}, {"state": "absent"}], ids=["update", "delete"])
def test_a_write_that_is_lost_is_an_error(
    modules: Modules, appliance: Appliance, people: dict[str, str], options: Json
) -> None:
    group(appliance)
    appliance.switches.lose_write = True
    message = modules.failed("scim_group", **BAKERS, **options)
    assert "written without an error, and yet: " in message
    assert people


def test_a_created_group_that_is_lost(modules: Modules, appliance: Appliance) -> None:
    appliance.switches.lose_write = True
    assert "bakers is not in the broker" in modules.failed("scim_group", **BAKERS)


def test_a_list_of_groups_that_does_not_add_up(modules: Modules, appliance: Appliance) -> None:
    group(appliance)
    appliance.switch({"page_cap": 1, "page_repeats": True})
    assert "The list of groups on" in modules.failed("scim_group", **BAKERS, members=[])
    assert "The list of groups on" in modules.failed("scim_group_info")
    assert sent(appliance) == []


# What a user gets wrong


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"display_name": "all_users"}, "display_name: ALL_USERS is the broker's own group"),
        ({"display_name": "ALL_USERS", "state": "absent"}, "It is never changed"),
        ({"display_name": "ALL_USERS", "members": ["ann"], "members_state": "exact"}, "scim_group_info reads it"),
        ({"display_name": ""}, "display_name: is empty"),
        ({"display_name": 7}, "display_name: is 7 (int) and not a string. Quote it"),
        ({"members": [7]}, "members[0].username: is 7"),
        ({"members": ["ann", "@x"]}, "members[1].username: '@x' is no user name"),
        ({"members": [""]}, "members[0].username: is empty"),
        ({"member_groups": [None]}, "member_groups[0]"),
        ({"members_state": "exact"}, "members_state: is exact, and neither members nor member_groups"),
        ({"members_state": "only"}, "members_state"),
        ({"members": ["ann"], "domain": "two words"}, "is no domain"),
    ],
)
def test_options_are_refused_before_anything_is_sent(
    modules: Modules, appliance: Appliance, options: Json, says: str
) -> None:
    assert says in modules.failed("scim_group", **{**BAKERS, **options})
    assert appliance.requests == []


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            {"members": ["ann", "nobody", "noone@lab.example.org"]},
            ["no user nobody@lab.example.org, noone@lab.example"],
        ),
        ({"members": ["nobody"], "members_state": "absent"}, ["no user nobody@lab.example.org"]),
        ({"members": ["ann@example.net"]}, ["'example.net' is not a domain of the identity provider"]),
        ({"member_groups": ["cooks", "none"]}, ["no group none."]),
        ({"member_groups": [NAME]}, ["bakers cannot be a member of itself"]),
        ({"member_groups": ["TWINS"]}, ["2 groups of this name"]),
        ({"display_name": "twins"}, ["2 groups of this name"]),
        ({"display_name": "twins", "state": "absent"}, ["2 groups of this name"]),
        ({"members": ["twin", "nobody"]}, ["'twin' and 'twin@lab.example.org' side by side", "no user nobody"]),
    ],
)
def test_doubtful_names_change_nothing(
    modules: Modules, appliance: Appliance, people: dict[str, str], options: Json, says: list[str]
) -> None:
    for name in (NAME, "cooks", "Twins", "twin-s"):
        group(appliance, name=name)
    appliance.broker.groups.all()[-1].name = "tWINS"
    _user(appliance, "twin", "T1")
    _user(appliance, wire("twin"), "T2")
    message = modules.failed("scim_group", **{**BAKERS, **options})
    assert not [each for each in says if each not in message], message
    assert (sent(appliance), appliance.mintings(), held(appliance)) == ([], [], set())
    assert people


def test_a_user_whose_domain_is_unknown_is_no_member_by_guess(modules: Modules, appliance: Appliance) -> None:
    _user(appliance, "ann", "A")
    appliance.switches.domain_returned = "none"
    options = {**BAKERS, **given(appliance), "hostname": None}
    assert "does not show its domain" in modules.failed("scim_group", members=[wire("ann")], **options)
    assert "members[0].domain: is not given for 'ann'" in modules.failed("scim_group", members=["ann"], **options)
    assert sent(appliance) == []


def test_a_group_of_another_provider_is_not_touched(modules: Modules, appliance: Appliance) -> None:
    """The admin token shows it and the sync token does not."""
    appliance.switches.providers = [Provider(), Provider(idp=OTHER, name="Other", domains=["other.example.org"])]
    group(appliance, provider=OTHER)
    options = {**BAKERS, "provider_id": DEFAULT_PROVIDER_ID}
    assert modules.well("scim_group", **options)["changed"] is False
    message = modules.failed("scim_group", state="absent", **options)
    assert "shows other users or groups" in message
    assert sent(appliance) == []
    assert held(appliance) == set()
    token = {**BAKERS, **given(appliance, hostname=None)}
    message = modules.failed("scim_group", **token)
    assert "HTTP 409" in message
    assert "that this token does not show" in message


# With which token


def test_a_run_without_a_change_mints_nothing(modules: Modules, appliance: Appliance, people: dict[str, str]) -> None:
    group(appliance, people["ann"])
    result = modules.well("scim_group", **BAKERS, members=["ann"])
    assert (result["changed"], result["minted"]) == (False, False)
    assert appliance.mintings() == []


@pytest.mark.parametrize("refusal", ["refused_401", "refused_403", "endpoint_403", "endpoint_404"])
def test_the_token_law_where_the_read_token_is_refused(
    modules: Modules, appliance: Appliance, people: dict[str, str], refusal: Any
) -> None:
    appliance.switches.read_token = refusal
    wanted = {**BAKERS, "members": ["ann"]}
    assert "check_mode_mint: true" in modules.failed("scim_group", check=True, **wanted)
    assert "never mints one" in modules.failed("scim_group_info")
    assert appliance.mintings() == []
    dry = modules.well("scim_group", check=True, check_mode_mint=True, **wanted)
    assert (len(appliance.mintings()), sent(appliance)) == (1, [])
    real = modules.well("scim_group", **wanted)
    assert (real["minted"], len(appliance.mintings()), sent(appliance)) == (True, 2, ["POST", "PATCH"])
    assert dry["diff"] == real["diff"]
    assert "The previous token is revoked" in " ".join(real["warnings"])
    assert "never mints one" in modules.failed("scim_group_info", **BAKERS)
    token = {"token": appliance.current_sync_token, "scim_url": appliance.scim_url}
    assert modules.well("scim_group_info", **token, **BAKERS)["groups"] == [real["group"]]
    assert held(appliance) == {people["ann"]}


def test_a_given_token_reaches_neither_vcenter_nor_another_minting(modules: Modules, appliance: Appliance) -> None:
    token = given(appliance, hostname=None)
    modules.well("scim_group", **BAKERS, **token)
    assert {seen.path.partition("/scim/")[0] for seen in appliance.requests} == {"/usergroup/t/CUSTOMER"}
    appliance.mint()
    assert "The given token was refused" in modules.failed("scim_group", **BAKERS, **token)
    assert appliance.mintings() == []


# Reading


def test_groups_are_listed_with_their_members_by_name(
    modules: Modules, appliance: Appliance, people: dict[str, str]
) -> None:
    cooks = group(appliance, name="Cooks")
    key = group(appliance, people["cid"], cooks, people["ann"])
    listed = modules.well("scim_group_info")
    assert [each["display_name"] for each in listed["groups"]] == ["ALL_USERS", NAME, "Cooks"]
    assert listed["groups"][1] == {
        "id": key,
        "display_name": NAME,
        "external_id": None,
        "members": [wire("ann"), wire("cid")],
        "member_groups": ["Cooks"],
        "unknown_members": [],
    }
    assert listed["unverified"] == ["ALL_USERS"]
    assert modules.well("scim_group_info", display_name="BAKERS")["groups"] == [listed["groups"][1]]
    assert modules.well("scim_group_info", display_name="none")["groups"] == []
    assert "Quote it" in modules.failed("scim_group_info", display_name=7)
    assert (appliance.mintings(), sent(appliance)) == ([], [])
