"""Groups and workers: their rows, and who of them is here."""

from collections.abc import Mapping, Sequence

from farhand_server.core.overview import Overview
from farhand_server.model.worker import Facts, Group, Party, Standing, Worker
from farhand_server.rpc.convert.moments import timestamp
from farhand_server.rpc.convert.runbooks import wire_type
from farhand_wire.v1 import hybrid_worker_group_pb2, hybrid_worker_pb2, worker_pb2

_STANDINGS: dict[Standing | None, hybrid_worker_pb2.PartyStanding] = {
    None: hybrid_worker_pb2.PARTY_STANDING_ACCEPTED,
    Standing.OPEN: hybrid_worker_pb2.PARTY_STANDING_REFUSED,
    Standing.KEPT: hybrid_worker_pb2.PARTY_STANDING_CHOSEN,
    Standing.REFUSED: hybrid_worker_pb2.PARTY_STANDING_REJECTED,
}


def group(
    row: Group, *, members: Sequence[Worker], jobs_waiting: int, here: Overview
) -> hybrid_worker_group_pb2.HybridWorkerGroup:
    online = [here.workers[worker.id] for worker in members if worker.id in here.workers]
    return hybrid_worker_group_pb2.HybridWorkerGroup(
        name=row.name,
        workers=len(members),
        workers_online=len(online),
        slots=sum(presence.slots for presence in online),
        slots_used=sum(presence.used for presence in online),
        jobs_waiting=jobs_waiting,
        create_time=timestamp(row.created),
        run_as=row.run_as,
    )


def worker(
    row: Worker, *, refused: Mapping[str, int], here: Overview
) -> hybrid_worker_pb2.HybridWorker:
    presence = here.workers.get(row.id)
    state = hybrid_worker_pb2.WORKER_STATE_OFFLINE
    if presence is not None and presence.online:
        state = hybrid_worker_pb2.WORKER_STATE_ONLINE
        if presence.draining:
            state = hybrid_worker_pb2.WORKER_STATE_DRAINING
    return hybrid_worker_pb2.HybridWorker(
        name=row.name,
        worker_id=row.id,
        group=row.group_name,
        state=state,
        facts=facts(row.facts),
        slots=presence.slots if presence else row.slots,
        slots_used=presence.used if presence else 0,
        register_time=timestamp(row.registered),
        last_seen_time=timestamp(row.last_seen),
        address=row.address,
        refused_frames=refused,
        conflict=_conflict(row),
        failures=here.failures.get(row.id, 0),
        held_back=row.id in here.held_back,
        unreported=row.generation < here.generation.number,
    )


def _conflict(row: Worker) -> hybrid_worker_pb2.WorkerConflict | None:
    if not row.parties:
        return None
    return hybrid_worker_pb2.WorkerConflict(
        parties=[_party(party) for party in row.everyone], undecided=row.is_disputed
    )


def _party(party: Party) -> hybrid_worker_pb2.ConflictParty:
    return hybrid_worker_pb2.ConflictParty(
        machine_id=party.machine_id,
        boot_id=party.boot_id,
        instance=party.instance,
        address=party.address,
        host_name=party.host_name,
        first_seen_time=timestamp(party.first_seen),
        last_seen_time=timestamp(party.last_seen),
        standing=_STANDINGS[party.standing],
    )


def facts(known: Facts) -> worker_pb2.Facts:
    return worker_pb2.Facts(
        host_name=known.host_name,
        machine_id=known.machine_id,
        os=known.os,
        architecture=known.architecture,
        agent_version=known.agent_version,
        runbook_types=[wire_type(type_) for type_ in known.runbook_types],
        interpreters=[
            worker_pb2.Interpreter(
                runbook_type=wire_type(each.type), path=each.path, version=each.version
            )
            for each in known.interpreters
        ],
    )
