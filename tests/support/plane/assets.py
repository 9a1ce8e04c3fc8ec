"""The fake control plane's assets: every kind alike."""

import re
from collections.abc import Callable
from typing import Any

import grpc
from tests.support.plane.ledger import Ledger

from farhand_wire.v1 import asset_pb2

_METHOD = re.compile(
    r"(Create|Get|List|Update|Delete)(Variable|Credential|Certificate|Connection)s?"
)


class AssetService:
    """Answers the methods of every kind; keeps what it was given, without secrets."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def __getattr__(self, method: str) -> Callable[[Any, Any], Any]:
        found = _METHOD.fullmatch(method)
        if found is None:
            raise AttributeError(method)
        verb, kind = found.groups()
        act = getattr(self, f"_{verb.lower()}")

        def answer(request: Any, context: Any) -> Any:
            self._ledger.admit(method, request, context)
            known = self._ledger.assets.setdefault(kind.lower(), {})
            made = getattr(asset_pb2, f"{method}Response")()
            act(request, context, kind, known, made)
            return made

        return answer

    def _create(
        self, request: Any, context: Any, kind: str, known: dict[str, Any], answer: Any
    ) -> None:
        asset = self._asset(request, kind)
        if asset.name in known:
            context.abort(grpc.StatusCode.ALREADY_EXISTS, f'{kind.lower()} "{asset.name}" exists')
        known[asset.name] = asset
        self._put(answer, kind, asset)

    def _get(
        self, request: Any, context: Any, kind: str, known: dict[str, Any], answer: Any
    ) -> None:
        self._put(answer, kind, self._ledger.found(known, request.name, context))

    def _list(
        self, request: Any, context: Any, kind: str, known: dict[str, Any], answer: Any
    ) -> None:
        """One a page."""
        names = sorted(known)
        begin = int(request.page_token or 0)
        getattr(answer, f"{kind.lower()}s").extend(known[name] for name in names[begin : begin + 1])
        answer.next_page_token = str(begin + 1) if len(names) > begin + 1 else ""

    def _update(
        self, request: Any, context: Any, kind: str, known: dict[str, Any], answer: Any
    ) -> None:
        wanted = self._asset(request, kind)
        asset = self._ledger.found(known, wanted.name, context)
        for path in request.update_mask.paths:
            if path not in ("password", "content", "secret_fields"):
                asset.ClearField(path)
                only = type(asset)()
                only.CopyFrom(wanted)
                for field in only.DESCRIPTOR.fields:
                    if field.name != path:
                        only.ClearField(field.name)
                asset.MergeFrom(only)
        self._put(answer, kind, asset)

    def _delete(
        self, request: Any, context: Any, kind: str, known: dict[str, Any], answer: Any
    ) -> None:
        self._ledger.found(known, request.name, context)
        del known[request.name]

    def _asset(self, request: Any, kind: str) -> Any:
        """What a request holds of an asset."""
        if kind == "Certificate":
            return asset_pb2.Certificate(
                name=request.name, description=request.description, exportable=request.exportable
            )
        asset = getattr(asset_pb2, kind)()
        asset.CopyFrom(getattr(request, kind.lower()))
        if getattr(asset, "encrypted", False):
            asset.ClearField("value")
        if kind == "Connection":
            asset.secret_fields.extend(request.secret_fields)
        return asset

    def _put(self, answer: Any, kind: str, asset: Any) -> None:
        getattr(answer, kind.lower()).CopyFrom(asset)
