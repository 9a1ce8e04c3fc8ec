"""The heart: events in, one transaction a batch, commit, effects out; and the output beside it.

`Engine` runs the rules on one thread. `OutputDesk` and `OutputWriter` take the bytes of jobs past
it, on the loop and on a second thread, so that a flood of output never delays a decision.
"""

from farhand_server.engine.desk import OutputDesk
from farhand_server.engine.engine import Engine
from farhand_server.engine.mailbox import Mailbox
from farhand_server.engine.switchboard import Switchboard

__all__ = ["Engine", "Mailbox", "OutputDesk", "Switchboard"]
