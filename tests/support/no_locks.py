"""A process for which no file system has locks or memory that is shared through a file, as it is on a mounted bucket.

The kernel refuses both, by a seccomp filter that holds until the process ends, and for all that it starts.
"""

import ctypes
import errno
import os
import platform
import struct

# The numbers of the machine, and of mmap, fcntl and flock on it.
MACHINES = {"x86_64": (0xC000003E, 9, 72, 73), "aarch64": (0xC00000B7, 222, 25, 32)}

_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_NUMBER, _MACHINE = 0, 4
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_LOCK_COMMANDS = (5, 6, 7, 36, 37, 38)  # F_GETLK, F_SETLK, F_SETLKW, and those of open file descriptions
_MAP_SHARED, _MAP_ANONYMOUS, _PROT_WRITE = 0x01, 0x20, 0x02
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _FILTER = 38, 22, 2


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def can_forbid_locks() -> bool:
    """Say whether this kind of machine is known here."""
    return os.name == "posix" and platform.system() == "Linux" and platform.machine() in MACHINES


def forbid_locks() -> None:
    """From now on, and for good, have the kernel refuse locks on files and shared mappings of them."""
    machine, mmap, fcntl, flock = MACHINES[platform.machine()]
    no_locks, no_memory, allow = _ERRNO | errno.ENOLCK, _ERRNO | errno.ENODEV, _ALLOW
    steps = [
        *_unless(_EQUAL, _MACHINE, machine, allow),
        *_when(flock, [(_RETURN, 0, 0, no_locks)]),
        *_when(
            fcntl,
            [
                (_LOAD, 0, 0, _argument(1)),
                *(step for each in _LOCK_COMMANDS for step in ((_EQUAL, 0, 1, each), (_RETURN, 0, 0, no_locks))),
                (_RETURN, 0, 0, allow),
            ],
        ),
        *_when(
            mmap,
            [
                *_unless(_ANY_BIT, _argument(2), _PROT_WRITE, allow),
                *_unless(_ANY_BIT, _argument(3), _MAP_SHARED, allow),
                (_ANY_BIT, 0, 1, _MAP_ANONYMOUS),
                (_RETURN, 0, 0, allow),
                (_RETURN, 0, 0, no_memory),
            ],
        ),
        (_RETURN, 0, 0, allow),
    ]
    code = b"".join(struct.pack("=HBBI", *step) for step in steps)
    libc = ctypes.CDLL(None, use_errno=True)
    program = _Program(len(steps), code)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(_PR_SET_SECCOMP, _FILTER, ctypes.byref(program)):
        raise OSError(ctypes.get_errno(), "this kernel takes no filter of system calls")


Step = tuple[int, int, int, int]
"""What is done, how many steps are skipped if it holds and if not, and the number it is done with."""


def _argument(number: int) -> int:
    """Where the lower half of a system call's argument is."""
    return 16 + 8 * number


def _when(call: int, then: list[Step]) -> list[Step]:
    return [(_LOAD, 0, 0, _NUMBER), (_EQUAL, 0, len(then), call), *then]


def _unless(test: int, where: int, value: int, otherwise: int) -> list[Step]:
    return [(_LOAD, 0, 0, where), (test, 1, 0, value), (_RETURN, 0, 0, otherwise)]
