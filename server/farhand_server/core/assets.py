"""Assets: made, changed and deleted by operators; their secrets are sealed before they are kept."""

import json
from dataclasses import replace

from farhand_server.core import events as on
from farhand_server.core.context import Context
from farhand_server.core.effects import Answer, Effect
from farhand_server.declared.values import as_text
from farhand_server.errors import (
    AssetExists,
    AssetNotFound,
    AssetUnreadable,
    InUse,
    InvalidRequest,
    StartError,
    Violation,
)
from farhand_server.model.asset import Asset, AssetKind
from farhand_server.model.identifiers import AccountId
from farhand_server.model.parameter import Json
from farhand_wire import limits


def create(event: on.CreateAsset, ctx: Context) -> list[Effect]:
    """Makes one under a name that no other of its kind has."""
    if ctx.tx.asset(event.by.account, event.kind, event.name) is not None:
        raise AssetExists(
            f'{event.kind.value} "{event.name}" exists already',
            do=f"change it: farhand {event.kind.value} set {event.name}",
        )
    made = Asset(
        account=event.by.account,
        kind=event.kind,
        name=event.name,
        description=event.description or "",
        encrypted=event.encrypted,
        created=ctx.now.unix_ms,
        modified=ctx.now.unix_ms,
    )
    return _save(_filled(made, event, ctx), event, ctx)


def update(event: on.UpdateAsset, ctx: Context) -> list[Effect]:
    """Changes what is given; jobs that run read it as it is from now on."""
    known = find(event.by.account, event.kind, event.name, ctx)
    changed = replace(
        known,
        description=known.description if event.description is None else event.description,
        version=known.version + 1,
        modified=ctx.now.unix_ms,
    )
    return _save(_filled(changed, event, ctx), event, ctx)


def _save(asset: Asset, event: on.Call, ctx: Context) -> list[Effect]:
    ctx.tx.save_asset(asset)
    return [Answer(call=event.call, value=asset)]


def _filled(asset: Asset, event: on.CreateAsset | on.UpdateAsset, ctx: Context) -> Asset:
    """With the values that were given, and with the secrets, if there are any, as a whole."""
    values, secrets = event.values, event.secrets
    if asset.encrypted and values is not None:
        values, secrets = {}, values
    if values is not None:
        asset = replace(asset, values={**asset.values, **values})
    if secrets is None:
        return asset
    sealed = ctx.vault.seal(as_text(dict(secrets)), asset.place) if secrets else None
    return replace(asset, sealed=sealed, secrets=tuple(sorted(secrets)))


def with_value(asset: Asset, value: Json, ctx: Context) -> Asset:
    """A variable as a job sets it. Raises InvalidRequest if the value is too long."""
    text = as_text(value)
    if len(text) > limits.VARIABLE_CHARACTERS:
        problem = f"holds {len(text):,} characters as JSON; {limits.VARIABLE_CHARACTERS:,} fit"
        raise InvalidRequest([Violation(field="value", problem=problem)])
    changed = replace(asset, version=asset.version + 1, modified=ctx.now.unix_ms)
    if asset.encrypted:
        return replace(changed, sealed=ctx.vault.seal(as_text({"value": value}), asset.place))
    return replace(changed, values={**asset.values, "value": value})


def secrets(asset: Asset, ctx: Context) -> dict[str, Json]:
    """What is sealed of it, in clear."""
    if asset.sealed is None:
        return {}
    try:
        opened: dict[str, Json] = json.loads(ctx.vault.open(asset.sealed, asset.place))
    except StartError as error:
        raise AssetUnreadable(str(error), do="set it again") from error
    return opened


def delete(event: on.DeleteAsset, ctx: Context) -> list[Effect]:
    """No job can read it any more. Refused while a group runs its jobs as this credential's user:
    they must not become those of another one."""
    known = find(event.by.account, event.kind, event.name, ctx)
    if event.kind is AssetKind.CREDENTIAL:
        _check_no_group_runs_as(known, ctx)
    ctx.tx.delete_asset(known)
    return [Answer(call=event.call, value=None)]


def _check_no_group_runs_as(credential: Asset, ctx: Context) -> None:
    groups = ctx.tx.groups_that_run_as(credential.account, credential.name)
    if groups:
        names = ", ".join(group.name for group in groups[:3])
        more = f" and {len(groups) - 3} more" if len(groups) > 3 else ""
        raise InUse(
            f'credential "{credential.name}" is in use',
            why=f"jobs of these hybrid worker groups run as its user: {names}{more}",
            do=f"first: farhand group set {groups[0].name} --run-as-default",
        )


def find(account: AccountId, kind: AssetKind, name: str, ctx: Context) -> Asset:
    """Raises AssetNotFound."""
    asset = ctx.tx.asset(account, kind, name)
    if asset is None:
        raise AssetNotFound(f'no {kind.value} "{name}"', do=f"see: farhand {kind.value} list")
    return asset
