# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading for real: /bin/sh on a log of now, and whether what was read binds an ExternalId."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from ansible_collections.homelab.identity_broker.plugins.module_utils._desired import attempt_list
from ansible_collections.homelab.identity_broker.plugins.module_utils._errors import PlanRefusedError
from ansible_collections.homelab.identity_broker.plugins.module_utils._log_lines import log_line as log_line_of
from ansible_collections.homelab.identity_broker.plugins.module_utils._log_reader import Request, read_log
from ansible_collections.homelab.identity_broker.plugins.module_utils._log_result import log_result
from ansible_collections.homelab.identity_broker.plugins.module_utils._users import DesiredUser, User
from ansible_collections.homelab.identity_broker.tests.unit.plugins.module_utils.log_shapes import UNKNOWN, WRAPPINGS
from ansible_collections.homelab.identity_broker.tests.unit.plugins.module_utils.log_text import (
    CONTEXTS,
    TRACE,
    Login,
    log_line,
    text_of,
)
from ansible_collections.homelab.identity_broker.tests.unit.plugins.module_utils.worlds import (
    LAB,
    OTHER,
    in_order,
    plan,
    user,
    wanted,
)

VICTIM, ATTACKER = "id-of-the-victim", "id-of-the-attacker"
HALF_AN_HOUR = timedelta(minutes=30)
TOOLS = ("sh", "grep", "tail", "head", "zcat", "gzip", "date", "wc", "ls", "sleep")


def ago(**span: float) -> datetime:
    """A moment before now, in UTC and without a zone."""
    return datetime.now(UTC).replace(tzinfo=None) - timedelta(**span)


def login(value: str, moment: datetime, **more: Any) -> Login:
    return Login(str(uuid4()), value=value, domains=more.pop("domains", (LAB,)), moment=moment, **more)


def noise(moment: datetime) -> str:
    return log_line("DEBUG", "com.vmware.x.Y", "nothing", moment)


class Host:
    """A log, and what is read from it."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "federation-service.log"
        self.path = os.environ["PATH"]
        self.zone = "UTC"
        self.later: tuple[str, ...] = ()
        """Lines that are written once the log was opened."""
        self.log.touch()

    def write(self, *lines: str, modified: datetime | None = None) -> Host:
        with self.log.open("a", encoding="utf-8", newline="\n") as file:
            file.write(text_of(*lines))
        if modified is not None:
            seconds = modified.replace(tzinfo=UTC).timestamp()
            os.utime(self.log, (seconds, seconds))
        return self

    def execute(self, command: str) -> tuple[str, str]:
        done = subprocess.run(
            ["/bin/sh", "-c", command], capture_output=True, check=True, env={"PATH": self.path, "TZ": self.zone}
        )
        self.write(*self.later)
        self.later = ()
        return done.stdout.decode("utf-8", "surrogateescape"), done.stderr.decode(errors="replace")

    def read(self, **options: Any) -> dict[str, Any]:
        options = {"since": HALF_AN_HOUR, "limit": 0, "include_rotated": True, "domain": LAB, **options}
        return log_result(read_log(Request(str(self.log), **options), self.execute))

    def bound(self, *desired: DesiredUser, users: Sequence[User] = (), **options: Any) -> tuple[str | None, str]:
        return bound_by(self.read(**options), *desired, users=users)


def bound_by(found: dict[str, Any], *desired: DesiredUser, users: Sequence[User] = ()) -> tuple[str | None, str]:
    """The ExternalId that is bound to the one user who waits, and what is said otherwise."""
    try:
        made = plan(
            users, in_order(desired or [wanted("muffin")]), login_attempts=attempt_list(found), all_or_nothing=True
        )
    except PlanRefusedError as error:
        return None, str(error)
    return (made.binding.external_id if made.binding else None), ""


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


@pytest.fixture(params=["awk", "no awk"])
def any_host(tmp_path: Path, request: pytest.FixtureRequest) -> Host:
    """A host with the tools that the appliance has, with and without awk."""
    host = Host(tmp_path)
    if request.param == "no awk":
        folder = tmp_path / "tools"
        folder.mkdir()
        for name in TOOLS:
            (folder / name).symlink_to(shutil.which(name) or "")
        host.path = str(folder)
    return host


# Login lines that cannot be read


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_a_log_in_an_accepted_wrapping_is_read(host: Host, wrapping: str) -> None:
    moment, shape = ago(minutes=5), WRAPPINGS[wrapping]
    lines = [noise(moment), *login(VICTIM, moment).lines, *TRACE, noise(moment)]
    host.write(*map(shape, lines), modified=moment)
    assert host.bound() == (VICTIM, "")


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_a_refused_login_in_another_wrapping_is_a_second_candidate(host: Host, wrapping: str) -> None:
    moment = ago(minutes=5)
    victim, attacker = login(VICTIM, moment), login(ATTACKER, moment + timedelta(seconds=9))
    host.write(*map(WRAPPINGS[wrapping], victim.lines), *attacker.lines, modified=attacker.moment)
    bound, said = host.bound()
    assert bound is None
    assert VICTIM in said or "not certain" in said


@pytest.mark.parametrize("shape", UNKNOWN)
def test_a_refused_login_in_an_unknown_shape_stops_the_binding(host: Host, shape: str) -> None:
    moment = ago(minutes=5)
    victim, attacker = login(VICTIM, moment), login(ATTACKER, moment + timedelta(seconds=9))
    lines = [UNKNOWN[shape](line) for line in victim.lines]
    assert lines != victim.lines
    host.write(noise(moment), *lines, *attacker.lines, noise(attacker.moment), modified=attacker.moment)
    found = host.read()
    bound, said = bound_by(found)
    assert bound is None
    assert "is incomplete" in said
    assert "external_id" in said
    assert not found["complete"]
    assert found["unread"]["count"] == len([line for line in lines if line not in victim.lines])
    assert all(line.isprintable() for line in found["unread"]["lines"])
    assert found["gaps"][0].startswith(f"{found['unread']['count']} login line")
    assert found["gaps"][0] in said


@pytest.mark.parametrize("shape", ["unknown prefix", "one more word"])
def test_an_unknown_shape_counts_without_awk_and_without_a_window(any_host: Host, shape: str) -> None:
    moment = ago(minutes=5)
    lines = [UNKNOWN[shape](line) for line in login(VICTIM, moment).lines]
    any_host.write(*lines, *login(ATTACKER, moment).lines, noise(moment), modified=moment)
    for since in (None, HALF_AN_HOUR):
        assert "3 login lines cannot be read" in any_host.bound(since=since)[1]


@pytest.mark.parametrize("missing", [("lookup",), ("lookup", "not_found"), ("refusal",), ("not_found", "refusal")])
def test_a_login_of_which_a_line_is_missing_stops_the_binding(host: Host, missing: Sequence[str]) -> None:
    moment = ago(minutes=5)
    victim, attacker = login(VICTIM, moment), login(ATTACKER, moment + timedelta(seconds=9))
    left_out = [getattr(victim, name) for name in missing]
    host.write(*(line for line in victim.lines if line not in left_out), *attacker.lines, modified=attacker.moment)
    bound, said = host.bound()
    assert bound is None
    assert "was cut short" in said or "is incomplete" in said


def test_a_look_up_of_a_user_of_the_broker_needs_no_refusal(host: Host) -> None:
    moment = ago(minutes=5)
    allowed, muffin = login("E-1", moment, reason=None), login(VICTIM, moment + timedelta(seconds=9))
    host.write(*allowed.lines, *muffin.lines, modified=muffin.moment)
    assert host.bound(users=[user("bagel", "E-1")]) == (VICTIM, "")
    for users in ([], [user("bagel", "e-1")]):
        bound, said = host.bound(users=users)
        assert bound is None
        assert "of ExternalIds that no user of the broker has: 1" in said
        assert "E-1" in said
    elsewhere = [
        login("E-9", moment, reason=None, domains=(OTHER,)),
        login("E-9", moment, reason=None, attribute="userName"),
    ]
    host.write(*(line for each in elsewhere for line in each.lines), modified=muffin.moment)
    assert host.bound(users=[user("bagel", "E-1")]) == (VICTIM, "")


def test_unread_lines_count_for_their_domain_or_for_every_one(host: Host) -> None:
    moment = ago(minutes=5)
    muffin, other = login(VICTIM, moment), login("other", moment, domains=(OTHER,))
    host.write(*muffin.lines, f"{other.lookup} indeed", modified=moment)
    assert host.bound() == (VICTIM, "")
    assert host.bound(domain=None)[0] is None
    for line in (f"{other.lookup} domains: [{LAB}]", other.lookup[:-20], f"{other.refusal} indeed"):
        host.log.write_text("")
        assert host.write(*muffin.lines, line, modified=moment).bound()[0] is None


def test_five_unread_lines_are_shown_escaped(host: Host) -> None:
    moment = ago(minutes=5)
    lines = [f"{login(f'{{{{ {number} }}}}', moment).lookup}\x1b x" for number in range(8)]
    found = host.write(*lines, *login(ATTACKER, moment).lines, modified=moment).read()
    assert found["unread"]["count"] == 8
    assert len(found["unread"]["lines"]) == 5
    assert all(line.isprintable() and "{" not in line for line in found["unread"]["lines"])
    _bound, said = host.bound()
    assert "8 login lines cannot be read" in said
    assert all(line in said for line in found["unread"]["lines"])


@pytest.mark.parametrize(("minutes", "binds"), [(45, True), (20, False)])
def test_an_unread_line_without_a_time_was_written_between_its_neighbours(
    any_host: Host, minutes: int, binds: bool
) -> None:
    """The next line with a time decides, and is no login line."""
    old = login("old", ago(minutes=50))
    muffin = login(VICTIM, ago(minutes=5))
    unread = f"half a line: {old.lookup}"
    any_host.write(
        noise(ago(minutes=55)), unread, *TRACE, noise(ago(minutes=minutes)), *muffin.lines, modified=muffin.moment
    )
    assert (any_host.bound()[0] == VICTIM) is binds
    any_host.write(f"x{muffin.lookup}", modified=muffin.moment)
    assert any_host.bound()[0] is None, "no line with a time follows"


def test_unread_lines_before_the_window_do_not_count(any_host: Host) -> None:
    old, muffin = login("old", ago(minutes=50)), login(VICTIM, ago(minutes=5))
    any_host.write(*(f"{line} indeed" for line in old.lines), *muffin.lines, modified=muffin.moment)
    assert any_host.bound() == (VICTIM, "")


@pytest.mark.parametrize("shape", UNKNOWN)
def test_unread_lines_are_placed_whatever_time_they_begin_with(any_host: Host, shape: str) -> None:
    hours = 2
    offset = timedelta(hours=hours)
    old, muffin = login("old", ago(minutes=50) + offset), login(VICTIM, ago(minutes=5) + offset)
    lines = [UNKNOWN[shape](line) for line in old.lines]
    any_host.write(*lines, noise(ago(minutes=45) + offset), *muffin.lines, modified=ago(minutes=5))
    assert any_host.bound() == (VICTIM, "")
    any_host.write(*lines, noise(ago(minutes=4) + offset), modified=ago(minutes=4))
    # A line that has the shape of a log line shows its own time, which is before the window.
    if any(log_line_of(line) is None for line in lines):
        assert any_host.bound()[0] is None


def test_lines_of_other_loggers_never_count(host: Host) -> None:
    moment = ago(minutes=5)
    muffin, quoted = login(VICTIM, moment), login(ATTACKER, moment)
    agents = [
        muffin.line("WARN", CONTEXTS, f"User agent changed during login flow from null to {line}")
        for line in quoted.lines
    ]
    agents += [line.replace("[CUSTOMER;-;", "[CUSTOMER;-;-;") for line in agents]
    agents += [f"{line}, domains: [{LAB}]" for line in agents]
    assert host.write(*agents, *muffin.lines, *agents, modified=moment).bound() == (VICTIM, "")


def busy_day(end: datetime) -> list[tuple[datetime, str]]:
    """Everything that is normal on a day, in the order of its times, within half an hour before the end."""
    lines: list[tuple[datetime, str]] = []
    begin = end - timedelta(minutes=28)
    tls = "[client #{} @2147904e] established connection with id.example.org:443"
    for number in range(2000):
        moment = begin + timedelta(seconds=number * 0.8)
        lines.append(
            (moment, log_line("INFO", "org.bouncycastle.jsse.provider.ProvTlsClient", tls.format(number), moment))
        )
    for number in range(40):
        moment = begin + timedelta(seconds=40 * number + 1)
        allowed = login(f"E-{number % 8}", moment, reason=None)
        disabled = login(f"E-{number % 8}", moment, reason="USER_DISABLED")
        abandoned = login("nobody", moment)
        lines += [(moment, line) for line in allowed.lines + disabled.lines + list(TRACE)]
        lines.append(
            (moment, abandoned.line("INFO", CONTEXTS, f"Created new login context with id: {abandoned.context}"))
        )
        for logger, message in (
            (
                "com.vmware.vidm.federation.authenticator.oidc.OidcAuthenticator",
                "Authorize request failed with error access_denied",
            ),
            (CONTEXTS, f"User agent changed during login flow from null to {login('quoted', moment).lookup}"),
            (CONTEXTS, f"User agent changed during login flow from null to x {login('quoted', moment).refusal} x"),
        ):
            lines.append((moment, abandoned.line("WARN", logger, message)))
    return sorted(lines, key=lambda each: each[0])


@pytest.mark.parametrize("wrapping", ["as it is", "container"])
def test_a_busy_day_with_one_waiting_user_binds_that_user(any_host: Host, wrapping: str) -> None:
    end = ago(seconds=20)
    muffin = login(VICTIM, end - timedelta(minutes=3))
    lines = [*busy_day(end), *((muffin.moment, line) for line in muffin.lines)]
    lines.sort(key=lambda each: each[0])
    any_host.write(*(WRAPPINGS[wrapping](line) for _moment, line in lines), modified=end)
    known = [user(f"user{number}", f"E-{number}") for number in range(8)]
    assert any_host.bound(users=known) == (VICTIM, "")
    assert any_host.bound(users=known, since=None) == (VICTIM, "")


def test_attempts_of_one_moment_keep_the_order_of_the_log_newest_first(host: Host) -> None:
    moment = ago(minutes=5)
    several = [login("first", moment, reason=None), login("second", moment), login("third", moment, reason=None)]
    host.write(*(line for each in several for line in each.lines), modified=moment)
    found = host.read(denied_only=False)
    assert [attempt["external_id"] for attempt in found["attempts"]] == ["third", "second", "first"]


# While it is waited for a login


@pytest.mark.parametrize("shape", ["one more word", "look-up before", "no refusal", "unresolved"])
def test_waiting_for_a_login_follows_the_same_law(host: Host, shape: str) -> None:
    victim, attacker = login(VICTIM, ago()), login(ATTACKER, ago())
    shapes = {
        "one more word": [f"{line} indeed" for line in victim.lines],
        "look-up before": [victim.not_found, victim.refusal],
        "no refusal": [victim.lookup, victim.not_found],
        "unresolved": [victim.lookup],
    }
    host.write(victim.lookup)
    host.later = (*shapes[shape], *attacker.lines)
    bound, said = host.bound(wait=20, settle=0)
    assert bound is None
    assert "external_id" in said


def test_waiting_goes_by_the_position_and_needs_no_certain_time(host: Host) -> None:
    host.write(*login(ATTACKER, ago(minutes=1)).lines)
    muffin = login(VICTIM, ago(days=300, minutes=7))
    host.later = tuple(muffin.lines)
    assert host.bound(wait=20, settle=0) == (VICTIM, "")


# The time window


@pytest.mark.parametrize(("hours", "zone"), [(0, "Europe/Berlin"), (2, "UTC"), (-9.5, "Asia/Kathmandu"), (14, "UTC")])
def test_a_login_of_five_minutes_ago_is_bound_whatever_the_zones(host: Host, hours: float, zone: str) -> None:
    host.zone = zone
    offset = timedelta(hours=hours)
    host.write(noise(ago(hours=3) + offset), *login(VICTIM, ago(minutes=5) + offset).lines, modified=ago(minutes=5))
    assert host.bound() == (VICTIM, "")


def test_a_login_of_110_minutes_ago_in_a_copy_is_not_recent(any_host: Host) -> None:
    """The log is in UTC+2, and the copy did not keep the time of change."""
    any_host.write(*login(ATTACKER, ago(minutes=110) + timedelta(hours=2)).lines)
    found = any_host.read()
    bound, said = bound_by(found)
    assert bound is None
    for part in ("not certain", "wait_for_login", "external_id"):
        assert part in said
    assert (found["complete"], found["offset"]) == (False, None)
    assert any_host.read(since=None)["complete"], "without a window, the offset decides nothing"


def test_a_login_in_the_hour_that_repeats_is_not_recent(any_host: Host) -> None:
    """85 minutes ago by the clock, 25 minutes ago by the stamps: summer time ended meanwhile."""
    summer, winter = timedelta(hours=2), timedelta(hours=1)
    any_host.write(
        noise(ago(minutes=100) + summer),
        *login(ATTACKER, ago(minutes=85) + summer).lines,
        *(noise(ago(minutes=minutes) + winter) for minutes in (61, 50, 31, 20, 1)),
        modified=ago(minutes=1),
    )
    bound, said = any_host.bound()
    assert bound is None
    for part in ("not certain", "wait_for_login", "external_id"):
        assert part in said


@pytest.mark.parametrize("is_last", [True, False])
def test_a_login_of_five_days_ahead_is_not_recent(any_host: Host, is_last: bool) -> None:
    lines = login(ATTACKER, ago(days=-5)).lines
    now = noise(ago(minutes=1))
    any_host.write(*([now, *lines] if is_last else [*lines, now]), modified=ago(minutes=1))
    assert any_host.bound()[0] is None


def test_steps_back_of_two_minutes_are_normal(any_host: Host) -> None:
    muffin = login(VICTIM, ago(minutes=5))
    any_host.write(*muffin.lines, *(noise(ago(minutes=m)) for m in (3, 4.9, 3.1, 1, 2.9)), modified=ago(minutes=1))
    assert any_host.bound() == (VICTIM, "")
    any_host.write(noise(ago(minutes=3.2)), noise(ago(minutes=1)), modified=ago(minutes=1))
    assert any_host.bound()[0] is None


def test_steps_back_before_the_window_do_not_count(any_host: Host) -> None:
    muffin = login(VICTIM, ago(minutes=5))
    any_host.write(noise(ago(hours=20)), noise(ago(hours=40)), *muffin.lines, modified=muffin.moment)
    assert any_host.bound() == (VICTIM, "")


def test_lines_with_and_without_a_zone_make_the_offset_uncertain(any_host: Host) -> None:
    zoned = WRAPPINGS["Z after the stamp"]
    muffin = login(VICTIM, ago(minutes=5))
    any_host.write(*muffin.lines, zoned(noise(ago(minutes=1))), modified=ago(minutes=1))
    assert "not certain" in any_host.bound()[1]
    any_host.write(noise(ago(minutes=1)), modified=ago(minutes=1))
    assert "not certain" in any_host.bound()[1], "the last line of the same minute is as the first one"


@pytest.mark.parametrize("compress", [False, True])
def test_a_log_that_was_just_rotated_has_the_offset_of_the_file_before(host: Host, compress: bool) -> None:
    offset = timedelta(hours=2)
    muffin = login(VICTIM, ago(minutes=5))
    host.write(*replace(muffin, moment=muffin.moment + offset).lines, modified=muffin.moment)
    rotated = host.log.with_name(f"{host.log.name}.1")
    host.log.rename(rotated)
    host.log.touch()
    if compress:
        subprocess.run(["gzip", "-k", str(rotated)], check=True)
        rotated.unlink()
    assert host.bound() == (VICTIM, "")


# The attribute


@pytest.mark.parametrize("attribute", ["userName", "email", "ExternalIdx"])
def test_a_look_up_by_another_attribute_is_never_a_candidate(host: Host, attribute: str) -> None:
    moment = ago(minutes=5)
    host.write(*login("muffin", moment, attribute=attribute).lines, modified=moment)
    found = host.read()
    assert [attempt["attribute"] for attempt in found["attempts"]] == [attribute]
    assert found["ansible_facts"]["externalid"] is None
    bound, said = host.bound()
    assert bound is None
    assert f"looked up by {attribute}" in said
    host.write(*login(VICTIM, moment, attribute="ExternalID").lines, modified=moment)
    assert host.bound() == (VICTIM, "")


def test_an_external_id_that_is_the_address_of_another_user_is_refused(host: Host) -> None:
    moment = ago(minutes=5)
    host.write(*login("Bagel@corp.example", moment).lines, modified=moment)
    bagel = replace(user("bagel", "E-1"), email="bagel@CORP.example")
    for users, desired in (
        ([bagel], [wanted("muffin")]),
        ([], [wanted("muffin"), wanted("bagel", "E-1", email="bagel@corp.example")]),
        ([User("1", "bagel@corp.example", None, "E-1")], [wanted("muffin")]),
        ([user("bagel", "E-1", domain="corp.example")], [wanted("muffin")]),
    ):
        bound, said = host.bound(*desired, users=users)
        assert bound is None
        assert "is the address of bagel@" in said
        assert "external_id" in said
    own = wanted("muffin", email="bagel@corp.example")
    assert host.bound(own) == ("Bagel@corp.example", "")
