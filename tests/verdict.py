"""What HAProxy says of a configuration, without what it says of the machine that it runs on.

3.4 measures how long a password's hash takes, and warns where the process was put aside meanwhile; whatever it warns of, it says first which HAProxy it is."""
import re

MACHINE = re.compile(r"the hash algorithm used for this password takes|\[NOTICE\].*(haproxy version is|path to executable)")


def of_configuration(said):
    return "\n".join(line for line in said.split("\n") if not MACHINE.search(line))
