# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""From Pocket ID straight into the broker: groups, names, purge, the log beside it, and Pocket ID's own SCIM client."""

from __future__ import annotations

from typing import Any

import pytest
from simulator import Appliance, PocketId
from system.playbook import Json, Modules
from system.scenes import add, add_group, external_ids, held, members, provision

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


def test_another_external_id_than_pocket_id_says(providing: Modules, bakery: PocketId, appliance: Appliance) -> None:
    users = [{"username": "muffin", "external_id": "other"}]
    message = refused(providing, users, provider_users=read(providing), on_error="stop")
    assert "other" in message
    assert ids(bakery)["muffin"] in message
    assert "other" in provision(providing, users, provider_users=read(providing))["msg"]
    assert set(external_ids(appliance)) == {"crumpet"}


@pytest.mark.parametrize("way", ["provider_users", "users"])
def test_a_user_name_of_pocket_id_never_means_another_person(
    providing: Modules, bakery: PocketId, appliance: Appliance, way: str
) -> None:
    bakery.add_user("muffin@lab.example.org", id="id-of-another", email="a@example.org", last_name="Baker")
    bakery.add_user("mail@user.example.org", id="id-of-mail", email="m@example.org", last_name="Baker")
    for name in ("muffin@lab.example.org", "mail@user.example.org"):
        bakery.join(GROUP, name)
    bakery.leave(GROUP, "muffin")
    people = read(providing)
    users, given = (people["users"], {}) if way == "users" else ([], {"provider_users": people})
    result = provision(providing, users, **given)
    assert result["failed"] is True
    for part in ("external_id: id-of-another", "external_id: id-of-mail", "ends in @ and a domain of the broker"):
        assert part in result["msg"]
    assert external_ids(appliance) == {"crumpet": ids(bakery)["crumpet"]}
    result = provision(providing, users, split_usernames=False, **given)
    assert "id-of-another" in result["msg"]
    assert "id-of-mail" not in result["msg"]
    assert set(external_ids(appliance)) == {"crumpet", "mail@user.example.org"}


def test_a_qualified_name_means_the_bare_one(providing: Modules, bakery: PocketId, appliance: Appliance) -> None:
    bakery.add_user("scone@lab.example.org", id="id-of-another", email="a@example.org", last_name="Baker")
    wanted = [{"username": "scone@lab.example.org"}]
    done = provision(providing, wanted, provider_users=read(providing, group=[], wanted_users=wanted))
    assert not done["failed"]
    assert external_ids(appliance) == {"scone": ids(bakery)["scone"]}


def test_a_name_that_people_edit_is_announced_once(providing: Modules, bakery: PocketId) -> None:
    wanted = [{"username": "scone"}]
    people = read(providing, group=[], wanted_users=wanted)
    checked = provision(providing, wanted, provider_users=people, check=True)
    done = provision(providing, wanted, provider_users=people)
    assert checked["diff"] == done["diff"]
    for where in (done["diff"]["after_header"], " ".join(done["warnings"]), " ".join(done["summary"])):
        assert "scone@lab.example.org" in where
        assert "Give external_id, or let a group" in where
    assert "by user name alone" not in str(provision(providing, wanted, provider_users=people))
    by_group = provision(providing, [{"username": "muffin"}], provider_users=read(providing))
    by_id = [{"username": "bagel", "external_id": bakery.add_user("bagel", last_name="B", email="b@example.org")["id"]}]
    given = provision(providing, by_id, provider_users=read(providing, group=[], wanted_users=by_id))
    assert (by_group["counts"]["create"], given["counts"]["create"]) == (2, 1)
    assert "by user name alone" not in str(by_group) + str(given)


def test_what_pocket_id_shows_to_be_empty_is_cleared(
    providing: Modules, bakery: PocketId, appliance: Appliance
) -> None:
    provision(providing, [], provider_users=read(providing))
    bakery.change_user("muffin", email=None, last_name="")
    accepted = {"incomplete_users": "accept"}
    done = provision(providing, [], provider_users=read(providing), **accepted)
    assert done["counts"]["update"] == 1
    (muffin,) = [user["user"] for user in done["users"] if user["username"] == "muffin"]
    assert (muffin["email"], muffin["family_name"], muffin["given_name"]) == (None, None, "Muffin")
    assert provision(providing, [], provider_users=read(providing), **accepted)["changed"] is False
    for name in ("muffin", "crumpet", "scone"):
        bakery.change_user(name, email=None, first_name="")
    done = provision(providing, [], provider_users=read(providing), **accepted)
    assert (done["changed"], held(appliance)["crumpet"]["emails"][0]["value"]) == (False, "crumpet@example.org")


def test_a_broker_that_refuses_to_clear_fails_that_person_alone(
    providing: Modules, bakery: PocketId, appliance: Appliance
) -> None:
    provision(providing, [], provider_users=read(providing))
    bakery.change_user("muffin", email=None)
    bakery.change_user("crumpet", last_name="Baker")
    appliance.switches.forget_attribute = ["emails"]
    done = provision(providing, [], provider_users=read(providing), incomplete_users="accept")
    assert done["failed"]
    assert "muffin@lab.example.org" in done["msg"]
    assert "email" in done["msg"]
    assert "crumpet" not in done["msg"]
    assert held(appliance)["crumpet"]["name"]["familyName"] == "Baker"


def test_a_person_without_a_display_name_has_the_given_name(
    providing: Modules, bakery: PocketId, appliance: Appliance
) -> None:
    bakery.change_user("crumpet", display_name="Crumpet the Baker")
    bakery.change_user("muffin", display_name="")
    done = provision(providing, [], provider_users=read(providing))
    assert not done["failed"], done["msg"]
    assert {user["user"]["display_name"] for user in done["users"]} == {"Crumpet the Baker", "Muffin"}
    assert provision(providing, [], provider_users=read(providing))["changed"] is False
    bakery.change_user("crumpet", display_name="")
    bakery.change_user("muffin", display_name="Muffin M.")
    provision(providing, [], provider_users=read(providing))
    assert {name: user["displayName"] for name, user in held(appliance).items()} == {
        "crumpet": "Crumpet",
        "muffin": "Muffin M.",
    }
    assert provision(providing, [], provider_users=read(providing))["changed"] is False


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
    message = refused(providing, [], provider_users=read(providing), on_error="stop")
    for part in ("muffin@lab.example.org", "no e-mail address", "no last name", "incomplete_users"):
        assert part in message
    assert len(provision(providing, [], provider_users=read(providing))["problems"]) == 2
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
