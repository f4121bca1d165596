# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""From Pocket ID straight into the broker: groups, names, purge, the log beside it, and Pocket ID's own SCIM client."""

from __future__ import annotations

from typing import Any

import pytest
from simulator import Appliance, PocketId
from system.playbook import Json, Modules
from system.scenes import add, add_group, external_ids, members, provision

GROUP = "vcenter-admins"


@pytest.fixture
def bakery(pocket_id: PocketId) -> PocketId:
    """Three people, two of them in the group that may use vCenter."""
    for name in ("muffin", "crumpet", "scone"):
        pocket_id.add_user(name, email=f"{name}@example.org", first_name=name.title(), last_name="Baker")
    pocket_id.add_group(GROUP, members=["muffin", "crumpet"])
    return pocket_id


def read(providing: Modules, **options: Any) -> Json:
    people = providing.well("pocket_id_user_info", **{"group": [GROUP], **options})
    # As a registered variable holds it.
    del people["invocation"]
    return people


def ids(bakery: PocketId) -> dict[str, str]:
    return {user["username"]: user["id"] for user in bakery.users if not user["username"].startswith("static-")}


def refused(providing: Modules, users: list[Json], **options: Any) -> str:
    """The message of a run that changes nothing."""
    providing.appliance.clear_requests()
    message = str(provision(providing, users, **options)["msg"])
    assert (providing.appliance.writes(), providing.appliance.mintings()) == ([], [])
    return message


def test_a_group_is_let_in_and_who_leaves_it_is_out(providing: Modules, bakery: PocketId, appliance: Appliance) -> None:
    purge = {"purge": True, "max_deletes": "1"}
    checked = provision(providing, [], provider_users=read(providing), check=True, **purge)
    done = provision(providing, [], provider_users=read(providing), **purge)
    assert checked["diff"] == done["diff"]
    assert done["counts"]["create"] == 2
    assert external_ids(appliance) == {name: ids(bakery)[name] for name in ("muffin", "crumpet")}
    assert all(appliance.login(sub=bakery.sign_in(name)).allowed for name in ("muffin", "crumpet"))
    appliance.clear_requests()
    assert provision(providing, [], provider_users=read(providing), **purge)["changed"] is False
    assert (appliance.writes(), appliance.mintings()) == ([], [])
    bakery.leave(GROUP, "crumpet")
    assert provision(providing, [], provider_users=read(providing), **purge)["counts"]["delete"] == 1
    assert not appliance.login(sub=bakery.sign_in("crumpet")).allowed
    assert appliance.login(sub=bakery.sign_in("muffin")).allowed


def test_an_empty_group_purges_nobody(providing: Modules, bakery: PocketId, appliance: Appliance) -> None:
    provision(providing, [], provider_users=read(providing))
    for name in ("muffin", "crumpet"):
        bakery.leave(GROUP, name)
    message = refused(providing, [], provider_users=read(providing), purge=True, max_deletes="100%")
    assert GROUP in message
    assert "no members" in message
    assert set(external_ids(appliance)) == {"muffin", "crumpet"}


def test_who_is_named_gets_the_id_from_pocket_id(providing: Modules, bakery: PocketId, appliance: Appliance) -> None:
    people = read(providing, group=[], username=["scone"])
    done = provision(providing, [{"username": "Scone", "given_name": "S."}], provider_users=people)
    assert external_ids(appliance) == {"Scone": ids(bakery)["scone"]}
    assert (done["users"][0]["user"]["given_name"], done["users"][0]["user"]["family_name"]) == ("S.", "Baker")


def test_another_external_id_than_pocket_id_says(providing: Modules, bakery: PocketId) -> None:
    message = refused(providing, [{"username": "muffin", "external_id": "other"}], provider_users=read(providing))
    assert "other" in message
    assert ids(bakery)["muffin"] in message


@pytest.mark.usefixtures("bakery")
def test_somebody_whom_pocket_id_does_not_know(providing: Modules, appliance: Appliance) -> None:
    message = refused(providing, [{"username": "bagel"}], provider_users=read(providing), on_error="stop")
    assert "bagel" in message
    assert "knows nobody of this name" in message
    result = provision(providing, [{"username": "bagel"}], provider_users=read(providing))
    assert "knows nobody of this name" in result["msg"]
    assert set(external_ids(appliance)) == {"muffin", "crumpet"}


@pytest.mark.usefixtures("bakery")
def test_absent_wins_over_the_group(providing: Modules, appliance: Appliance) -> None:
    provision(providing, [{"username": "muffin", "state": "absent"}], provider_users=read(providing))
    assert set(external_ids(appliance)) == {"crumpet"}


def test_a_disabled_member_is_let_out(providing: Modules, bakery: PocketId, appliance: Appliance) -> None:
    provision(providing, [], provider_users=read(providing))
    sub = bakery.sign_in("muffin")
    bakery.change_user("muffin", disabled=True)
    assert provision(providing, [], provider_users=read(providing))["counts"]["update"] == 1
    assert not appliance.login(sub=sub).allowed


def test_somebody_without_address_or_last_name(providing: Modules, bakery: PocketId) -> None:
    bakery.change_user("muffin", email=None)
    bakery.change_user("crumpet", last_name="")
    message = refused(providing, [], provider_users=read(providing))
    for part in ("muffin (no e-mail address)", "crumpet (no last name)", "incomplete_users"):
        assert part in message
    named = [{"username": "muffin", "email": ""}, {"username": "crumpet", "family_name": ""}]
    assert provision(providing, named, provider_users=read(providing))["counts"]["create"] == 2
    people = read(providing)
    assert provision(providing, [], provider_users=people, incomplete_users="accept")["changed"] is False


# The log beside it


def attempts(*subs: str) -> Json:
    """What externalid_fact would have registered of logins refused with these ExternalIds."""
    return {
        "complete": True,
        "gaps": [],
        "attempts": [
            {
                "timestamp": f"2026-02-04T15:05:{number:02}.000Z",
                "external_id": sub,
                "domains": ["lab.example.org"],
                "outcome": "denied",
                "reason": "USER_NOT_FOUND",
                "source_ip": "192.0.2.10",
                "context_id": f"00000000-0000-0000-0000-{number:012}",
                "malformed": False,
            }
            for number, sub in enumerate(subs)
        ],
    }


def test_the_log_agrees(providing: Modules, bakery: PocketId) -> None:
    log = attempts(ids(bakery)["muffin"], ids(bakery)["scone"])
    done = provision(providing, [], provider_users=read(providing), login_attempts=log)
    assert done["counts"]["create"] == 2
    assert done["binding"] is None


def test_the_broker_saw_something_else(providing: Modules, bakery: PocketId) -> None:
    log = attempts("muffin@example.org")
    message = refused(providing, [], provider_users=read(providing), login_attempts=log)
    assert f"says ExternalId {ids(bakery)['muffin']}" in message
    assert "the broker saw is muffin@example.org" in message


def test_an_id_of_somebody_else_is_bound_to_nobody(providing: Modules, bakery: PocketId) -> None:
    log = attempts(ids(bakery)["scone"])
    people = read(providing, group=[], username=["muffin"])
    message = refused(providing, [{"username": "bagel"}], provider_users=people, login_attempts=log)
    assert "scone's at the identity provider" in message


# Pocket ID's own SCIM client


def test_pocket_id_pushes_to_the_same_broker(providing: Modules, bakery: PocketId, appliance: Appliance) -> None:
    bakery.add_client("Wiki", id="wiki")
    bakery.add_scim_service_provider("wiki", "https://wiki.example.org/scim", token="another-secret-token")
    assert provision(providing, [], provider_users=read(providing), check=True)["counts"]["create"] == 2
    bakery.add_client("vCenter", id="vcenter")
    bakery.add_scim_service_provider("vcenter", appliance.scim_url, token="some-secret-token")
    people = read(providing)
    assert "secret-token" not in str(people)
    appliance.clear_requests()
    message = refused(providing, [], provider_users=people)
    assert appliance.requests == []
    for part in ("vCenter", appliance.scim_url, "deletes every user", "coexist: true"):
        assert part in message
    assert provision(providing, [], provider_users=people, coexist=True)["counts"]["create"] == 2


# Mirrored groups


def test_a_group_is_mirrored(providing: Modules, bakery: PocketId, appliance: Appliance) -> None:
    add(appliance, "bagel", family_name="Baker")
    mirrored = {"mirror_groups": [GROUP]}
    checked = provision(providing, [], provider_users=read(providing, **mirrored), check=True, **mirrored)
    done = provision(providing, [], provider_users=read(providing, **mirrored), **mirrored)
    assert checked["diff"] == done["diff"]
    assert [(group["display_name"], group["operation"]) for group in done["groups"]] == [(GROUP, "create")]
    assert members(appliance, GROUP) == {"muffin", "crumpet"}
    appliance.clear_requests()
    assert provision(providing, [], provider_users=read(providing, **mirrored), **mirrored)["changed"] is False
    assert (appliance.writes(), appliance.mintings()) == ([], [])
    bakery.leave(GROUP, "crumpet")
    bakery.join(GROUP, "scone")
    checked = provision(providing, [], provider_users=read(providing, **mirrored), check=True, **mirrored)
    done = provision(providing, [], provider_users=read(providing, **mirrored), **mirrored)
    assert checked["diff"] == done["diff"]
    assert members(appliance, GROUP) == {"muffin", "scone"}
    assert set(external_ids(appliance)) == {"bagel", "muffin", "crumpet", "scone"}


def test_purge_and_mirror_in_one_run(providing: Modules, bakery: PocketId, appliance: Appliance) -> None:
    options = {"mirror_groups": [GROUP], "purge": True, "max_deletes": "1"}
    people = read(providing, mirror_groups=[GROUP])
    provision(providing, [], provider_users=people, **options)
    bakery.leave(GROUP, "crumpet")
    people = read(providing, mirror_groups=[GROUP])
    checked = provision(providing, [], provider_users=people, check=True, **options)
    done = provision(providing, [], provider_users=people, **options)
    assert checked["diff"] == done["diff"]
    assert done.get("failed") is False
    assert members(appliance, GROUP) == {"muffin"}
    assert provision(providing, [], provider_users=people, **options)["changed"] is False


@pytest.mark.usefixtures("bakery")
def test_a_mirror_is_refused_before_anything_is_written(providing: Modules, appliance: Appliance) -> None:
    bagel = add(appliance, "bagel")
    add_group(appliance, "other", bagel)
    people = read(providing)
    message = refused(providing, [], provider_users=people, mirror_groups=["other"])
    assert "nobody in the list is in other" in message
    message = refused(providing, [], provider_users=people, mirror_groups=["ALL_USERS"])
    assert "ALL_USERS" in message
    assert set(external_ids(appliance)) == {"bagel"}


@pytest.mark.parametrize("value", [{}, {"users": []}, {"users": [{"username": "x"}], "groups": [], "others": []}])
def test_something_else_than_the_result(providing: Modules, value: Json) -> None:
    message = refused(providing, [{"username": "muffin"}], provider_users=value)
    assert "provider_users" in message
    assert "pocket_id_user_info" in message
