"""Starts a program as systemd would under what a unit forbids it by seccomp, and under nothing else of the unit.

    confine.py UNIT PROGRAM ARGUMENT…

The rules are those of systemd 252 (src/shared/seccomp-util.c), for the machine's own architecture; where a later one forbids
more (clone3), that. Sets of system calls are what `systemd-analyze syscall-filter` says. A setting of the unit that is
neither kept here nor known to be none of seccomp's is an error, so that none is forgotten.
"""

import errno
import functools
import mmap
import os
import resource
import socket
import stat
import subprocess
import sys

from seccomp import ALLOW, EQ, ERRNO, GT, LT, MASKED_EQ, NE, Arch, Arg, SyscallFilter, resolve_syscall

DENIED = ERRNO(errno.EPERM)
UNKNOWN = ERRNO(errno.ENOSYS)

# What systemd does by other means: namespaces, mounts, users, cgroups, credentials, and how a unit is run.
BY_OTHER_MEANS = """
    Type TimeoutStartSec NotifyAccess WatchdogSec ExecStart Restart RestartSec RestartPreventExitStatus TimeoutStopSec
    KillSignal DynamicUser CacheDirectory CacheDirectoryMode StateDirectory StateDirectoryMode ProtectSystem ProtectHome
    PrivateTmp PrivateDevices PrivateUsers PrivateMounts DevicePolicy ProtectControlGroups ProtectProc ProcSubset
    CapabilityBoundingSet AmbientCapabilities RemoveIPC KeyringMode OOMPolicy
""".split()
# What the kernel's headers say and Python doesn't.
SHM_EXEC = 0o100000
CLONE_NEW = (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000, 0x80)


@functools.cache
def expanded(name):
    """The system calls of a set, or the one that is named."""
    if not name.startswith("@"):
        return frozenset([name])
    told = subprocess.run(
        ["systemd-analyze", "syscall-filter", name], check=True, capture_output=True, text=True
    ).stdout
    members = [line.strip() for line in told.splitlines()[1:]]
    members = [member for member in members if member and not member.startswith("#")]
    return frozenset().union(*map(expanded, members))


def is_known(call):
    """Whether this architecture has it: the sets speak of all."""
    return resolve_syscall(Arch(), call) >= 0


class Filter:
    """Rules that are loaded together; what they don't speak of is answered like this."""

    def __init__(self, otherwise=ALLOW):
        self.rules = SyscallFilter(otherwise)

    def add(self, action, call, *arguments):
        if is_known(call):
            self.rules.add_rule_exactly(action, call, *arguments)

    def deny(self, calls, action=DENIED):
        for call in calls:
            self.add(action, call)
        return self

    def load(self):
        self.rules.load()


def has(place, bits):
    return Arg(place, MASKED_EQ, bits, bits)


def system_calls(lines):
    """An allow list answers what it doesn't name with an error, and what systemd doesn't know as an old kernel would."""
    allowed = set(expanded("@default"))
    for line in lines:
        names = line.removeprefix("~").split()
        calls = frozenset().union(*map(expanded, names))
        allowed = allowed - calls if line.startswith("~") else allowed | calls
    rules = Filter(UNKNOWN)
    for call in sorted(allowed):
        rules.add(ALLOW, call)
    return rules.deny(sorted(expanded("@known") - allowed))


def write_execute():
    rules = Filter()
    rules.add(DENIED, "mmap", has(2, mmap.PROT_EXEC | mmap.PROT_WRITE))
    for call in ("mprotect", "pkey_mprotect"):
        rules.add(DENIED, call, has(2, mmap.PROT_EXEC))
    rules.add(DENIED, "shmat", has(2, SHM_EXEC))
    return rules


def address_families(names):
    wanted = {int(getattr(socket, name)) for name in names}
    rules, refused = Filter(), ERRNO(errno.EAFNOSUPPORT)
    rules.add(refused, "socket", Arg(0, LT, min(wanted)))
    rules.add(refused, "socket", Arg(0, GT, max(wanted)))
    for family in set(range(min(wanted), max(wanted))) - wanted:
        rules.add(refused, "socket", Arg(0, EQ, family))
    return rules


def namespaces():
    # The flags of clone3 can't be looked at: whoever calls it takes clone instead.
    rules = Filter().deny(["clone3"], UNKNOWN).deny(["setns"])
    for flag in CLONE_NEW:
        rules.add(DENIED, "unshare", has(0, flag))
        rules.add(DENIED, "clone", has(0, flag))
    return rules


def realtime():
    rules, fine = Filter(), {os.SCHED_OTHER, os.SCHED_BATCH, os.SCHED_IDLE}
    for policy in set(range(max(fine))) - fine:
        rules.add(DENIED, "sched_setscheduler", Arg(1, EQ, policy))
    rules.add(DENIED, "sched_setscheduler", Arg(1, GT, max(fine)))
    return rules


def suid_sgid():
    # Neither can those of openat2.
    rules = Filter().deny(["openat2"], UNKNOWN)
    for mode in (stat.S_ISUID, stat.S_ISGID):
        for call in ("chmod", "fchmod", "mkdir", "mknod", "creat"):
            rules.add(DENIED, call, has(1, mode))
        for call in ("fchmodat", "mkdirat", "mknodat"):
            rules.add(DENIED, call, has(2, mode))
        rules.add(DENIED, "open", has(1, os.O_CREAT), has(2, mode))
        rules.add(DENIED, "openat", has(2, os.O_CREAT), has(3, mode))
    return rules


def personality():
    rules = Filter()
    with open("/proc/self/personality", encoding="ascii") as file:
        rules.add(DENIED, "personality", Arg(0, NE, int(file.read(), 16)))
    return rules


def denied(*names):
    return lambda: Filter().deny(sorted(frozenset().union(*map(expanded, names))))


FILTERS = {
    "LockPersonality": personality,
    "MemoryDenyWriteExecute": write_execute,
    "ProtectClock": denied("@clock"),
    "ProtectHostname": denied("sethostname", "setdomainname"),
    "ProtectKernelLogs": denied("syslog"),
    "ProtectKernelModules": denied("@module"),
    "ProtectKernelTunables": denied("_sysctl"),
    "RestrictNamespaces": namespaces,
    "RestrictRealtime": realtime,
    "RestrictSUIDSGID": suid_sgid,
}


def settings(unit):
    """The values of each setting of the service, in their order."""
    found, section = {}, None
    with open(unit, encoding="utf-8") as file:
        for line in map(str.strip, file):
            if line.startswith("["):
                section = line
            elif section == "[Service]" and line and line[0] not in "#;":
                name, value = line.split("=", 1)
                found.setdefault(name, []).append(value)
    return found


def filters(service):
    """Those that the unit asks for. What is left of its settings was understood by nobody."""
    for name, values in service.items():
        if name in FILTERS and values == ["yes"]:
            yield FILTERS[name]()
        elif name == "RestrictAddressFamilies":
            yield address_families(" ".join(values).split())
        elif name == "SystemCallFilter" and service["SystemCallErrorNumber"] == ["EPERM"]:
            yield system_calls(values)
        elif (name, values) == ("SystemCallArchitectures", ["native"]):
            # Any filter of libseccomp ends a process that makes calls of another architecture.
            yield Filter()
        elif name == "UMask":
            os.umask(int(values[0], 8))
        elif name == "LimitNOFILE":
            most = min(int(values[0]), resource.getrlimit(resource.RLIMIT_NOFILE)[1])
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        # libseccomp has it with each filter.
        elif name not in (*BY_OTHER_MEANS, "NoNewPrivileges", "SystemCallErrorNumber"):
            sys.exit(f"what does {name}={values} forbid?")


def main():
    unit, *command = sys.argv[1:]
    # All are made before any is loaded: making them takes more than they allow.
    for each in list(filters(settings(unit))):
        each.load()
    os.execvp(command[0], command)


main()
