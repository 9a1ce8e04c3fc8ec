"""The rules of the control plane: no gRPC, no SQL, no clock, no threads."""

from farhand_server.core.core import Core
from farhand_server.core.patience import Patience

__all__ = ["Core", "Patience"]
