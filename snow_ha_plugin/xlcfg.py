"""What xl reads in a domain file (xl.cfg(5)) and in the lines of its lists: one reader for the agent and the plugin.

The grammar is that of Xen's tools/libs/util/libxlu_cfg_l.l and _y.y, the same in 4.17 and 4.20, and disk lines are
read as libxlu_disk_l.l reads them. Nothing is evaluated. What xl refuses is refused, with the line; what it does with
odd input was seen in its own libxlutil 4.17. Imports nothing but where a guest is asked, and is one file, longer than
others: the agent pays for each in every probe and start.

A value is a string or a list of values. Numbers are strings: to xl, `memory = 512` and `memory = "512"` are the same.
Text keeps bytes that are no UTF-8 (surrogateescape, as os.fsencode undoes it).
"""

Value = str | list["Value"]
Settings = dict[str, Value]

# Lists in lists: xl's vnuma has two levels. xl itself takes thousands, and Python's repr() does not.
_DEPTH = 100

# A token's kind is what it is; of these two there is a text as well.
NAME, ATOM, END = "a name", "a value", "the end of the file"

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_DIGITS = "0123456789"
_ESCAPES = dict(zip("abfnrtv\\'\"", "\a\b\f\n\r\t\v\\'\"", strict=True))


class BadFile(ValueError):
    """A text that xl would refuse, and where: `line` counts from 1."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(f"line {line}: {what}")
        self.line = line


class BadLine(ValueError):
    """A line of a list of disks that xl would refuse."""


def read(path: str) -> str:
    """The text of a file as `settings` wants it: any bytes, and no line end changed; OSError if it cannot be read."""
    with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as file:  # noqa: PTH123 (costs)
        return file.read()


def settings(text: str) -> Settings:
    """What a domain file sets; of a setting that comes twice the last one counts. BadFile if xl would refuse it."""
    found: Settings = {}
    tokens = Tokens(text)
    while (kind := tokens.next()) != END:
        if kind in "\n;":
            continue
        key = tokens.text
        if kind != NAME:
            raise tokens.unexpected("a setting")
        sign = tokens.next()
        if sign not in ("=", "+="):
            raise tokens.unexpected(f"'=' after {key!r}")
        value = _value(tokens, key)
        if sign == "+=" and key in found:
            value = _sum(found[key], value, tokens.line)
        found[key] = value
        if tokens.next() not in ("\n", ";", END):
            raise tokens.unexpected(f"nothing behind the value of {key!r}")
    return found


def lines(found: Settings, key: str) -> list[str]:
    """The strings of a list, such as `disk` or `vif`, up to the first item that is none, as xl reads them."""
    value = found.get(key)
    strings: list[str] = []
    for item in value if isinstance(value, list) else ():
        if not isinstance(item, str):
            break
        strings.append(item)
    return strings


def vif(line: str) -> dict[str, str]:
    """The settings of one line of `vif` (xl-network-configuration(5)); of one that comes twice the last one counts."""
    pairs = (token.lstrip(" ").partition("=") for token in line.split(","))
    return {key: value for key, sign, value in pairs if sign}


def addresses(settings: Settings) -> list[str]:
    """The addresses of a domain's interfaces at which its guest can be asked. `ip` of a vif is what Xen's scripts
    filter by: a list of addresses, each perhaps with a prefix, networks, or a word such as dhcp."""
    import ipaddress  # Only who asks a guest pays for it.

    found = []
    for line in lines(settings, "vif"):
        for text in vif(line).get("ip", "").split():
            try:
                interface = ipaddress.ip_interface(text)
            except ValueError:
                continue
            network, address = interface.network, interface.ip
            is_network = network.num_addresses > 2 and address in (network.network_address, network.broadcast_address)
            if not (is_network or address.is_unspecified or address.is_multicast or address.is_link_local):
                found.append(str(address))
    return found


# Of this package: it makes a device of a file.
BLOCK_SCRIPT = "block-snow"


class Disk:
    """One line of `disk` (xl-disk-configuration(5)).

    target: as it is written. format: raw, qcow, qcow2, vhd, qed or empty. backend: the domain that serves it, "" for
    Domain-0. backendtype: phy, qdisk, standalone, tap, or "" where xl chooses. script: of /etc/xen/scripts, or a path.
    others: the words that say something else, such as direct-io-safe, or what a later xl reads.
    """

    def __init__(self) -> None:
        self.target = self.format = self.vdev = self.access = self.backend = self.backendtype = self.script = ""
        self.is_cdrom = False
        self.others: tuple[str, ...] = ()

    @property
    def is_raw(self) -> bool:
        """Whether others than QEMU can read it."""
        return self.format in ("", "raw")

    @property
    def wants_aio(self) -> bool:
        """Whether QEMU serves it, and is to write past the page cache: it then takes aio=native (hw/block/xen-block.c).

        Of a raw file xl makes a loop device itself, unless the line says qdisk: direct-io-safe means nothing to that.
        """
        return (self.backendtype == "qdisk" or not self.is_raw) and "direct-io-safe" in self.others

    @property
    def is_direct(self) -> bool:
        """Whether what it writes goes past the page cache of Domain-0, as far as the line decides that."""
        return self.script == BLOCK_SCRIPT or self.wants_aio

    @property
    def path(self) -> str:
        """The file or device that Domain-0 must have for it, absolute; "" where it is none.

        None are: what another script than ours makes of its target, what another domain serves, an empty drive, and
        what QEMU takes for a protocol, such as rbd:POOL/IMAGE: a colon before any slash.
        """
        before_slash = self.target.partition("/")[0]
        is_made = self.script not in ("", BLOCK_SCRIPT)
        elsewhere = self.backend not in ("", "0", "Domain-0")
        if not self.target or self.format == "empty" or is_made or elsewhere or ":" in before_slash:
            return ""
        return self.target if self.target.startswith("/") else "/dev/" + self.target


_KEYS = ("format", "vdev", "access", "backend", "backendtype", "script")
# Of those that are words: which there are.
_WORDS = {
    "format": ("raw", "qcow", "qcow2", "vhd", "qed", "empty"),
    "access": ("r", "ro", "w", "rw", ""),
    "backendtype": ("phy", "tap", "qdisk", "standalone"),
}
_FLAGS = ("cdrom", "direct-io-safe", "discard", "no-discard", "colo", "no-colo", "trusted", "untrusted")
# What xm wanted before a target: of some xl takes the format, of some the script, the others mean nothing to it.
_FORMAT_PREFIXES = ("raw", "qcow", "qcow2", "vhd")
_SCRIPT_PREFIXES = ("iscsi", "nbd", "enbd", "drbd")
_PREFIXES = (*_FORMAT_PREFIXES, *_SCRIPT_PREFIXES, "tapdisk", "tap", "tap2", "aio", "ioemu", "file", "phy")


def disk(line: str) -> Disk:
    """A disk as xl reads its line: BadLine if it refuses it. But a `key=value` of a later xl is skipped.

    What has no key is target, format, vdev and access, in this order, without those that the line has named before;
    a deprecated prefix (`phy:`, `tap:aio:`, `qcow2:`) before the target takes the format's place.
    """
    found, given = Disk(), set()
    rest = line.lstrip(" \t\n")
    while rest:
        word, _, after = rest.partition(",")
        prefix, colon, behind = rest.partition(":")
        key, sign, value = word.partition("=")
        if key == "target" and sign:
            _put(found, key, rest.removeprefix("target=").removesuffix(","))
            given.add(key)
            break
        if colon and prefix in _PREFIXES:
            given.add("prefix")
            if prefix in _FORMAT_PREFIXES:
                _put(found, "format", prefix)
            elif prefix in _SCRIPT_PREFIXES:
                _put(found, "script", f"block-{prefix}")
            after = behind
        elif colon and _is_name(prefix) and not _is_name("a" + (behind[:1] or " ")):
            raise BadLine(f"no disk has a prefix {prefix}:")
        elif sign and key == "devtype":
            _be_of_type(found, value)
        elif sign and key in _KEYS:
            _put(found, key, value)
            given.add(key)
        elif word in _FLAGS:
            found.is_cdrom |= word == "cdrom"
            if word != "cdrom":
                found.others += (word,)
        elif not sign:
            _take(found, given, word)
        elif not _is_name(key.replace("-", "").replace("_", "")):
            raise BadLine(f"{word!r} is no parameter")
        else:
            found.others += (word,)
        rest = after.lstrip(" \t\n")
    if not found.vdev:
        raise BadLine("it names no device of the guest (vdev)")
    if "target" not in given and not found.is_cdrom:
        raise BadLine("it names no target")
    if found.is_cdrom and not found.target:
        found.format = "empty"
    return found


def _take(found: Disk, given: set[str], word: str) -> None:
    """Take a parameter without a key for the first that `given` lacks."""
    device, colon, devtype = word.rpartition(":")
    is_empty_drive = "target" in given and not found.target and colon
    if "target" not in given:
        given.add("target")
        found.target = word
    elif "prefix" not in given and not found.format and not is_empty_drive:
        _put(found, "format", word)
    elif "vdev" not in given:
        given.add("vdev")
        _put(found, "vdev", device if colon else word)
        if colon:
            _be_of_type(found, devtype)
        if not found.format and "prefix" not in given:
            found.format = "empty"
    elif "access by place" not in given:
        given.add("access by place")
        _put(found, "access", word)
    else:
        raise BadLine(f"{word!r} is one parameter too many")


def _put(found: Disk, key: str, value: str) -> None:
    """Set what a line sets once only."""
    if key == "format":
        value = value or "raw"
    if value not in _WORDS.get(key, (value,)):
        raise BadLine(f"{value!r} is no {key}")
    present = getattr(found, key)
    if present and key != "access" and (present != value or key not in _WORDS):
        raise BadLine(f"{key} comes twice")
    setattr(found, key, value)


def _be_of_type(found: Disk, devtype: str) -> None:
    if devtype not in ("cdrom", "disk"):
        raise BadLine(f"no disk is of type {devtype!r}")
    found.is_cdrom = devtype == "cdrom"


def _is_name(text: str) -> bool:
    """Whether it is small letters and digits, a letter first."""
    return bool(text) and text[0] in _LETTERS and not text.strip(_LETTERS + _DIGITS)


# the grammar


def _value(tokens: "Tokens", key: str) -> Value:
    """The value that comes next; a list goes on over line ends, and may have a comma behind its last value."""
    kind = tokens.next()
    if kind == ATOM:
        return tokens.text
    if kind != "[":
        raise tokens.unexpected(f"a value of {key!r}")
    # The lists that are open, outermost first; and whether there is a value that the next must have a comma before.
    open_lists: list[list[Value]] = [[]]
    is_behind_value = False
    while True:
        kind = tokens.next()
        if kind == "]":
            done = open_lists.pop()
            if not open_lists:
                return done
            open_lists[-1].append(done)
            is_behind_value = True
        elif kind == "," and is_behind_value:
            is_behind_value = False
        elif kind == ATOM and not is_behind_value:
            open_lists[-1].append(tokens.text)
            is_behind_value = True
        elif kind == "[" and not is_behind_value:
            if len(open_lists) == _DEPTH:
                raise BadFile(tokens.line, f"the lists of {key!r} are nested too deeply")
            open_lists.append([])
        elif kind != "\n":
            raise tokens.unexpected(f"{'a comma' if is_behind_value else 'a value'} or ] in the list of {key!r}")


def _sum(present: Value, more: Value, line: int) -> Value:
    """What += makes of two values."""
    if isinstance(present, str) and isinstance(more, str):
        return present + more
    if isinstance(present, list) and isinstance(more, list):
        return present + more
    raise BadFile(line, "+= adds a list to a string, or a string to a list")


class Tokens:
    """The tokens of a text: `next()` tells the kind, `text` is that of a name or value.

    It stands in `line`, counted from 1, from `start` to `end`, quotes included.
    """

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self.end = 0
        self.text, self.line, self._kind = "", 1, ""
        self.start = 0

    def unexpected(self, wanted: str) -> BadFile:
        """That the last token is not what was wanted."""
        shown = {NAME: repr(self.text[:20]), ATOM: repr(self.text[:20]), "\n": "the line ends", END: "the file ends"}
        return BadFile(self.line, f"{shown.get(self._kind, repr(self._kind))} where {wanted} was expected")

    def next(self) -> str:
        if self._kind == "\n":
            self.line, self.end = self.line + 1, 0
        self._kind = self._scan(self._lines[self.line - 1])
        return self._kind

    def _scan(self, line: str) -> str:
        is_last = self.line == len(self._lines)
        rest = line[self.end :].lstrip(" \t")
        sign = rest[:1]
        # In the last line xl takes a comment for an error, and does not hear of a single stray character at the end.
        if not rest or (sign == "#" and not is_last) or (is_last and len(rest) == 1 and self._is_stray(sign)):
            self.end = len(line)
            return END if is_last else "\n"
        self.start = self.end = len(line) - len(rest)
        if sign in _LETTERS:
            return self._word(rest, _LETTERS + _DIGITS + "._", NAME)
        if sign in _DIGITS:
            return self._word(rest, _DIGITS + "abcdefx", ATOM)
        if sign in "'\"":
            return self._string(rest, sign)
        kind = "+=" if rest.startswith("+=") else sign
        if kind not in ("=", "+=", ",", "[", "]", ";"):
            raise BadFile(self.line, f"xl cannot read {rest[:20]!r}")
        self.end += len(kind)
        return kind

    def _is_stray(self, sign: str) -> bool:
        return sign.isascii() and sign not in _LETTERS + _DIGITS + "=,[];"

    def _word(self, rest: str, characters: str, kind: str) -> str:
        self.text = rest[: len(rest) - len(rest.lstrip(characters))]
        self.end += len(self.text)
        return kind

    def _string(self, rest: str, quote: str) -> str:
        end = rest.find(quote, 1)
        while end > 0 and (end - len(rest[:end].rstrip("\\"))) % 2:
            end = rest.find(quote, end + 1)
        if end < 0 or "\0" in rest[:end]:
            raise BadFile(self.line, f"the string {rest[:20]!r} does not end")
        self.text = rest[1:end]
        if "\\" in self.text:
            self.text = self._without_escapes(self.text)
        self.end += end + 1
        return ATOM

    def _without_escapes(self, text: str) -> str:
        before, sign, after = text.partition("\\")
        parts = [before]
        while sign:
            # xl takes a number in octal, reads its digits but the first, and forgets it.
            digits = 1 + len(after[1:4]) - len(after[1:4].lstrip(_DIGITS))
            if after[0] in "01234567" and digits > 2:
                after = after[digits:]
            elif after[0] in _ESCAPES:
                parts.append(_ESCAPES[after[0]])
                after = after[1:]
            else:
                raise BadFile(self.line, f"xl does not know the escape \\{after[0]} in a string")
            before, sign, after = after.partition("\\")
            parts.append(before)
        return "".join(parts)
