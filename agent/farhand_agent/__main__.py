"""`farhand-agent`: one command in, one exit status out."""

import os
import sys
from collections.abc import Sequence

from farhand_agent import commands
from farhand_agent.errors import AgentError
from farhand_agent.settings import parse

#: 0 done, 1 failed, 2 usage, 3 failed for good: do not start again.
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command."""
    # Read when grpc is imported, which is later: with fork support its handlers crash children, and
    # its own log lines are not for people.
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    asked = parse(sys.argv[1:] if argv is None else argv, os.environ)
    try:
        return commands.COMMANDS[asked.command](asked)
    except AgentError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
