#!/usr/bin/python3 -IS
"""Called by the IPMI simulator as its chassis_control: asks the chassis whose socket is the first word.

`get power` prints `power:1` or `power:0`; `set power 0|1` switches.
"""

import socket
import sys

socket_path, do, what, *value = sys.argv[1:]
if what not in ("power", "reset"):
    sys.exit(f"{what}: this chassis has none")
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as chassis:
    chassis.connect(socket_path)
    chassis.send(" ".join(["bmc", do, what, *value[:1]]).encode())
    result, _, answer = chassis.recv(4096).decode().partition(" ")
if result != "ok":
    sys.exit(answer)
if do == "get":
    print(f"{what}:{answer}")
