"""Rules broken on purpose: a promise is only tested if breaking its rule is found."""

from tests.support.world.moves import COMMIT, Scope
from tests.support.world.mutations.contact import (
    old_sessions_live_on,
    only_the_last_number_is_taken,
    session_numbers_are_not_checked,
    stale_attempts_are_believed,
    the_late_truth_is_ignored,
)
from tests.support.world.mutations.mutation import Mutation
from tests.support.world.mutations.orders import (
    a_stop_is_not_repeated,
    frozen_is_said_before_it_is_so,
    stopped_is_said_at_once,
)
from tests.support.world.mutations.output import (
    a_result_does_not_wait_for_its_output,
    a_sync_does_not_wait_for_the_disk,
    output_is_taken_from_anyone,
    stored_passes_for_durable,
    the_agent_forgets_what_it_has_reported,
    the_agent_frees_what_is_stored,
    what_has_only_arrived_is_acknowledged,
)
from tests.support.world.mutations.places import (
    an_offer_is_good_for_ever,
    dead_offers_are_not_opened_again,
    one_job_holds_up_the_others,
)
from tests.support.world.mutations.promises import (
    a_failed_commit_passes_for_done,
    grants_write_no_row,
    promises_leave_before_the_commit,
)
from tests.support.world.mutations.proofs import (
    a_host_forgets_what_it_has_begun,
    a_reboot_is_not_noticed,
    a_runner_that_is_gone_never_began,
    any_journal_proves_absence,
    anyone_may_say_not_started,
    attempts_that_died_run_again,
    boots_are_not_compared,
    the_agent_asks_no_runner_before_its_hello,
    who_stays_away_never_ran_it,
)

#: What else than a promise that was not kept could follow?
ANYTHING = ("I1", "I2", "I16", "I17", "nobody")


def _only(*kinds: str) -> Scope:
    return Scope(kinds=frozenset(kinds))


OVERTAKEN = Scope(joins=True, jobs=0, troubles=2, kinds=frozenset({"kill agent", "server hears"}))
LIES = Scope(strangers=True, failures=False, kinds=frozenset({"lie"}))
COPIES = Scope(strangers=True, failures=False, kinds=frozenset({"clone"}))
AGAIN = Scope(again=True, kinds=frozenset({"kill agent"}))
STOPS = Scope(stops=True, kinds=frozenset({"kill agent"}))
SUSPENDS = Scope(suspends=True)
REBOOTS = _only("reboot")
RUNNERS = _only("kill runner")

MUTATIONS = [
    Mutation(patch=grants_write_no_row, breaks=("I1", "I2", "I4", "I16", "I17")),
    Mutation(patch=promises_leave_before_the_commit, breaks=("I1", "I2"), scope=_only(COMMIT)),
    Mutation(patch=a_failed_commit_passes_for_done, breaks=ANYTHING, scope=_only(COMMIT)),
    Mutation(patch=stored_passes_for_durable, breaks=("I7",)),
    Mutation(patch=a_sync_does_not_wait_for_the_disk, breaks=("I6", "I7")),
    Mutation(patch=what_has_only_arrived_is_acknowledged, breaks=("I7",)),
    Mutation(patch=a_result_does_not_wait_for_its_output, breaks=("I6",)),
    Mutation(patch=output_is_taken_from_anyone, breaks=("I13", "I4", "nobody"), scope=LIES),
    Mutation(patch=the_agent_frees_what_is_stored, breaks=("I8",), scope=Scope(prints=True)),
    Mutation(patch=the_agent_forgets_what_it_has_reported, breaks=("I1", "I16")),
    Mutation(patch=attempts_that_died_run_again, breaks=("I1",), scope=REBOOTS),
    Mutation(patch=any_journal_proves_absence, breaks=("I1",), scope=REBOOTS),
    Mutation(patch=a_reboot_is_not_noticed, breaks=("I1",), scope=REBOOTS),
    Mutation(patch=boots_are_not_compared, breaks=("I1",), scope=REBOOTS),
    Mutation(patch=who_stays_away_never_ran_it, breaks=("I1",), scope=_only("kill agent")),
    Mutation(
        patch=a_host_forgets_what_it_has_begun, breaks=("I2",), scope=RUNNERS, by_chance=False
    ),
    Mutation(
        patch=a_runner_that_is_gone_never_began, breaks=("I1",), scope=RUNNERS, by_chance=False
    ),
    Mutation(patch=the_agent_asks_no_runner_before_its_hello, breaks=("I1", "I2")),
    Mutation(patch=anyone_may_say_not_started, breaks=("I1",), scope=LIES),
    Mutation(patch=session_numbers_are_not_checked, breaks=("I10",), scope=COPIES),
    Mutation(patch=only_the_last_number_is_taken, breaks=("I17", "I10", "I20"), scope=OVERTAKEN),
    Mutation(patch=old_sessions_live_on, breaks=("I16", "I17")),
    Mutation(patch=stale_attempts_are_believed, breaks=("I4", "I5", "I16"), scope=AGAIN),
    Mutation(patch=the_late_truth_is_ignored, breaks=("I1", "I16", "I17")),
    Mutation(patch=a_stop_is_not_repeated, breaks=("I17",), scope=STOPS),
    Mutation(patch=stopped_is_said_at_once, breaks=("Stopped",), scope=STOPS),
    Mutation(patch=frozen_is_said_before_it_is_so, breaks=("I19",), scope=SUSPENDS),
    Mutation(patch=dead_offers_are_not_opened_again, breaks=("I16", "I17")),
    Mutation(patch=an_offer_is_good_for_ever, breaks=("I1", "I3", "I14"), scope=_only("wait")),
    Mutation(patch=one_job_holds_up_the_others, breaks=("I16", "I17"), scope=Scope(jobs=2)),
]

__all__ = ["MUTATIONS", "Mutation"]
