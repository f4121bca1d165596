# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The task's users combined with a provider's: no user name of a provider gives one person another's access."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.homelab.identity_broker.plugins.module_utils._desired import desired_users
from ansible_collections.homelab.identity_broker.plugins.module_utils._provider_merge import (
    Rules,
    combined,
    with_visible_attributes,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._provider_users import provider_users
from ansible_collections.homelab.identity_broker.plugins.module_utils._texts import folded
from ansible_collections.homelab.identity_broker.plugins.module_utils._users import DesiredUser
from hypothesis import given
from hypothesis import strategies as st

LAB = "lab.example.org"
DEFAULTS: dict[str, Any] = {"domain": LAB, "split_usernames": True}


def row(name: str, **more: Any) -> dict[str, Any]:
    return {
        "username": name,
        "external_id": f"id-of-{name}",
        "given_name": name.title(),
        "family_name": "Baker",
        "display_name": name,
        "email": f"{name.replace('@', '.')}@mail.example.org",
        "active": True,
        "groups": [],
        **more,
    }


def merged(
    items: Sequence[dict[str, Any]],
    rows: Sequence[dict[str, Any]] | None,
    members: Sequence[str] = (),
    *,
    split: bool = True,
    accept: bool = False,
    **more: Any,
) -> list[DesiredUser]:
    defaults = {**DEFAULTS, "split_usernames": split}
    value = {"groups": [{"name": "g", "members": list(members)}], "others": [], "scim_pushes": [], **more}
    return combined(
        desired_users(with_visible_attributes(items), defaults, [LAB]),
        provider_users({**value, "users": list(rows)}) if rows is not None else None,
        lambda each: desired_users([{**each, "from_provider": True}], defaults, [LAB])[0],
        Rules((LAB,), split_usernames=split, incomplete_allowed=accept),
    )


def by_id(found: Sequence[DesiredUser]) -> dict[str | None, DesiredUser]:
    return {wanted.external_id: wanted for wanted in found}


def test_a_name_with_the_broker_s_domain_is_refused_for_that_person_alone() -> None:
    found = by_id(merged([], [row("muffin@LAB.example.org"), row("scone")], ["muffin@LAB.example.org", "scone"]))
    assert found["id-of-scone"].problem is None
    muffin = found["id-of-muffin@LAB.example.org"]
    assert (muffin.username, muffin.domain) == ("muffin@LAB.example.org", LAB)
    for part in ("ends in @ and a domain of the broker", "external_id: id-of-muffin@LAB.example.org"):
        assert part in str(muffin.problem)


def test_a_qualified_name_of_the_task_means_the_bare_name_of_the_provider() -> None:
    (scone,) = merged([{"username": f"scone@{LAB}"}], [row("scone"), row(f"scone@{LAB}")])
    assert (scone.username, scone.external_id, scone.problem) == ("scone", "id-of-scone", None)
    (alone,) = merged([{"username": f"scone@{LAB}"}], [row(f"scone@{LAB}")])
    assert (alone.username, alone.external_id, alone.problem) == ("scone", None, None)


def test_another_at_is_refused_with_the_ways_out() -> None:
    name = "mail@user.example.org"
    (mail,) = merged([], [row(name)], [name])
    for part in ("has an @", f"external_id: id-of-{name}", "federated_users_users"):
        assert part in str(mail.problem)
    (chosen,) = merged([{"username": "mail", "external_id": f"id-of-{name}"}], [row(name)], [name])
    assert (chosen.username, chosen.family_name, chosen.problem) == ("mail", "Baker", None)
    (spelt,) = merged([{"username": f"{name}@{LAB}", "external_id": f"id-of-{name}"}], [row(name)], [name])
    assert (spelt.username, spelt.domain, spelt.problem) == (name, LAB, None)
    (unspelt,) = merged([{"username": f"{name}@{LAB}"}], [row(name)])
    assert f"external_id: id-of-{name}" in str(unspelt.problem)


def test_whole_names_are_taken_without_splitting_but_never_with_the_broker_s_domain() -> None:
    name = "mail@user.example.org"
    found = by_id(merged([], [row(name), row(f"muffin@{LAB}")], [name, f"muffin@{LAB}"], split=False))
    assert (found[f"id-of-{name}"].username, found[f"id-of-{name}"].problem) == (name, None)
    assert found[f"id-of-muffin@{LAB}"].problem


def test_people_who_would_become_one_user_are_both_refused() -> None:
    rows = [row("muffin"), row("Muffin", email="other@mail.example.org"), row("scone")]
    found = by_id(merged([], rows, ["muffin", "Muffin", "scone"]))
    for key in ("id-of-muffin", "id-of-Muffin"):
        assert "id-of-muffin" in str(found[key].problem)
        assert "id-of-Muffin" in str(found[key].problem)
    assert found["id-of-scone"].problem is None
    (either,) = merged([{"username": "MUFFIN"}], rows)
    assert "Give external_id" in str(either.problem)


def test_a_chosen_name_that_another_person_has_is_refused_for_both() -> None:
    rows = [row("mail@user.example.org"), row("muffin")]
    found = merged([{"username": "muffin", "external_id": "id-of-mail@user.example.org"}], rows, ["muffin"])
    assert all(wanted.problem for wanted in found)


@given(
    st.lists(
        st.sampled_from(["muffin", "Muffin", f"muffin@{LAB}", "mail@user.example.org", "scone", f"scone@{LAB}@{LAB}"]),
        unique=True,
    ),
    st.lists(
        st.sampled_from(["muffin", f"scone@{LAB}", "SCONE", f"tart@{LAB}"]), unique_by=lambda name: folded(name)[:3]
    ),
    st.booleans(),
)
def test_an_external_id_only_goes_to_the_user_of_that_whole_name(
    there: list[str], asked: list[str], split: bool
) -> None:
    rows = [row(name) for name in there]
    for wanted in merged([{"username": name} for name in asked], rows, there, split=split):
        if wanted.external_id and not wanted.problem:
            assert folded(f"id-of-{wanted.username}") == folded(wanted.external_id)
            assert not wanted.username.endswith(f"@{LAB}")


def test_items_that_were_read_from_a_provider_follow_the_same_rules() -> None:
    items = [{**row(name), "from_provider": True} for name in (f"muffin@{LAB}", "scone", "Scone", "tart")]
    items[3]["email"] = None
    found = by_id(merged(items, None))
    assert found[f"id-of-muffin@{LAB}"].problem
    assert found["id-of-scone"].problem
    assert found["id-of-Scone"].problem
    assert (found["id-of-tart"].problem, found["id-of-tart"].email) == (None, "")


def test_a_shared_address_is_a_problem_of_those_who_share_it() -> None:
    rows = [row("muffin", email="one@example.org"), row("scone", email="ONE@example.org"), row("tart")]
    found = by_id(merged([], rows, ["muffin", "scone", "tart"]))
    assert "id-of-scone" in str(found["id-of-muffin"].problem)
    assert found["id-of-scone"].problem
    assert found["id-of-tart"].problem is None
    items = [{"username": "muffin", "email": "two@example.org"}]
    assert not [each for each in merged(items, rows, ["muffin", "scone"]) if each.problem]


def test_who_lacks_something_fails_alone_unless_the_task_says_it() -> None:
    rows = [row("muffin", email=None), row("scone", family_name=None), row("tart")]
    found = by_id(merged([], rows, ["muffin", "scone", "tart"]))
    assert "no e-mail address" in str(found["id-of-muffin"].problem)
    assert "no last name" in str(found["id-of-scone"].problem)
    assert found["id-of-tart"].problem is None
    (said,) = merged([{"username": "muffin", "email": ""}], rows)
    assert (said.email, said.problem) == ("", None)


def test_what_is_empty_at_the_provider_is_cleared_if_it_is_visible_there() -> None:
    rows = [row("muffin", email=None, display_name=None), row("scone", display_name=None)]
    (muffin,) = merged([{"username": "muffin"}], rows, accept=True)
    assert (muffin.email, muffin.display_name) == ("", None)
    (known,) = merged([{"username": "muffin"}], rows, accept=True, known_attributes=["display_name"])
    assert (known.email, known.display_name) == (None, known.given_name)
    (renamed,) = merged(
        [{"username": "muffin", "given_name": "M."}], rows, accept=True, known_attributes=["display_name"]
    )
    assert (renamed.given_name, renamed.display_name) == ("M.", "M.")
    (plain,) = merged([{"username": "muffin", "external_id": "x", "email": None}], None)
    assert plain.email is None


def test_only_a_name_that_people_may_edit_is_found_by_name_alone() -> None:
    rows = [row("muffin"), row("scone")]
    items = [{"username": "muffin"}, {"username": "scone"}]
    assert [each.found_by_name for each in merged(items, rows, ["scone"])] == [True, False]
    assert not any(each.found_by_name for each in merged(items, rows, own_account_edit=False))
    (given_id,) = merged([{"username": "muffin", "external_id": "id-of-muffin"}], rows)
    assert given_id.found_by_name is False
