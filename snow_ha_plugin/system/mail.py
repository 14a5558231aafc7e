"""Mail by what the server has for it: sendmail(8) of any mail server, or mail(1)."""

from __future__ import annotations

from snow_ha_plugin.errors import UnavailableError
from snow_ha_plugin.system import command

# In the order in which they are looked for.
PROGRAMS = ("sendmail", "mail")

# It only queues; a mail server that is not there is none of its business.
TIMEOUT_S = 60


def send(to: str, subject: str, text: str) -> None:
    """`to`: addresses with commas between them. UnavailableError where it is not taken."""
    program = next(filter(command.is_installed, PROGRAMS), None)
    if program is None:
        raise UnavailableError(f"no mail goes to {to}", "there is neither sendmail nor mail", "apt install postfix")
    if program == "sendmail":
        argv, text = ["sendmail", "-t", "-i"], f"To: {to}\nSubject: {subject}\n\n{text}"
    else:
        argv = ["mail", "-s", subject, *to.split(",")]
    result = command.run(argv, stdin=text.encode(), timeout_s=TIMEOUT_S)
    if not result.ok:
        raise UnavailableError(f"no mail goes to {to}", f"{program}: {result.reason}", "see the log of the mail server")
