"""What domains may use of the processors of servers, and the mask that leaves to all what all servers have.

A domain is given the features of the server that it starts on, and keeps them when it migrates. Sources: xen-cpuid of
Xen 4.17 and xl.cfg(5), cpuid, whose list names a register as `0x00000007,0:ebx=`, with a character for each bit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from snow_ha_plugin.core.reports.text import in_words
from snow_ha_plugin.model import Domain, Finding, Processors, Severity

# What guests are given where their files do not ask for more (xen-cpuid, below "Dynamic sets:").
_GIVEN = ("PV Default", "HVM Default")
_SET = re.compile(r"(\S.*?) +((?:[0-9a-f]{8}:)*[0-9a-f]{8})$")
# Other words are of MSRs.
_WORD = re.compile(r" +\[(\d+)\] (?:CPUID )?(0x[0-9a-f]{8})(?::([0-9a-f]))?\.(e[a-d]x)(.*)$")
_MASKED = re.compile(r"(e[a-d]x)=([01xks]{32})")

# More than these are counted.
MOST_NAMES = 8

# A register as xl names it, and a bit of it.
Bit = tuple[str, int]


def parse(text: str) -> Processors:
    """The dynamic sets that `xen-cpuid --detail` tells; nothing of what it does not tell of."""
    features: dict[Bit, str] = {}
    leaves: list[set[str]] = []
    words: list[int] = []
    for line in text.splitlines():
        if found := _SET.match(line):
            is_given = found[1] in _GIVEN
            words = [int(word, 16) for word in found[2].split(":")] if is_given else []
            leaves += [set()] if is_given else []
        elif (found := _WORD.match(line)) and int(found[1]) < len(words):
            word = words[int(found[1])]
            leaf = f"{found[2]},{found[3]}" if found[3] else found[2]
            bits = [bit for bit in range(32) if word >> bit & 1]
            features |= {(f"{leaf}:{found[4]}", bit): name for bit, name in zip(bits, found[5].split(), strict=False)}
            if word:
                leaves[-1].add(leaf)
    return Processors(features, frozenset(set.intersection(*leaves) if leaves else ()))


def findings(servers: Mapping[str, Processors], domains: Iterable[Domain]) -> Iterator[Finding]:
    """Of servers whose processors differ in what domains are given, and the domains that may use what one lacks."""
    differing = _differing(servers.values())
    # xl does not start a domain with a mask of a leaf that the server lacks.
    leaves = frozenset.intersection(*(found.leaves for found in servers.values()))
    maskable = {bit for bit in differing if bit[0].partition(":")[0] in leaves}
    lacking = [domain.name for domain in domains if not maskable <= _hidden(domain.cpuid)]
    bare = differing.keys() - maskable
    if not differing or not (lacking or bare):
        return
    names = in_words(sorted(set(differing.values())), MOST_NAMES)
    message = f"the processors of {in_words(servers)} differ ({names}): a domain may not survive a live migration"
    remedies = []
    if maskable and lacking:
        which = in_words(lacking, MOST_NAMES)
        remedies.append(f"in the domain files of {which}, which then are started anew: cpuid = [ {mask(maskable)} ]")
    if bare:
        names = in_words(sorted({differing[bit] for bit in bare}), MOST_NAMES)
        remedies.append(f"nothing hides {names}: from where there is that, a domain is to be restarted, not migrated")
    yield Finding(Severity.WARNING, "processors-differ", message, "; ".join(remedies), subject=" ".join(servers))


def mask(bits: Iterable[Bit]) -> str:
    """What stands in the list `cpuid` of a domain file that hides these bits."""
    registers: dict[str, set[int]] = {}
    for register, bit in sorted(bits):
        registers.setdefault(register, set()).add(bit)
    leaves: dict[str, list[str]] = {}
    for register, hidden in registers.items():
        leaf, _, name = register.partition(":")
        shown = "".join("0" if bit in hidden else "x" for bit in range(31, -1, -1))
        leaves.setdefault(leaf, []).append(f"{name}={shown}")
    return ", ".join(f'"{leaf}:{",".join(shown)}"' for leaf, shown in leaves.items())


def _differing(servers: Iterable[Processors]) -> dict[Bit, str]:
    everything = [found.features for found in servers]
    return {
        bit: name
        for found in everything
        for bit, name in found.items()
        if any(bit not in other for other in everything)
    }


def _hidden(lines: Iterable[str]) -> set[Bit]:
    """The bits that a domain is not given, by the list in its file."""
    found = set()
    for line in lines:
        leaf, _, registers = line.partition(":")
        try:
            numbers = [int(number, 0) for number in leaf.split(",")]
        except ValueError:
            continue
        named = ",".join([f"0x{numbers[0]:08x}", *(str(number) for number in numbers[1:])])
        for name, shown in _MASKED.findall(registers):
            found |= {(f"{named}:{name}", 31 - at) for at, character in enumerate(shown) if character == "0"}
    return found
