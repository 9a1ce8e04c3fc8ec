"""An agent that is an ordinary user's, started by root."""

import os
import pwd

from tests.acceptance.conftest import Deployment

#: An ordinary user that reads whatever the tests' interpreter needs, wherever that is.
_HUMBLE = (
    *("setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"),
    *("--inh-caps", "-all,+dac_read_search", "--ambient-caps", "-all,+dac_read_search"),
    *("--bounding-set", "-all,+dac_read_search"),
)


def humble(bare: Deployment, name: str) -> None:
    """A member whose agent is an ordinary user's."""
    bare.join(name, bare.token())
    nobody = pwd.getpwnam("nobody")
    for path in (bare.root / name, *(bare.root / name).iterdir()):
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
    bare.agent_by(name, *_HUMBLE)
