"""What one runner has of its host beside its home: a working directory, a reserve of the disk, a
control group."""

from contextlib import suppress
from dataclasses import dataclass

from farhand_agent.host.cgroup import Cgroup
from farhand_agent.host.frost import Freezer, TreeFreezer
from farhand_agent.host.reserve import Reserve
from farhand_agent.host.users import JobUser
from farhand_agent.host.work import Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Berth:
    """None of it is there where a runner serves what another one has left."""

    work: Work | None = None
    reserve: Reserve | None = None
    cgroup: Cgroup | None = None

    @property
    def freezer(self) -> Freezer:
        return self.cgroup or TreeFreezer()

    def give(self, user: JobUser | None) -> None:
        """Let the working directory be that user's. Raises OSError."""
        if user is not None and self.work is not None:
            self.work.give(user.uid, user.gid)

    def takes_another(self) -> bool:
        """Whether another script can be born here: this process is in its control group."""
        if self.work is None:
            return False
        try:
            if self.cgroup is not None:
                self.cgroup.reenter()
        except OSError:
            return False
        return True

    def renew(self) -> None:
        """As it was before a script was here."""
        if self.work is not None:
            self.work.renew()
        if self.reserve is not None:
            self.reserve.renew()

    def remove(self) -> None:
        if self.work is not None:
            self.work.remove()
        if self.reserve is not None:
            self.reserve.remove()
        if self.cgroup is not None:
            with suppress(OSError):  # the launcher tries again
                self.cgroup.leave()
            self.cgroup.remove()
