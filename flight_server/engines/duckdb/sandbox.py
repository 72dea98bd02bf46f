"""Takes rights from the process it runs in: files, network, programs. Knows no DuckDB.

It holds for the calling thread and the threads that it starts later, so it must run while the
process has one thread only.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import struct
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True)

# prctl
_PDEATHSIG, _GET_PDEATHSIG, _SECCOMP, _NO_NEW_PRIVS = 1, 2, 22, 38
_SECCOMP_FILTER = 2

# Landlock: system calls and rights, by the interface version (ABI) that brought them
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_RULE_PATH = 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _REMOVE_DIR, _REMOVE_FILE = (1 << n for n in range(6))
_MAKE_DIR, _MAKE_REG = 1 << 7, 1 << 8
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_FILES_ABI_1 = (1 << 13) - 1
_NETWORK = 0b11
_SCOPED = 0b11
_DIRECTORY_RIGHTS = _READ_FILE | _READ_DIR | _WRITE_FILE | _REMOVE_FILE | _MAKE_REG | _TRUNCATE

# What DuckDB opens at start; where one exists but cannot be read it aborts
_CPUS = ("/sys/devices/system/cpu/online",)
_CGROUP_FILES = (
    "cpu.max",
    "memory.max",
    "memory.limit_in_bytes",
    "cpu.cfs_quota_us",
    "cpu.cfs_period_us",
)


class SandboxUnavailable(Exception):
    """The kernel refuses to restrict the process."""


def landlock_abi() -> int:
    """The version of Landlock that the kernel offers; 0 for none."""
    version: int = _LIBC.syscall(_CREATE_RULESET, 0, 0, 1)
    return max(version, 0)


def die_with_parent(parent: int) -> None:
    """End this process when the thread that forked it ends; at once where it is gone already."""
    _LIBC.prctl(_PDEATHSIG, 9, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


def ends_with_parent() -> bool:
    """Whether the kernel will end this process when its parent ends."""
    signal = ctypes.c_int(0)
    done = _LIBC.prctl(_GET_PDEATHSIG, ctypes.byref(signal), 0, 0, 0) == 0
    return done and signal.value == 9


def limit(*, memory: int, file_size: int, open_files: int = 8192) -> None:
    """Bound what the process may allocate and write, in bytes, whatever the program in it does."""
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_DATA: memory,
        resource.RLIMIT_FSIZE: file_size,
        resource.RLIMIT_NOFILE: open_files,
    }
    for which, value in wanted.items():
        hard = resource.getrlimit(which)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (value, value))


def restrict(files: Iterable[str], directory: str | None) -> None:
    """Leave the process only these files to read and one directory to write in.

    No network, no programs, no signals to other processes as far as the kernel's Landlock goes.
    Files that do not exist are left out. Raises `SandboxUnavailable`.
    """
    abi = landlock_abi()
    if abi < 1:
        raise SandboxUnavailable("no Landlock")
    handled = _handled_rights(abi)
    attributes = struct.pack("<QQQ", handled, _NETWORK, _SCOPED)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    ruleset = _call(_CREATE_RULESET, attributes[:size], size, 0)
    try:
        for path in (*files, *_system_files()):
            with suppress(FileNotFoundError):
                _allow(ruleset, path, _READ_FILE)
        if directory is not None:
            _allow(ruleset, directory, _DIRECTORY_RIGHTS & handled)
        _no_new_privileges()
        _call(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _handled_rights(abi: int) -> int:
    rights = _FILES_ABI_1
    for since, right in ((2, _REFER), (3, _TRUNCATE), (5, _IOCTL_DEV)):
        rights |= right if abi >= since else 0
    return rights


def _allow(ruleset: int, path: str, rights: int) -> None:
    target = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        _call(_ADD_RULE, ruleset, _RULE_PATH, struct.pack("=Qi", rights, target), 0)
    finally:
        os.close(target)


def _call(number: int, *arguments: object) -> int:
    result: int = _LIBC.syscall(number, *arguments)
    if result < 0:
        raise SandboxUnavailable(os.strerror(ctypes.get_errno()))
    return result


def _no_new_privileges() -> None:
    if _LIBC.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise SandboxUnavailable(os.strerror(ctypes.get_errno()))


def _system_files() -> list[str]:
    paths = [*_CPUS, "/proc/meminfo", "/proc/self/cgroup"]
    roots = {Path("/sys/fs/cgroup")}
    with suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, group = line.split(":", 2)
            base = Path("/sys/fs/cgroup")
            for name in (*controllers.split(","), controllers, ""):
                roots.add(base / name)
                roots.add(base / name / group.lstrip("/"))
    return paths + [str(root / name) for root in roots for name in _CGROUP_FILES]


# --- system calls -------------------------------------------------------------------------------

# Names → numbers, x86-64 and arm64. What a worker has no use for and Landlock does not cover.
_DENIED = {
    "socket": (41, 198),
    "socketpair": (53, 199),
    "connect": (42, 203),
    "bind": (49, 200),
    "listen": (50, 201),
    "execve": (59, 221),
    "execveat": (322, 281),
    "fork": (57, None),
    "vfork": (58, None),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "mount": (165, 40),
    "unshare": (272, 97),
    "setns": (308, 268),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_send_signal": (424, 424),
}
_CLONE3 = 435
_CLONE = (56, 220)
_ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
_ALLOW, _DENY, _ABSENT, _KILL = 0x7FFF0000, 0x00050000 | 1, 0x00050000 | 38, 0x80000000
_CLONE_THREAD = 0x00010000
_X32 = 0x40000000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06


def refuse_system_calls() -> bool:
    """Refuse sockets, programs, new processes, signals and tracing; says whether it could.

    Threads may still be started. Where the machine's numbers are not known nothing is done:
    Landlock alone holds then.
    """
    known = _ARCHITECTURES.get(platform.machine())
    if known is None:
        return False
    _no_new_privileges()
    program = b"".join(struct.pack("<HBBI", *step) for step in _program(*known))
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(buffer))
    return bool(_LIBC.prctl(_SECCOMP, _SECCOMP_FILTER, header, 0, 0) == 0)


def _program(architecture: int, column: int) -> list[tuple[int, int, int, int]]:
    """The filter as (operation, jump if true, jump if false, operand), for the kernel's BPF."""
    steps = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),
        # clone3 hides its flags behind a pointer: absent, the C library falls back to clone
        (_EQUAL, 0, 1, _CLONE3),
        (_RETURN, 0, 0, _ABSENT),
        (_AT_LEAST, 0, 1, _X32),
        (_RETURN, 0, 0, _DENY),
    ]
    for numbers in _DENIED.values():
        number = numbers[column]
        if number is not None:
            steps += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _DENY)]
    steps += [
        (_EQUAL, 0, 3, _CLONE[column]),
        (_LOAD, 0, 0, 16),
        (_ANY_BIT, 1, 0, _CLONE_THREAD),
        (_RETURN, 0, 0, _DENY),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return steps
