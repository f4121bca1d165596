# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a diagnosis names in a log of many, as a table; and what it costs to read a large one."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from statistics import median

from ansible_collections.homelab.identity_broker.plugins.module_utils._diagnosis import Diagnosis, Known
from ansible_collections.homelab.identity_broker.plugins.module_utils._log_reader import Reading, Request, read_log
from ansible_collections.homelab.identity_broker.plugins.module_utils._permissions import Permission, Principal
from ansible_collections.homelab.identity_broker.plugins.module_utils._provider_users import ProviderUsers
from ansible_collections.homelab.identity_broker.plugins.module_utils._users import users_from_scim
from simulator import Appliance, MixedLog

from .big_log import SEED, SIZE, Wire
from .plays import Bench, bench
from .report import Figure

TITLE = "diagnose: what it names in a mixed log, and how long it reads a 1 GiB log"
ATTEMPTS, PEOPLE = 10_000, 500
REPEATS = 3

# What a login is to be named, with the identity provider's word and without it. Of what is "less" only less is known, which is no
# false name: a cause that several logins of the same moment share, or a login of the log's last seconds.
NAMES = {
    "refused_and_sent_back": "refused_at_provider",
    "clock_skew_expired": "clock_skew",
    "unknown_external_id": "user_not_found",
    "other_external_id": "external_id_differs",
}
WITHOUT = {"unknown_external_id": "unknown_external_id", "other_external_id": "unknown_external_id"}
LESS = {
    "key_or_trust": "provider_error",
    "client_secret": "provider_error",
    "allowed": "unknown",
    "no_permission": "unknown",
}


def measure(folder: str) -> Iterator[Figure]:
    with bench(folder) as run:
        mixed = run.appliance.write_attempts(ATTEMPTS, PEOPLE)
        reading = read_log(Request(str(run.appliance.log_path), denied_only=False, limit=0, evidence=True), Wire())
        yield Figure("what the reading left out", len(reading.gaps), 0, "gaps")
        for asked in (True, False):
            yield from _table(mixed, reading, run.appliance, asked=asked)
        run.appliance.reset()
        yield _large(run)


def _table(mixed: MixedLog, reading: Reading, appliance: Appliance, *, asked: bool) -> Iterator[Figure]:
    diagnosis = Diagnosis(_known(mixed, reading, appliance, asked=asked))
    named = {each.context_id: diagnosis.of_attempt(each).case for each in reading.attempts}
    named |= {each.context_id: diagnosis.of_failure(each).case for each in reading.failures if each.context_id}
    names = NAMES if asked else {**NAMES, **WITHOUT}
    cases = Counter(mixed.by_context.values())
    found: Counter[str] = Counter()
    less: Counter[str] = Counter()
    for context, case in mixed.by_context.items():
        found[case] += named.get(context) == names.get(case, case)
        less[case] += named.get(context) == LESS.get(case, "")
    how = "with Pocket ID's word" if asked else "by the log alone"
    for case, number in sorted(cases.items()):
        misnamed = number - found[case] - less[case]
        of = f"({number} logins, {found[case]} found, {less[case]} named less exactly)"
        yield Figure(f"{how}: {case}: misnamed or not found", misnamed, 0, "logins", of)
    wrong = sum(_is_wrong(diagnosis.of_user(person.name).case, person.case, asked=asked) for person in mixed.people)
    yield Figure(f"{how}: people misnamed", wrong, 0, "people", f"(of {len(mixed.people)})")


def _is_wrong(name: str, case: str, *, asked: bool) -> bool:
    """Of whom nothing is in the log, or only lines that name nobody, it may only be said that nothing is known."""
    told = {"unknown_external_id", "inactive", "wrong_domain", "no_permission", "allowed"}
    if asked:
        told |= {"other_external_id", "refused_at_provider"}
    right = NAMES.get(case, case) if case in told else "never_reached"
    return name not in (right, LESS.get(case) if case in told else right)


def _known(mixed: MixedLog, reading: Reading, appliance: Appliance, *, asked: bool) -> Known:
    domains = [domain for provider in appliance.switches.providers for domain in provider.domains]
    held = [
        Permission(
            Principal(each.principal.type.lower(), each.principal.name, each.principal.domain),
            each.role,
            each.propagating,
            each.id,
        )
        for each in appliance.permissions.all()
        if each.is_global
    ]
    refused = frozenset(person.external_id for person in mixed.people if person.case == "refused_at_provider")
    owners = {person.external_id: person.name for person in mixed.people}
    return Known(
        attempts=reading.attempts,
        failures=reading.failures,
        lines=reading.lines,
        users=users_from_scim(appliance.broker.users, domains),
        domains=domains,
        provider=ProviderUsers({}, {}, owners, (), frozenset(), refused) if asked else None,
        permissions=held,
    )


def _large(run: Bench) -> Figure:
    """All that the playbook reads and judges by, the log for the greater part."""
    log, now = run.appliance.log, datetime.now(UTC)
    for part in range(SIZE >> 26):
        at = now - timedelta(days=2) * (1 - (part + 1) / ((SIZE >> 26) + 1))
        log.fill(1 << 26, at, at)
        run.appliance.login("muffin", at=at)
    subprocess.run(["cat", str(log.path)], stdout=subprocess.DEVNULL, check=True)
    path = str(run.appliance.log_path)
    reading = {"log_path": path, "outcome": "any", "limit": 0, "include_rotated": True, "evidence": True}
    about = run.appliance.description()
    vcenter = {
        "hostname": "localhost",
        "port": run.appliance.https_port,
        "username": run.appliance.username,
        "password": run.appliance.password,
        "ca_path": str(run.appliance.ca_file),
    }
    tasks = [
        {"name": "connect", "ansible.builtin.raw": "true"},
        {"name": "seed", "ansible.builtin.raw": SEED.format(log=about["log_path"])},
        {"name": "read", "homelab.identity_broker.externalid_fact": reading, "register": "logins"},
        {
            "name": "judge",
            "homelab.identity_broker.login_diagnosis_info": {**vcenter, "login_attempts": "{{ logins }}"},
            "delegate_to": "localhost",
            "vars": {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
            "register": "judged",
            "failed_when": "judged.findings | map(attribute='case') | unique != ['unknown_external_id']",
        },
    ]
    play = json.dumps([{"hosts": "appliance", "gather_facts": False, "tasks": tasks}])
    runs = [run.play(play) for _time in range(REPEATS)]
    ours, seed = (
        median(each.tasks["read"] + each.tasks["judge"] for each in runs),
        median(e.tasks["seed"] for e in runs),
    )
    of = (
        f"({ours:.2f} s against {seed:.2f} s; judging takes {median(each.tasks['judge'] for each in runs):.2f} s of it)"
    )
    return Figure("1 GiB, the whole of it: reading and judging, against grep -i", ours / seed, 1.5, of=of)
