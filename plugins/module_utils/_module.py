# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What joins modules to Ansible: options, the one try, and the way out. PRIVATE to this collection."""

from __future__ import annotations

import gc
import signal
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any, NoReturn, TypeVar

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ._errors import IdentityBrokerError, PlanRefusedError
from ._http import REQUESTS_IMPORT_ERROR, Advice, HttpClient
from ._minting_lock import MintingLock

Spec = dict[str, dict[str, Any]]
HIDDEN = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"
MOST_ECHOED = 100
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

S = TypeVar("S", bound="Session")


class Session:
    """The HTTPS session of a module, and what there is to say besides its result."""

    def __init__(self, module: AnsibleModule, stack: ExitStack, *, concurrency: int = 1, advice: Advice) -> None:
        options = module.params
        self._module = module
        self._stack = stack
        self.http = stack.enter_context(
            HttpClient(
                validate_certs=options["validate_certs"],
                ca_path=options["ca_path"],
                timeout=options["timeout"],
                check_mode=module.check_mode,
                concurrency=concurrency,
                advice=advice,
            )
        )
        self.warnings: list[str] = []
        self.released: str | None = None
        """The one secret that the task was asked for; options that hold it stay hidden all the same."""
        if not options["validate_certs"]:
            self.warnings.append("Certificates are not verified: whoever is in between reads the credentials.")

    def minting_lock(self) -> MintingLock:
        """Return the lock to take before a token is minted. It is released when the session ends."""
        lock = MintingLock(self.http.pause)
        self._stack.callback(lock.release)
        return lock

    @property
    def minted(self) -> bool:
        """Whether a sync token was minted."""
        return False

    def requests(self) -> dict[str, int]:
        """How many requests of each kind were sent."""
        return {method.lower(): self.http.sent.get(method, 0) for method in METHODS}

    def all_warnings(self) -> list[str]:
        """What the user must know besides the result."""
        return self.warnings


def make_module(*specs: Spec, **arguments: Any) -> AnsibleModule:
    """An AnsibleModule that takes all options of the given parts."""
    # Thousands of users are many objects that stay to the end; to search them for garbage takes a tenth of the time.
    gc.disable()
    merged: Spec = {}
    for spec in specs:
        merged.update(spec)
    return AnsibleModule(argument_spec=merged, supports_check_mode=True, **arguments)


def run(
    connect: Callable[[AnsibleModule, ExitStack], S], module: AnsibleModule, work: Callable[[S], dict[str, Any]]
) -> None:
    """Do the work, and end the module with its result, or with one message that says what went wrong.

    A result with C(msg) and C(failed) is a failure that still says what was done.
    """
    if REQUESTS_IMPORT_ERROR is not None:
        module.fail_json(msg=missing_required_lib("requests"), exception=REQUESTS_IMPORT_ERROR)
    session: S | None = None
    result: dict[str, Any] = {}
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with ExitStack() as stack:
            session = connect(module, stack)
            try:
                result = work(session)
            except KeyboardInterrupt:
                # What is still sent, such as the logging out, waits for nothing any more.
                session.http.hurry.set()
                raise
    except IdentityBrokerError as error:
        result = {"failed": True, "msg": str(error)}
        if isinstance(error, PlanRefusedError):
            result["problems"] = error.problems
        if session is not None and session.minted:
            result["minted"] = True
    except KeyboardInterrupt:
        result = result or _interrupted(session)
    _leave(module, session, result)


def _interrupted(session: Session | None) -> dict[str, Any]:
    if session is None or not session.http.wrote:
        return {"failed": True, "msg": "Interrupted. Nothing had been written."}
    told = "Interrupted. Some of it may have been done; running the same task again does the rest."
    return {"failed": True, "msg": told, **({"minted": True} if session.minted else {})}


def _interrupt(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _leave(module: AnsibleModule, session: Session | None, result: Mapping[str, Any]) -> None:
    for warning in session.all_warnings() if session else []:
        module.warn(warning)
    released = None
    if session is not None:
        module.no_log_values.update(session.http.secrets)
        released = session.released
        module.no_log_values.discard(released)
    arguments = {name: _echoed(value, released) for name, value in module.params.items()}
    result = {**result, "invocation": {"module_args": arguments}}
    if result.get("failed"):
        module.fail_json(**{key: value for key, value in result.items() if key != "failed"})
    module.exit_json(**result)


def _echoed(value: Any, released: str | None) -> Any:
    """An option as the result repeats it. A long list comes back as its length: the result has an item for each anyway."""
    if released is not None and value == released:
        return HIDDEN
    return f"{len(value)} items" if isinstance(value, list) and len(value) > MOST_ECHOED else value
