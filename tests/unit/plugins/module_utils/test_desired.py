# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a task's options to wanted users: what is refused, and the name of the option in the message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._candidates import AttemptList
from ansible_collections.homelab.identity_broker.plugins.module_utils._desired import (
    attempt_list,
    desired_user,
    desired_users,
    in_domains,
)
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import InputError
from ansible_collections.homelab.identity_broker.plugins.module_utils._texts import text_option
from ansible_collections.homelab.identity_broker.plugins.module_utils._users import DesiredUser
from ansible_collections.homelab.identity_broker.tests.unit.plugins.module_utils.log_text import Login
from ansible_collections.homelab.identity_broker.tests.unit.plugins.module_utils.worlds import LAB, OTHER
from hypothesis import given
from hypothesis import strategies as st

T = TypeVar("T")
GOOD: dict[str, Any] = {"username": "muffin", "domain": LAB, "external_id": "E-1"}


def refusal(known: Any = None, **options: Any) -> InputError:
    """Return why the second item of a list fails, whose first does not."""
    item = {**GOOD, **options}
    with pytest.raises(InputError) as caught:
        desired_user(item, known, 1, "users[1].")
    fine, failing = desired_users([{"username": "scone", "domain": LAB}, item], {}, known)
    assert fine.problem is None or str(fine.problem).startswith("users[0].domain: is not given")
    assert failing.problem is not None
    assert failing.problem.endswith(str(caught.value))
    assert failing.position == 1
    return caught.value


def either(read: Callable[[], T]) -> T | InputError:
    """What is read, or what it is refused with."""
    try:
        return read()
    except InputError as error:
        return error


@pytest.mark.parametrize("field", ["external_id", "username"])
@pytest.mark.parametrize("value", [7, 123, 1.5, True, False, ["x"], {"a": 1}, 1e100])
def test_what_yaml_has_rewritten_is_refused_and_to_be_quoted(field: str, value: Any) -> None:
    error = refusal(**{field: value})
    assert error.field == f"users[1].{field}"
    assert str(error).startswith(f"users[1].{field}: ")
    assert "Quote it" in str(error)


@pytest.mark.parametrize("field", ["external_id", "username"])
@pytest.mark.parametrize(
    "value", ["", " ", "\t", " x", "x ", "\u2003x", "a\nb", "a\x00b", "a\x1b[31mb", "a\u202eb", "\u200b", "x\n"]
)
def test_empty_text_white_space_and_control_characters_are_refused(field: str, value: str) -> None:
    error = refusal(**{field: value})
    assert error.field == f"users[1].{field}"
    assert str(error).startswith(f"users[1].{field}: ")
    assert error.way_out
    assert str(error).isprintable()


@pytest.mark.parametrize("known", [None, [LAB], [LAB, OTHER]])
def test_a_name_with_another_domain_is_refused(known: list[str] | None) -> None:
    error = refusal(known, username=f"muffin@{OTHER}")
    assert error.field == "users[1].username"
    assert OTHER in str(error)
    assert LAB in str(error)


@pytest.mark.parametrize("known", [None, [], [LAB]])
@pytest.mark.parametrize(
    "options", [{"username": f"@{LAB}"}, {"username": "muffin@", "domain": None}, {"username": "@", "domain": None}]
)
def test_half_a_qualified_name_is_refused(known: list[str] | None, options: dict[str, Any]) -> None:
    assert refusal(known, **options).field in ("users[1].username", "users[1].domain")


@pytest.mark.parametrize("domain", ["a b", " ", "a@b", "a\nb", "\x00", "lab.example.org "])
def test_what_is_no_domain_is_refused(domain: str) -> None:
    error = refusal(domain=domain)
    assert error.field == "users[1].domain"
    assert str(error).isprintable()


def test_an_unknown_domain_is_refused_naming_the_known_ones() -> None:
    for options in ({"domain": "elsewhere"}, {"username": "muffin@elsewhere", "domain": None}):
        error = refusal([LAB, OTHER], **options)
        assert error.field == "users[1].domain"
        for part in ("elsewhere", LAB, OTHER):
            assert part in str(error)


def test_a_domain_is_needed_where_the_provider_has_several_or_none() -> None:
    for known in ([LAB, OTHER], []):
        error = refusal(known, domain=None)
        assert error.field == "users[1].domain"
        assert "muffin" in str(error)
        assert all(domain in str(error) for domain in known)


@pytest.mark.parametrize(
    "value", [["here"], ["192.0.2.1", "192.0.2.0/33"], [""], ["192.0.2.1 "], ["192.0.2.1,192.0.2.2"]]
)
def test_a_source_that_is_no_address_is_refused(value: list[str]) -> None:
    error = refusal(login_from=value)
    assert error.field == "users[1].login_from"
    assert "192.0.2.0/24" in error.way_out


def test_a_name_that_is_an_address_fails_with_the_spelling_that_works() -> None:
    """As many as Okta, Entra ID and Keycloak have (Broadcom KB 393150)."""
    item = {"username": "ada@corp.example", "external_id": "E-1"}
    for defaults, known in (({"domain": LAB}, None), ({"domain": LAB}, [LAB, OTHER]), ({}, [LAB])):
        (failing,) = desired_users([item], defaults, known)
        assert failing.problem is not None
        assert f"ada@corp.example@{LAB}" in failing.problem
        assert "split_usernames: false" in failing.problem
        (followed,) = desired_users([{**item, "username": f"ada@corp.example@{LAB}"}], defaults, known)
        assert (followed.username, followed.domain, followed.problem) == ("ada@corp.example", LAB, None)
        assert followed.wire_name == f"ada@corp.example@{LAB}"


def test_a_whole_list_of_addresses() -> None:
    items = [{"username": "ada@corp.example"}, {"username": "bob"}, {"username": f"cid@{LAB}"}]
    for defaults, known in (({"domain": LAB}, None), ({"domain": LAB}, [LAB, OTHER]), ({}, [LAB])):
        found = desired_users(items, {**defaults, "split_usernames": False}, known)
        assert [(each.username, each.domain, each.problem) for each in found] == [
            (item["username"], LAB, None) for item in items
        ]
    (failing,) = desired_users(items[:1], {"split_usernames": False}, [LAB, OTHER])
    assert "domain" in str(failing.problem)


@given(
    st.text("ab@.", min_size=1, max_size=5),
    st.sampled_from([None, LAB, OTHER]),
    st.lists(st.sampled_from([LAB, OTHER]), min_size=1, unique=True),
    st.sampled_from(["", f"@{LAB}", f"@{OTHER}", f"@{LAB.upper()}"]),
)
def test_a_name_is_cut_only_if_the_wanted_domain_follows(
    name: str, domain: str | None, known: list[str], end: str
) -> None:
    asked = f"{name}{end}"
    (found,) = desired_users([{"username": asked, "domain": domain}], {}, known)
    if found.problem is not None:
        return
    assert found.domain.lower() in [each.lower() for each in known]
    if found.username != asked:
        assert f"{found.username}@{found.domain}".lower() == asked.lower()
        assert domain is None or found.domain.lower() == domain.lower()
    else:
        assert "@" not in asked


def test_what_can_be_read_of_a_failing_item_ties_it_to_an_entry() -> None:
    items: list[dict[str, Any]] = [
        {"username": f"muffin@{LAB}", "external_id": 7},
        {"username": 7, "external_id": "E-1"},
        {"username": "muffin", "external_id": " E-1"},
        {"external_id": "E-1", "problem": "line 3, column username: is empty."},
        {"username": f"muffin@{OTHER}", "external_id": "E-1", "state": "absent"},
        {"username": f"muffin@{OTHER}", "domain": OTHER, "problem": "the name is taken."},
    ]
    found = desired_users(items, {"domain": LAB}, [LAB, OTHER])
    assert [(each.username, each.domain, each.external_id) for each in found] == [
        ("muffin", LAB, None),
        ("", LAB, "E-1"),
        ("muffin", LAB, "E-1"),
        ("", LAB, "E-1"),
        (f"muffin@{OTHER}", LAB, "E-1"),
        ("muffin", OTHER, None),
    ]
    assert all(each.problem and each.asked_as in each.problem for each in found)
    assert found[3].problem == "line 3, column username: is empty."
    assert found[5].problem == f"muffin@{OTHER}: the name is taken."
    assert found[4].state == "absent"


def test_what_is_wrong_with_the_defaults_stops_the_run() -> None:
    for defaults, field in (
        ({"domain": "a b"}, "domain"),
        ({"domain": "elsewhere"}, "domain"),
        ({"groups": [""]}, "groups"),
    ):
        with pytest.raises(InputError) as caught:
            desired_users([{"username": "muffin"}], defaults, [LAB])
        assert caught.value.field == field


def test_the_options_of_one_user_are_named_without_an_index() -> None:
    with pytest.raises(InputError) as caught:
        desired_user({**GOOD, "external_id": 7}, None)
    assert caught.value.field == "external_id"


@pytest.mark.parametrize(
    ("options", "known", "identity"),
    [
        ({"username": "muffin", "domain": LAB}, None, ("muffin", LAB)),
        ({"username": "muffin"}, [LAB], ("muffin", LAB)),
        ({"username": f"muffin@{LAB}"}, None, ("muffin", LAB)),
        ({"username": f"muffin@{LAB}"}, [OTHER, LAB], ("muffin", LAB)),
        ({"username": f"muffin@{LAB.upper()}", "domain": LAB}, [LAB], ("muffin", LAB)),
        ({"username": "muffin", "domain": LAB.upper()}, [LAB], ("muffin", LAB.upper())),
        ({"username": f"a@b@{LAB}"}, None, ("a@b", LAB)),
        ({"username": "muffin"}, None, ("muffin", "")),
        ({"username": "muffin", "domain": ""}, [LAB], ("muffin", LAB)),
        ({"username": "jürgen müller", "domain": LAB}, None, ("jürgen müller", LAB)),
    ],
)
def test_the_identity_that_is_asked_for(
    options: dict[str, Any], known: list[str] | None, identity: tuple[str, str]
) -> None:
    found = desired_user(options, known)
    assert (found.username, found.domain) == identity
    assert found.asked_as == options["username"]


def test_what_an_item_does_not_say_the_defaults_say() -> None:
    items: list[dict[str, Any]] = [
        {"username": "muffin", "recreate": None},
        {"username": "scone", "domain": OTHER, "recreate": False, "active": False},
    ]
    defaults = {"domain": LAB, "recreate": True, "username_format": "bare"}
    muffin, scone = desired_users(items, defaults, None)
    assert (muffin.domain, muffin.recreate, muffin.username_format, muffin.active, muffin.position) == (
        LAB,
        True,
        "bare",
        None,
        0,
    )
    assert (scone.domain, scone.recreate, scone.username_format, scone.active, scone.position) == (
        OTHER,
        False,
        "bare",
        False,
        1,
    )


def test_what_was_not_named_is_left() -> None:
    assert desired_user({"username": "muffin", "domain": LAB}, None) == DesiredUser("muffin", LAB, asked_as="muffin")
    assert desired_user({"username": "muffin", "domain": LAB}, None).named_attributes() == {}
    named = desired_user({"username": "muffin", "domain": LAB, "email": "", "active": False}, None).named_attributes()
    assert named == {"email": "", "active": False}


@given(
    st.dictionaries(st.sampled_from(["username", "domain", "external_id"]), st.text(max_size=6)),
    st.none() | st.just([LAB]),
)
def test_any_text_is_taken_as_it_is_or_refused_by_its_name(options: dict[str, Any], known: list[str] | None) -> None:
    found = either(lambda: desired_user(options, known))
    if isinstance(found, InputError):
        assert found.field in ("username", "domain", "external_id")
        assert str(found).isprintable()
        return
    assert found.username.strip() == found.username != ""
    assert found.external_id == options.get("external_id")
    assert found.asked_as == options["username"]
    assert found.asked_as.casefold() in (found.username.casefold(), f"{found.username}@{found.domain}".casefold())
    assert known is None or found.domain.casefold() in known


@given(
    st.sampled_from(["muffin", f"muffin@{LAB}", "muffin@other", "@", "muffin@"]),
    st.sampled_from([None, "", LAB, LAB.upper(), OTHER, "no domain"]),
    st.lists(st.sampled_from([LAB, OTHER]), unique=True),
)
def test_it_is_the_same_when_the_domains_are_told_later(username: str, domain: str | None, known: list[str]) -> None:
    items = [{"username": username, "domain": domain}]
    at_once = either(lambda: desired_users(items, {}, known))
    later = either(lambda: in_domains(desired_users(items, {}, None), known))
    assert later == at_once or str(later) == str(at_once)


@given(st.text(max_size=6) | st.none() | st.integers())
def test_an_optional_string(value: Any) -> None:
    found = either(lambda: text_option("principal", value))
    if isinstance(found, InputError):
        assert found.field == "principal"
    else:
        assert found == value
        assert found is None or found.__class__ is str


class Tagged(str):
    """As Ansible tags its strings."""

    __slots__ = ()


def test_a_tagged_string_becomes_a_plain_one() -> None:
    found = desired_user({"username": Tagged(f"muffin@{LAB}"), "external_id": Tagged("E-1")}, None)
    assert found.external_id.__class__ is str
    assert found.username.__class__ is str


ATTEMPT = Login("8a4c91f7-d6da-4f6a-a626-31c0b7de5a10", domains=(LAB,)).attempt


def test_the_result_of_externalid_fact_is_read() -> None:
    assert attempt_list(None) is None
    registered = {"attempts": [ATTEMPT.result()], "complete": True, "changed": False, "position": {}}
    assert attempt_list(registered) == AttemptList((ATTEMPT,), True)
    gaps = attempt_list({"attempts": [], "complete": False, "gaps": ["the log was rotated"]})
    assert gaps == AttemptList((), False, ("the log was rotated",))


@pytest.mark.parametrize(
    "value",
    [
        [],
        "text",
        {},
        {"attempts": {}, "complete": True},
        {"attempts": []},
        {"attempts": [], "complete": "yes"},
        {"attempts": [], "complete": None},
        {"attempts": [5], "complete": True},
        {"attempts": [{}], "complete": True},
        {"attempts": [{**ATTEMPT.result(), "timestamp": "x"}], "complete": True},
        {"attempts": [{**ATTEMPT.result(), "domains": "x"}], "complete": True},
        {"skipped": True, "changed": False},
    ],
)
def test_what_is_no_result_of_externalid_fact_is_refused(value: Any) -> None:
    with pytest.raises(InputError) as caught:
        attempt_list(value)
    assert caught.value.field == "login_attempts"
    assert "externalid_fact" in str(caught.value)
