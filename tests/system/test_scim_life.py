# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole life of users and groups on SCIM servers that the RFCs allow, one difference at a time and several together.

After each run the broker itself is looked at: nobody has another person's ExternalId, no ExternalId and no member is
lost, and the result says what was done. A run that cannot hold that refuses before its first write.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._access import AccessOptions, ScimAccess
from ansible_collections.homelab.identity_broker.plugins.module_utils._apply import Work
from ansible_collections.homelab.identity_broker.plugins.module_utils._apply_group import ensure_group
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import IdentityBrokerError
from ansible_collections.homelab.identity_broker.plugins.module_utils._guards import NO_GUARDS, Guards, Limit
from ansible_collections.homelab.identity_broker.plugins.module_utils._http import HttpClient
from ansible_collections.homelab.identity_broker.plugins.module_utils._journal import Journal
from ansible_collections.homelab.identity_broker.plugins.module_utils._provision import Wanted, provision
from ansible_collections.homelab.identity_broker.plugins.module_utils._purge import Purge
from ansible_collections.homelab.identity_broker.plugins.module_utils._users import DesiredUser
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from simulator import DEFAULT_DOMAIN, WS1B_SCHEMA, Appliance

from .scenes import OTHER_DOMAIN, add, add_group

Json = dict[str, Any]
NO_PATCH = [{"patch_refused": True, "patch_refusal": status} for status in (400, 404, 405, 501)]

# Every difference, and whether the whole life must succeed under it alone. Under the others it may be refused.
WORKS: dict[str, Json] = {
    "the appliance": {},
    "PUT clears": {"put_clears": True},
    "ETag offered": {"etag": "offered"},
    "ETag demanded, 428": {"etag": "required", "etag_refusal": 428},
    "ETag demanded, 412": {"etag": "required", "etag_refusal": 412},
    "ETag demanded, no header": {"etag": "required", "etag_header": False},
    "ETag broken": {"etag": "broken"},
    "undeclared extensions refused": {"undeclared_extensions": "refused_400"},
    "names in lower case": {"attribute_names": "lower"},
    "names in upper case": {"attribute_names": "upper"},
    "ServiceProviderConfig": {"service_provider_config": "offered"},
    "pages of two": {"page_cap": 2},
    "pages of two, more refused": {"page_cap": 2, "large_count": "refused_400", "service_provider_config": "offered"},
    "cursors": {"pagination": "cursor", "page_cap": 2},
    "cursors without totals": {"pagination": "cursor", "cursor_totals": False, "service_provider_config": "offered"},
    "cursors alone": {"pagination": "cursor_only", "page_cap": 2, "service_provider_config": "offered"},
    "resources, 200, 204, 202": {
        "list_key": "resources",
        "create_status": 200,
        "update_status": 204,
        "delete_status": 202,
    },
    "types of members": {"member_types": True},
    "members of single groups only": {"members_returned": "single"},
    "members on request": {"members_returned": "request"},
    "memberships on request": {"groups_returned": "request"},
    "memberships never": {"groups_returned": "never"},
    "empty members left out": {"empty_members": "left_out"},
    "one member shown": {"members_cap": 1},
    "PATCH taken literally": {"patch_remove": "literal"},
    "PATCH ignores values": {"patch_remove": "ignored"},
    "PATCH changes nothing": {"patch_ignored": True},
    **{f"no PATCH, {each['patch_refusal']}": each for each in NO_PATCH},
    "no PATCH, and said": {"patch_refused": True, "patch_refusal": 501, "service_provider_config": "offered"},
    "PUT needs the id": {"put_needs_id": True, "patch_refused": True},
    "members by PATCH only": {"members_by_patch_only": True},
    "domain in the other extension": {"domain_returned": "mfa"},
    "no domain returned": {"domain_returned": "none"},
    "no extension kept": {"extensions_kept": False},
    "no display name made up": {"display_name_default_given": False},
    "busy": {"faults": [{"match": "* /scim/v2/", "kind": "429", "every": 3, "retry_after": 1}]},
}
MAY_REFUSE: dict[str, Json] = {
    "ExternalId never returned": {"external_id_returned": False},
    "members never": {"members_returned": "never"},
    "filters not understood": {"patch_filter": "ignored"},
    "filters take everybody": {"patch_filter": "everybody"},
    "filters refused": {"patch_filter": "refused_400"},
    "the other extension alone understood": {"domain_understood": "mfa"},
    "page size refused, nothing said": {"page_cap": 2, "large_count": "refused_400"},
    "cursors without a word": {"pagination": "cursor", "cursor_totals": False, "page_cap": 2},
    "empty family names refused": {"empty_family_name": "refused_400"},
}
SINGLE = {**WORKS, **MAY_REFUSE}

ADMINS, OTHERS = "admins", "others"
BYSTANDER = "walnut"
STRANGER = "pistachio"
"""A user of another domain, whom no task names."""


@dataclass(frozen=True)
class Kept:
    """What the broker holds: users by id, without what says nothing of them, and the ids of each group's members."""

    users: Mapping[str, Json]
    groups: Mapping[str, frozenset[str]]

    def named(self, name: str) -> Json | None:
        return next((user for user in self.users.values() if bare(user) == name), None)

    def holding(self, external_id: str) -> Json | None:
        return next((user for user in self.users.values() if user.get("externalId") == external_id), None)


def bare(user: Json) -> str:
    return str(user["userName"]).removesuffix(f"@{DEFAULT_DOMAIN}")


@dataclass
class Result:
    """What a run says. C(refused) is the message of one that ended before its plan was carried out."""

    changed: bool = False
    errors: list[str] = field(default_factory=list)
    refused: str = ""

    @property
    def failed(self) -> bool:
        return bool(self.errors or self.refused)


class Life:
    """The steps, each checked against what the broker itself holds."""

    def __init__(self, appliance: Appliance, folder: Path) -> None:
        self._appliance = appliance
        self._folder = folder
        self._token = appliance.mint()
        self.steps: list[tuple[str, Result]] = []

    def kept(self) -> Kept:
        broker = self._appliance.broker
        return Kept(
            {user["id"]: {k: v for k, v in user.items() if k not in ("meta", "groups")} for user in broker.users},
            {each.name: frozenset(each.members) for each in broker.groups.all() if not each.builtin},
        )

    def users(self, step: str, *wanted: DesiredUser, purge: bool = False) -> None:
        asked = Wanted(
            lambda _domains: list(wanted),
            lambda _users, _domains: Purge(DEFAULT_DOMAIN, "delete") if purge else None,
            domain=DEFAULT_DOMAIN,
            guards=Guards(deletes=Limit(1)) if purge else NO_GUARDS,
        )

        def run(access: ScimAccess, http: HttpClient, check_mode: bool) -> Result:
            done = provision(Work(http, access, Journal(str(self._folder))), asked, check_mode=check_mode)
            return Result(done.changed, [*done.failed_users, *done.failed_groups])

        before, result, after = self._run(run)
        self.steps.append((step, result))
        ids = {each.external_id for each in wanted if each.external_id}
        for key, user in before.users.items():
            mine = [
                each for each in wanted if bare(user) == each.username or user.get("externalId") == each.external_id
            ]
            if purge and not mine and user[WS1B_SCHEMA]["domain"] == DEFAULT_DOMAIN:
                assert result.failed or key not in after.users, f"{step}: {bare(user)} is still there"
            elif not mine:
                assert after.users.get(key) == user, f"{step}: a user whom nobody named was changed"
            elif key in after.users:
                assert after.users[key].get("externalId") == user.get("externalId"), f"{step}: an ExternalId was lost"
            else:
                assert any(each.state == "absent" or each.recreate for each in mine), f"{step}: a user was lost"
        allowed = ids | {user.get("externalId") for user in before.users.values()}
        assert {user.get("externalId") for user in after.users.values()} <= allowed, f"{step}: wrong access"
        self._no_member_is_lost(step, before, after, wanted)
        if not result.failed:
            for each in wanted:
                self._is_as_wanted(step, each, after)

    def _no_member_is_lost(self, step: str, before: Kept, after: Kept, wanted: Sequence[DesiredUser]) -> None:
        for name, members in before.groups.items():
            for member in members:
                person = before.users[member]
                new = after.users.get(member) or after.named(bare(person))
                gone = any(each.state == "absent" and each.username == bare(person) for each in wanted)
                if not gone and not (new is None and self.steps[-1][1].failed):
                    # A recreation that failed keeps the memberships in the journal.
                    told = self.steps[-1][1].failed and member not in after.users
                    assert new is not None, f"{step}: {bare(person)} is lost"
                    assert told or new["id"] in after.groups[name], f"{step}: {bare(person)} is no longer in {name}"

    @staticmethod
    def _is_as_wanted(step: str, wanted: DesiredUser, after: Kept) -> None:
        user = after.named(wanted.username)
        if wanted.state == "absent":
            assert user is None, f"{step}: {wanted.username} is still there"
            return
        assert user is not None, f"{step}: {wanted.username} is not there"
        if wanted.external_id:
            assert user.get("externalId") == wanted.external_id, step
        if wanted.email is not None:
            assert [mail["value"] for mail in user.get("emails") or []] == [wanted.email], step
        if wanted.active is not None:
            assert user["active"] is wanted.active, step
        for group in wanted.groups:
            assert user["id"] in after.groups[group], f"{step}: {wanted.username} is not in {group}"

    def group(self, step: str, members: Sequence[str], members_state: str = "present", **more: Any) -> None:
        def run(access: ScimAccess, _http: HttpClient, check_mode: bool) -> Result:
            options = {"display_name": ADMINS, "members": list(members), "domain": DEFAULT_DOMAIN}
            done = ensure_group(access, {**options, "members_state": members_state, **more}, check_mode=check_mode)
            return Result(done.changed, [done.error] if done.error else [])

        before, result, after = self._run(run)
        self.steps.append((step, result))
        assert after.users == before.users, f"{step}: a user was changed"
        assert after.groups[OTHERS] == before.groups[OTHERS], f"{step}: another group was changed"
        if more.get("state") == "absent":
            assert result.failed or ADMINS not in after.groups, step
            return
        named = {user["id"] for name in members if (user := before.named(name))}
        had, has = before.groups.get(ADMINS, frozenset()), after.groups.get(ADMINS, frozenset())
        allowed = {"present": set(), "absent": named, "exact": had - named}[members_state]
        assert had - has <= allowed, f"{step}: a member was lost"
        assert has - had <= (set() if members_state == "absent" else named), f"{step}: a member whom nobody named"
        if not result.failed:
            expected = {"present": had | named, "absent": had - named, "exact": named}[members_state]
            assert has == expected, f"{step}: green, and the members differ"

    def _run(self, run: Callable[[ScimAccess, HttpClient, bool], Result]) -> tuple[Kept, Result, Kept]:
        """Run in check mode, then for real, and compare what both say with what the broker holds."""
        before = self.kept()
        dry = self._once(run, check_mode=True)
        assert self.kept() == before, "check mode wrote"
        result = self._once(run, check_mode=False)
        after = self.kept()
        assert result.changed is (before != after), f"changed is {result.changed}: {result} {before} {after}"
        if not result.failed:
            assert (dry.changed, dry.errors, dry.refused) == (result.changed, [], ""), "check mode says something else"
        return before, result, after

    def _once(self, run: Callable[[ScimAccess, HttpClient, bool], Result], *, check_mode: bool) -> Result:
        ca_file = str(self._appliance.ca_file)
        with HttpClient(ca_path=ca_file, check_mode=check_mode, pause=lambda _seconds: None) as http:
            options = AccessOptions(token=self._token, scim_url=self._appliance.scim_url, auth_scheme="hzn")
            access = ScimAccess(http, None, options, module="test", changes_state=True, check_mode=check_mode)
            try:
                return run(access, http, check_mode)
            except IdentityBrokerError as error:
                return Result(refused=str(error))

    def live(self) -> None:
        """Create, update, deactivate, rename, recreate and delete users; create, fill, empty and delete a group."""
        ada, bob, eve = (person(name) for name in ("ada", "bob", "eve"))
        self.group("create the group", [])
        self.users("create", ada, bob, eve, person("carol"))
        self.users("unchanged", ada, bob, eve)
        self.users("join", person("ada", groups=(ADMINS,)))
        self.group("add", ["bob", "eve"])
        self.users("update", person("ada", email="new@example.org"), person("bob", given_name="Robert"))
        self.users("deactivate", person("bob", active=False))
        self.group("remove", ["bob"], "absent")
        self.users("rename", person("robert", external_id="id-of-bob", rename=True))
        self.users("recreate", person("eve", external_id="new-id-of-eve", recreate=True))
        self.group("exact", ["ada", "robert"], "exact")
        robert, new_eve = person("robert", external_id="id-of-bob"), person("eve", external_id="new-id-of-eve")
        self.users("purge", person(BYSTANDER), ada, robert, new_eve, purge=True)
        self.users("absent", DesiredUser("ada", DEFAULT_DOMAIN, state="absent"))
        self.group("empty", [], "exact")
        self.group("delete the group", [], state="absent")


def person(name: str, **more: Any) -> DesiredUser:
    values = {"external_id": f"id-of-{name}", "given_name": name.title(), "family_name": "Baker"}
    return DesiredUser(name, DEFAULT_DOMAIN, **{**values, "email": f"{name}@example.org", **more})


FOLDERS = itertools.count()


def live(appliance: Appliance, folder: Path, switches: Json) -> Life:
    appliance.reset()
    bystander = add(appliance, BYSTANDER)
    add_group(appliance, OTHERS, bystander, add(appliance, STRANGER, domain=OTHER_DOMAIN))
    appliance.switches.update(switches)
    life = Life(appliance, folder / f"journal-{next(FOLDERS)}")
    life.live()
    return life


@pytest.mark.parametrize("name", SINGLE)
def test_a_life_on_each_server(appliance: Appliance, tmp_path: Path, name: str) -> None:
    life = live(appliance, tmp_path, SINGLE[name])
    if name in WORKS:
        assert [(step, result) for step, result in life.steps if result.failed] == []


@example(["ExternalId never returned", "PUT clears"])
@example(["ExternalId never returned", "PUT clears", "no PATCH, 405"])
@example(["ExternalId never returned", "PUT clears", "no PATCH, and said"])
@given(st.lists(st.sampled_from(sorted(SINGLE)), min_size=2, max_size=5, unique=True))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_life_on_servers_with_several_differences(appliance: Appliance, tmp_path: Path, names: list[str]) -> None:
    # A list below 100 members that no user contradicts counts as whole: nothing shows that this server cuts it.
    assume(not {"one member shown", "memberships never"} <= set(names))
    switches: Json = {}
    for name in names:
        switches |= SINGLE[name]
    live(appliance, tmp_path, switches)
