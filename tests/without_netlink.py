#!/usr/bin/env python3
"""Run the program in PROGRAM with these arguments, and refuse it netlink sockets: so it never hears of the network.

Chromium drops what is under way (ERR_NETWORK_CHANGED) when an address of the machine changes, as whenever a test starts
a container. Playwright runs this file in Chromium's place.
"""

import ctypes
import errno
import os
import struct
import sys

# Names as in linux/seccomp.h, linux/filter.h and linux/prctl.h.
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
BPF_LOAD_WORD, BPF_JUMP_IF_EQUAL, BPF_RETURN = 0x20, 0x15, 0x06
SECCOMP_RET_ERRNO, SECCOMP_RET_ALLOW = 0x00050000, 0x7FFF0000
NUMBER, FIRST_ARGUMENT = 0, 16  # offsets in struct seccomp_data
SOCKET = {"x86_64": 41, "aarch64": 198}  # the number of the system call
AF_NETLINK = 16


class FilterProgram(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def refuse_netlink() -> None:
    """Let socket(AF_NETLINK, ...) fail in this process and all that it starts. Raises OSError."""
    steps = (
        (BPF_LOAD_WORD, 0, 0, NUMBER),
        (BPF_JUMP_IF_EQUAL, 0, 3, SOCKET[os.uname().machine]),
        (BPF_LOAD_WORD, 0, 0, FIRST_ARGUMENT),
        (BPF_JUMP_IF_EQUAL, 0, 1, AF_NETLINK),
        (BPF_RETURN, 0, 0, SECCOMP_RET_ERRNO | errno.EAFNOSUPPORT),
        (BPF_RETURN, 0, 0, SECCOMP_RET_ALLOW),
    )
    program = FilterProgram(len(steps), b"".join(struct.pack("HBBI", *step) for step in steps))
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in ((PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program))):
        if libc.prctl(*arguments):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))


if __name__ == "__main__":
    refuse_netlink()
    os.execv(os.environ["PROGRAM"], [os.environ["PROGRAM"], *sys.argv[1:]])  # noqa: S606
