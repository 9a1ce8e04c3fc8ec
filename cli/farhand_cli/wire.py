"""The messages of farhand.v1, each file of them loaded when it is first used.

Help and completion need no message, and protobuf takes longer to load than they do.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farhand_wire.v1 import account_pb2 as account
    from farhand_wire.v1 import asset_pb2 as asset
    from farhand_wire.v1 import delivery_pb2 as delivery
    from farhand_wire.v1 import hybrid_worker_group_pb2 as hybrid_worker_group
    from farhand_wire.v1 import hybrid_worker_pb2 as hybrid_worker
    from farhand_wire.v1 import job_pb2 as job
    from farhand_wire.v1 import runbook_pb2 as runbook

    __all__ = [
        "account",
        "asset",
        "delivery",
        "hybrid_worker",
        "hybrid_worker_group",
        "job",
        "runbook",
    ]
else:

    def __getattr__(name):
        from importlib import import_module

        try:
            return import_module(f"farhand_wire.v1.{name}_pb2")
        except ModuleNotFoundError as error:
            raise AttributeError(name) from error
