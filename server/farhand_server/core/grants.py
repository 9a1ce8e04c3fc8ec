"""Which assets and children a runbook may use: everything of its account, or what is listed."""

from farhand_server.core.context import Context
from farhand_server.errors import AssetNotGranted
from farhand_server.model.job import Job

#: Behind the kind: all of it.
EVERY = "*"


def check(kind: str, name: str, job: Job, ctx: Context) -> None:
    """Raises AssetNotGranted if the runbook of the job may not use `kind`/`name`."""
    runbook = ctx.tx.runbook(job.account, job.runbook)
    listed = runbook.grants if runbook is not None else ()
    if listed is None:
        if not ctx.tx.account(job.account).grants_listed_only:
            return
        listed = ()
    if not {f"{kind}/{name}", f"{kind}/{EVERY}"} & set(listed):
        raise AssetNotGranted(
            f'runbook "{job.runbook}" may not use {kind} "{name}"',
            why="what it may use is listed, and that is not",
            do=f"grant it: farhand runbook set {job.runbook} --grant {kind}/{name}",
        )
