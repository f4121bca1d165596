# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the SSH server runs for a caller: a POSIX shell, or the stand-in for the appliance shell."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import shutil
import signal
from pathlib import Path

import asyncssh

from .switches import Switches

BANNER = "VMware vCenter Server 8.0.3.00400\n\nType: vCenter Server with an embedded Platform Services Controller\n"
# gzip and what it starts are no tools of the client, but zcat is a script that needs them.
TOOLS = ("sh", "grep", "tail", "head", "zcat", "gzip", "date", "wc", "ls")


def make_tools(folder: Path, *, sleep: bool) -> Path:
    """A folder that holds nothing but the tools which the appliance is known to have."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in (*TOOLS, "sleep") if sleep else TOOLS:
        found = shutil.which(name)
        if found is None:
            raise RuntimeError(f"this machine has no {name}, which the simulator hands on")
        (folder / name).symlink_to(found)
    return folder


def environment(switches: Switches, tools: Path) -> dict[str, str]:
    names = ("HOME", "USER", "LOGNAME", "LANG", "TMPDIR")
    result = {name: os.environ[name] for name in names if name in os.environ}
    result["PATH"] = os.environ.get("PATH", "/usr/bin:/bin")
    if switches.tools_only:
        result["PATH"] = str(make_tools(tools, sleep=switches.tools_sleep))
    if switches.shell_timezone:
        result["TZ"] = switches.shell_timezone
    return result


def unknown_command(command: str) -> str:
    words = command.split()
    return f"Unknown command: `{words[0]}'\n" if words else ""


async def run_command(
    process: asyncssh.SSHServerProcess[bytes], switches: Switches, tools: Path, *, appliance_shell: bool
) -> None:
    if switches.ssh_banner:
        process.stdout.write(BANNER.encode())
    if appliance_shell:
        text = unknown_command(process.command or "")
        process.stdout.write(text.encode("utf-8", "surrogateescape"))
        process.exit(0)
        return
    arguments = ["/bin/sh", "-c", process.command] if process.command else ["/bin/sh"]
    variables = environment(switches, tools)
    terminal = process.term_type is not None
    runner = _run_on_terminal if terminal else _run_on_pipes
    await runner(process, arguments, variables)


async def _run_on_pipes(
    process: asyncssh.SSHServerProcess[bytes], arguments: list[str], variables: dict[str, str]
) -> None:
    child = await asyncio.create_subprocess_exec(
        *arguments,
        env=variables,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert child.stdin
    assert child.stdout
    assert child.stderr
    feed = asyncio.create_task(_feed(process, child.stdin))
    out = asyncio.create_task(_copy(child.stdout, process.stdout))
    err = asyncio.create_task(_copy(child.stderr, process.stderr))
    await _until_done(process, child, feed, [out, err])


async def _feed(process: asyncssh.SSHServerProcess[bytes], target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError, asyncssh.Error):
        while data := await process.stdin.read(65536):
            target.write(data)
            await target.drain()
    with contextlib.suppress(ConnectionError):
        target.close()


async def _copy(source: asyncio.StreamReader, target: asyncssh.SSHWriter[bytes]) -> None:
    while data := await source.read(65536):
        with contextlib.suppress(ConnectionError, asyncssh.Error):
            target.write(data)
            await target.drain()


async def _run_on_terminal(
    process: asyncssh.SSHServerProcess[bytes], arguments: list[str], variables: dict[str, str]
) -> None:
    """A real terminal, as clients that ask for one see CRLF and one merged stream."""
    ours, theirs = pty.openpty()
    # The leader of a session makes a terminal its own by opening it.
    leader = ["/bin/sh", "-c", ': <"$0"; exec "$@"', os.ttyname(theirs)]
    try:
        child = await asyncio.create_subprocess_exec(
            *leader,
            *arguments,
            env={**variables, "TERM": process.term_type or "dumb"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
    finally:
        os.close(theirs)
    feed = asyncio.create_task(_feed_terminal(process, ours))
    out = asyncio.create_task(_copy_terminal(ours, process.stdout))
    await _until_done(process, child, feed, [out])
    os.close(ours)


async def _feed_terminal(process: asyncssh.SSHServerProcess[bytes], terminal: int) -> None:
    with contextlib.suppress(ConnectionError, asyncssh.Error):
        while data := await process.stdin.read(65536):
            os.write(terminal, data)
    os.write(terminal, b"\x04")


async def _copy_terminal(terminal: int, target: asyncssh.SSHWriter[bytes]) -> None:
    loop = asyncio.get_running_loop()
    while True:
        try:
            data = await loop.run_in_executor(None, os.read, terminal, 65536)
        except OSError:
            return  # Linux reports the end of a terminal as an error
        with contextlib.suppress(ConnectionError, asyncssh.Error):
            target.write(data)
            await target.drain()


async def _until_done(
    process: asyncssh.SSHServerProcess[bytes],
    child: asyncio.subprocess.Process,
    feed: asyncio.Task[None],
    copies: list[asyncio.Task[None]],
) -> None:
    """Ends with the command, or ends the command when the caller has gone."""
    gone = asyncio.create_task(process.channel.wait_closed())
    finished = asyncio.create_task(_all_of(child, copies))
    try:
        await asyncio.wait({gone, finished}, return_when=asyncio.FIRST_COMPLETED)
        if not finished.done():
            _kill(child)
        await finished
    finally:
        _kill(child)
        for task in (feed, gone):
            task.cancel()
        await asyncio.gather(feed, gone, return_exceptions=True)
    code = child.returncode or 0
    if code < 0:
        process.exit_with_signal(signal.Signals(-code).name.removeprefix("SIG"))
    else:
        process.exit(code)


async def _all_of(child: asyncio.subprocess.Process, copies: list[asyncio.Task[None]]) -> None:
    await asyncio.gather(child.wait(), *copies)


def _kill(child: asyncio.subprocess.Process) -> None:
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
