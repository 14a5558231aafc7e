"""Domain files that xl takes, with what it reads, and that it refuses, with the line: seen in Xen 4.17's own libxlutil.

tests/unit/core/test_xlcfg.py puts them to our reader, tests/xen/test_xlcfg.py to `xl create -n`. Bytes that are no
UTF-8 are written as Python's surrogateescape has them: \\udce9 is the byte E9.
"""

from __future__ import annotations

from typing import NamedTuple

from snow_ha_plugin.xlcfg import Settings


class Taken(NamedTuple):
    """A file, and the settings that xl reads from it."""

    text: str
    settings: Settings


class Refused(NamedTuple):
    """A file, and the line that xl cannot read."""

    text: str
    line: int


TAKEN = {
    "nothing": Taken("", {}),
    "comments": Taken("# one\n\n  # two\nx = 'a'  # three\n", {"x": "a"}),
    "no line end at the end": Taken("x = 'a'", {"x": "a"}),
    "several in a line": Taken("x=1;y='b';;\n\nz=[]", {"x": "1", "y": "b", "z": []}),
    "the last one counts": Taken("x=1\nx=2\n", {"x": "2"}),
    "numbers are strings": Taken("x = 512\ny = 0x1f\nz = 08\n", {"x": "512", "y": "0x1f", "z": "08"}),
    "dots in a name": Taken("a.b_c9 = 1\n", {"a.b_c9": "1"}),
    "a sign in a string": Taken("x = 'it # is; [no] = , sign'\n", {"x": "it # is; [no] = , sign"}),
    "other quotes": Taken("x = \"say 'hi'\"\ny = 'say \"hi\"'\n", {"x": "say 'hi'", "y": 'say "hi"'}),
    "escapes": Taken(r"x = 'it\'s a \\ \"\t\n'" + "\n", {"x": "it's a \\ \"\t\n"}),
    "a backslash before the quote": Taken("x = 'C:\\\\'\n", {"x": "C:\\"}),
    "an octal escape, which it forgets": Taken("x = 'a\\012b\\0345c'\n", {"x": "abc"}),
    "a list over lines": Taken("x = [ 'a', # one\n\n 'b'\n ,\n 'c',\n]\n", {"x": ["a", "b", "c"]}),
    "lists in lists": Taken(
        "x = [ [ 'pnode=0', 'size=512' ], [ 'pnode=1', [ 7 ] ], ]\n",
        {"x": [["pnode=0", "size=512"], ["pnode=1", ["7"]]]},
    ),
    "an empty list over lines": Taken("x = [\n\n]\n", {"x": []}),
    "a string that grows": Taken("x = 'a'\nx += \"b\"\nx += 3\n", {"x": "ab3"}),
    "a list that grows": Taken("x = [ 'a' ]\nx += [ 'b', 'c' ]\nx += []\n", {"x": ["a", "b", "c"]}),
    "growth from nothing": Taken("x += [ 'a' ]\n", {"x": ["a"]}),
    "after growth a new value": Taken("x = 'a'\nx += 'b'\nx = [ 'c' ]\n", {"x": ["c"]}),
    "line ends of Windows in comments": Taken("# one\r\nx = 1 # two\r\n", {"x": "1"}),
    "bytes in strings and comments": Taken(
        "# caf\udce9\nx = 'caf\udce9'\ny = 'café'\n", {"x": "caf\udce9", "y": "café"}
    ),
    "a stray character at the very end": Taken("x = 1\n@", {"x": "1"}),
    "the beginning of a comment at the very end": Taken("x = 1 #", {"x": "1"}),
    "disks in every form": Taken(
        "disk = [ 'phy:vg0/a,xvda,w', '/a.img,qcow2,xvdb', ',hdc:cdrom,r' ]\ndisk += [ 'vdev=xvdc,target=/b,c' ]\n",
        {"disk": ["phy:vg0/a,xvda,w", "/a.img,qcow2,xvdb", ",hdc:cdrom,r", "vdev=xvdc,target=/b,c"]},
    ),
}

REFUSED = {
    "no sign": Refused("x\n", 1),
    "no value": Refused("x =\n", 1),
    "no value in the third line": Refused("x = 1\n\ny = # none\n", 3),
    "no name": Refused("= 1\n", 1),
    "two signs": Refused("x == 1\n", 1),
    "two values": Refused("x = 'a' 'b'\n", 1),
    "two in a line": Refused("x = 1 y = 2\n", 1),
    "a word for a value": Refused("x = b\n", 1),
    "a sum": Refused("x = 1 + 1\n", 1),
    "a fraction": Refused("x = 1.5\n", 1),
    "a number below zero": Refused("x = -3\n", 1),
    "a unit": Refused("x = 12MB\n", 1),
    "capitals": Refused("x = 1\nMemory = 512\n", 2),
    "a name with an underscore in front": Refused("_x = 1\n", 1),
    "a name with a hyphen": Refused("x-y = 1\n", 1),
    "Python": Refused("import os\n", 1),
    "a call": Refused("x = open('/etc/passwd').read()\n", 1),
    "a string of three quotes": Refused("x = '''a'''\n", 1),
    "a string over two lines": Refused("x = 'a\nb'\n", 1),
    "a string that goes on behind a backslash": Refused("x = 'a\\\nb'\n", 1),
    "a line that goes on": Refused("x = \\\n 1\n", 1),
    "a string without an end": Refused("\n\nx = 'a\n", 3),
    "an unknown escape": Refused("x = 1\ny = '\\d'\n", 2),
    "a hexadecimal escape": Refused("x = '\\x41'\n", 1),
    "a short octal escape": Refused("x = '\\07'\n", 1),
    "a list without an end": Refused("x = [ 1,\n 2\n", 3),
    "a list that ends twice": Refused("x = [ 1 ] ]\n", 1),
    "a list with a hole": Refused("x = [ 1,\n , 2 ]\n", 2),
    "a list that begins with a comma": Refused("x = [ , ]\n", 1),
    "a list without commas": Refused("x = [ 'a'\n 'b' ]\n", 2),
    "a semicolon in a list": Refused("x = [ 1; 2 ]\n", 1),
    "a list and a string": Refused("x = [ 1 ]\nx += 'a'\n", 2),
    "a string and a list": Refused("x = 'a'\nx += [ 1 ]\n", 2),
    "line ends of Windows": Refused("x = 1\r\ny = 2\r\n", 1),
    "a form feed": Refused("x = 1\n\x0cy = 2\n", 2),
    "a letter with an accent": Refused("x = é\n", 1),
    "a byte outside of strings": Refused("x = \udce9\n", 1),
    "a comment that the file ends with": Refused("x = 1\n# the end", 2),
}

# What xl makes of lines of `disk`: target, format, vdev and script.
DISKS = {
    "phy:/dev/vg0/a,xvda,w": ("/dev/vg0/a", "raw", "xvda", ""),
    "phy:vg0/a,xvda,w": ("vg0/a", "raw", "xvda", ""),
    "file:/a.img,xvda,w": ("/a.img", "raw", "xvda", ""),
    "tap:aio:/a.img,xvda,w": ("/a.img", "raw", "xvda", ""),
    "tap2:tapdisk:aio:/a.img,xvda,w": ("/a.img", "raw", "xvda", ""),
    "tap:qcow2:/a.img,xvda,w": ("/a.img", "qcow2", "xvda", ""),
    "qcow:/a.img,xvda": ("/a.img", "qcow", "xvda", ""),
    "vhd:/a.vhd,xvda,w": ("/a.vhd", "vhd", "xvda", ""),
    "drbd:web01,xvda,w": ("web01", "raw", "xvda", "block-drbd"),
    "iscsi:iqn.2001-05.com.example:0,xvda,w": ("iqn.2001-05.com.example:0", "raw", "xvda", "block-iscsi"),
    "/a.img,raw,xvda,rw": ("/a.img", "raw", "xvda", ""),
    "/a.img,,xvda": ("/a.img", "raw", "xvda", ""),
    " /a.img, qcow2, xvda, ro": ("/a.img", "qcow2", "xvda", ""),
    "/a.iso,,hdc,cdrom": ("/a.iso", "raw", "hdc", ""),
    "/a.iso,raw,hdc:cdrom,r": ("/a.iso", "raw", "hdc", ""),
    "format=raw, vdev=xvda, access=rw, target=/dev/vg/a": ("/dev/vg/a", "raw", "xvda", ""),
    "/a.img,vdev=xvda,format=qcow2,w": ("/a.img", "qcow2", "xvda", ""),
    "vdev=xvda,target=/a,b c=d ": ("/a,b c=d ", "raw", "xvda", ""),
    "vdev=xvda,backendtype=qdisk,target=rbd:pool/a:id=xen": ("rbd:pool/a:id=xen", "raw", "xvda", ""),
    "rbd:pool/a,raw,xvda,rw": ("rbd:pool/a", "raw", "xvda", ""),
    "script=block-nbd,vdev=xvda,target=nbd://nas/a": ("nbd://nas/a", "raw", "xvda", "block-nbd"),
    "script=/opt/san,vdev=xvda,target=/lun/7": ("/lun/7", "raw", "xvda", "/opt/san"),
    ",hdc:cdrom,r": ("", "empty", "hdc", ""),
    ",,hdc,cdrom": ("", "empty", "hdc", ""),
    "vdev=hdc,devtype=cdrom": ("", "empty", "hdc", ""),
    "/a.img,raw,xvda,w,discard,direct-io-safe": ("/a.img", "raw", "xvda", ""),
}

REFUSED_DISKS = (
    "", "/a.img", "/a.img,raw", "vdev=xvda", "/a.img,zip,xvda", "/a.img,raw,xvda,x", "/a.img,raw,xvda,w,more",
    "/a.img,raw,xvda:tape,w", "nfs:/a.img,xvda,w", "foo:,raw,xvda", "vdev=xvda,vdev=xvdb,target=/a",
    "/a.img,raw,xvda,target=/b.img", "qcow2:/a.img,xvda,format=raw", "/a.img,raw,xvda,backendtype=file",
    "/a.img,raw,xvda,devtype=tape", "vdev=xvda,/a b:c=d",
)  # fmt: skip
