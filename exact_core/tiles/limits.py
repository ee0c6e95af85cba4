"""Limits that a decoding process puts on itself before it touches a file: memory, time, no network, no writing."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import platform
import resource
import socket
import sys
from dataclasses import dataclass

_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2
_RETURN_ALLOW = 0x7FFF0000
_RETURN_ERRNO = 0x00050000
_LOAD_WORD = 0x20
_JUMP_EQUAL = 0x15
_JUMP_SET_OR_ABOVE = 0x35
_RETURN = 0x06
_NUMBER_OFFSET, _ARCHITECTURE_OFFSET = 0, 4
_X32_BIT = 0x40000000

_JUMP_ANY_BIT_SET = 0x45
_ARGUMENTS_OFFSET = 16
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_EVERYWHERE = (424, 425, 426, 427, 434, 437)  # pidfd_send_signal, io_uring_*, pidfd_open, openat2
_RINGS = (425, 426, 427)  # io_uring_*, the same numbers everywhere
_X86_CALLS = (41, 42, 49, 50, 53, 59, 62, 101, 200, 311, 322)  # sockets, new programs, other processes
_X86_NAMES = (76, 82, 83, 84, 85, 86, 87, 88, 90, 92, 94, 133, 165, 258, 259, 260, 263, 264, 265, 266, 268, 316)
_ARM_CALLS = (198, 199, 200, 201, 203, 221, 117, 129, 130, 271, 281)
_ARM_NAMES = (33, 34, 35, 36, 37, 38, 40, 45, 53, 54, 276)


@dataclass(frozen=True, slots=True)
class _Machine:
    """Numbers of system calls on one kind of processor.

    ``socket``: the call that opens sockets. ``denied``: sockets, other programs, other processes, names in the file
    system. ``opening``: pairs of the number of an opening call and the position of its flags; opening for writing is
    refused.
    """

    architecture: int
    socket: int
    denied: tuple[int, ...]
    opening: tuple[tuple[int, int], ...]


_MACHINES = {
    "x86_64": _Machine(0xC000003E, 41, (*_X86_CALLS, *_X86_NAMES, *_EVERYWHERE), ((2, 1), (257, 2))),
    "aarch64": _Machine(0xC00000B7, 198, (*_ARM_CALLS, *_ARM_NAMES, *_EVERYWHERE), ((56, 2),)),
}


class _Instruction(ctypes.Structure):
    """One instruction of a kernel packet filter."""

    _fields_ = (("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint))


_REFUSE = _Instruction(_RETURN, 0, 0, _RETURN_ERRNO | errno.EPERM)


class _Program(ctypes.Structure):
    """A kernel packet filter."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.POINTER(_Instruction)))


def limit_this_process(memory_mib: int) -> list[str]:
    """Apply every limit that this system knows; return what could not be applied, for the log."""
    missing: list[str] = []
    memory = memory_mib * 1024 * 1024
    for name, kind, value in (
        ("memory", resource.RLIMIT_AS, memory),
        ("core files", resource.RLIMIT_CORE, 0),
        ("file size", resource.RLIMIT_FSIZE, 0),
        ("open files", resource.RLIMIT_NOFILE, 512),
    ):
        try:
            _, hard = resource.getrlimit(kind)
            ceiling = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(kind, (ceiling, ceiling))
        except (OSError, ValueError):
            missing.append(name)
    with contextlib.suppress(OSError):
        os.nice(5)
    if not _deny_system_calls():
        missing.append("network")
    return missing


def allow_seconds(seconds: float) -> None:
    """Let this process use so much more processor time; the kernel ends it when that is spent."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(usage.ru_utime + usage.ru_stime + seconds) + 2
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def _deny_system_calls() -> bool:
    """Refuse network, new programs and changes to the file system, where the kernel offers it (Linux)."""
    machine = _this_machine()
    return machine is not None and _install(_filter(machine))


def deny_network() -> bool:
    """Let this process, and all that it starts, connect to nothing but sockets of this machine's file system.

    Returns:
        Whether the system could do it (Linux). It cannot be taken back.
    """
    machine = _this_machine()
    return machine is not None and _install(_filter_of_sockets(machine))


def _this_machine() -> _Machine | None:
    return _MACHINES.get(platform.machine()) if sys.platform == "linux" else None


def _install(program: list[_Instruction]) -> bool:
    array = (_Instruction * len(program))(*program)
    filter_program = _Program(len(program), array)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    return bool(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(filter_program), 0, 0) == 0)


def _beginning(machine: _Machine) -> list[_Instruction]:
    """Refuse calls of another kind of processor; the number of the call is loaded then."""
    return [
        _Instruction(_LOAD_WORD, 0, 0, _ARCHITECTURE_OFFSET),
        _Instruction(_JUMP_EQUAL, 1, 0, machine.architecture),
        _REFUSE,
        _Instruction(_LOAD_WORD, 0, 0, _NUMBER_OFFSET),
        _Instruction(_JUMP_SET_OR_ABOVE, 0, 1, _X32_BIT),
        _REFUSE,
    ]


def _filter_of_sockets(machine: _Machine) -> list[_Instruction]:
    program = _beginning(machine)
    for number in _RINGS:  # they open sockets without the call
        program += [_Instruction(_JUMP_EQUAL, 0, 1, number), _REFUSE]
    return [
        *program,
        _Instruction(_JUMP_EQUAL, 0, 3, machine.socket),
        _Instruction(_LOAD_WORD, 0, 0, _ARGUMENTS_OFFSET),
        _Instruction(_JUMP_EQUAL, 1, 0, socket.AF_UNIX),
        _REFUSE,
        _Instruction(_RETURN, 0, 0, _RETURN_ALLOW),
    ]


def _filter(machine: _Machine) -> list[_Instruction]:
    refuse = _REFUSE
    program = _beginning(machine)
    for number in machine.denied:
        program += [_Instruction(_JUMP_EQUAL, 0, 1, number), refuse]
    for number, position in machine.opening:
        program += [
            _Instruction(_JUMP_EQUAL, 0, 4, number),
            _Instruction(_LOAD_WORD, 0, 0, _ARGUMENTS_OFFSET + 8 * position),
            _Instruction(_JUMP_ANY_BIT_SET, 0, 1, _WRITING),
            refuse,
            _Instruction(_LOAD_WORD, 0, 0, _NUMBER_OFFSET),
        ]
    return [*program, _Instruction(_RETURN, 0, 0, _RETURN_ALLOW)]
