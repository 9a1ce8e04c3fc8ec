"""Sizes and intervals that both sides must respect: the one table of limits.

Bytes unless a name says otherwise; `_SECONDS` are durations. Azure's limits are from its service
limits page (2024-02); where Farhand is larger, the comment says why.
"""

# --- the wire -------------------------------------------------------------------------------
#: Largest gRPC message; a Grant carries a script and its parameters.
MESSAGE_BYTES = 4 * 1024 * 1024
#: Concurrent streams on one connection; an operator follows many jobs on one.
STREAMS_PER_CONNECTION = 100
#: Largest payload of one Output frame.
OUTPUT_FRAME_BYTES = 256 * 1024
#: Unstored output of one session before its agent waits.
WINDOW_BYTES = 1024 * 1024
#: Journal entries in one Hello.
JOURNAL_ENTRIES = 1_000
#: Frames in one message.
FRAMES_PER_MESSAGE = 2_000

# --- patience -------------------------------------------------------------------------------
HEARTBEAT_SECONDS = 10.0
#: Heartbeats are spread by one second more for so many workers.
HEARTBEAT_WORKERS_PER_SECOND = 500
#: Silence after which a session is given up.
LEASE_SECONDS = 45.0
#: An offer without an answer is opened to the next member after this.
OFFER_SECONDS = 1.0
#: A connection must be able to carry streams by then. Many that come back at once do their
#: handshakes one after the other, and who is turned away has to begin anew: so not too soon.
HANDSHAKE_SECONDS = 20.0
#: A stream must have proven itself by then.
PROOF_SECONDS = 5.0
#: Streams that may wait for their proof at once, over all peers (balancers share one address).
UNPROVEN_STREAMS = 1_000
#: A worker that takes nothing of what it is told for so long is dropped; its jobs go on.
UNREAD_SECONDS = 15.0
#: A probing stream ends after this.
PROBE_SECONDS = 60.0
SESSION_TOKEN_SECONDS = 600.0
#: A job whose worker stays away so long is given up: one that may run once waits for its truth, ...
LOST_AFTER_ONCE_SECONDS = 24 * 3600.0
#: ... one that may run again is started elsewhere (Kubernetes evicts after 5 min).
LOST_AFTER_SECONDS = 300.0
LOST_AFTER_SECONDS_MOST = 366 * 86400
#: Attempts of an at-least-once job that may have run and did not report. Azure: 3.
ATTEMPTS_MOST = 3
#: Absence is written down this often, so that restarts of the server do not defer LOST_AFTER.
ABSENCE_SECONDS = 60.0
JOB_TIMEOUT_SECONDS_MOST = 366 * 86400
#: Timeout of jobs on the control plane's own worker whose runbook sets none: Azure's fair share.
CLOUD_TIMEOUT_SECONDS = 3 * 3600
STOP_GRACE_SECONDS_MOST = 3600
#: Started goes alone when nothing came along to carry it.
STARTED_RIDE_SECONDS = 0.02
#: SIGTERM to SIGKILL.
STOP_GRACE_SECONDS = 30.0
#: Warm grants go to members heard within this.
WARM_SECONDS = 1.0
RECONNECT_BASE_SECONDS = 1.0
RECONNECT_CAP_SECONDS = 60.0
#: After a commit that failed every agent is asked to come back after this, and after twice as much
#: for each failure that follows soon, up to the cap.
RESTART_MS = 200
RESTART_MS_MOST = 5_000
RESTART_CALM_SECONDS = 30.0
KEEPALIVE_MS = 10_000
KEEPALIVE_TIMEOUT_MS = 5_000
#: Shortest ping interval that the server accepts.
MIN_PING_MS = 5_000

# --- what a job may take of its host --------------------------------------------------------
#: Processes and threads of one job at a time, where control groups can bound them.
JOB_PROCESSES = 512
#: No job is begun with less free in the state directory or the sandbox; a quarter of a file system
#: that is smaller than four times this.
JOB_FREE_BYTES = 256 * 1024 * 1024

# --- runbooks and jobs ----------------------------------------------------------------------
#: Azure: 1 MB.
RUNBOOK_BYTES = 1024 * 1024
#: Azure: 50.
PARAMETERS = 50
#: Azure: 512 KB, counted as JSON.
PARAMETERS_BYTES = 512 * 1024
#: Arrays and objects within each other, in a parameter or an asset: a message holds 100 levels, of
#: which each takes two.
NESTING_MOST = 32
DESCRIPTION_CHARACTERS = 1024
ASSET_NAME_CHARACTERS = 128
#: Azure: 1,048,576 characters.
VARIABLE_CHARACTERS = 1024 * 1024
USER_NAME_CHARACTERS = 256
PASSWORD_BYTES = 8 * 1024
CERTIFICATE_BYTES = 64 * 1024
CONNECTION_BYTES = 64 * 1024
#: Of what a failed job said last.
EXCEPTION_CHARACTERS = 2_000
#: Entries of what one runbook may use.
GRANTS_MOST = 200
#: Azure: 15 tags, names of 512 characters, values of 256.
TAGS_MOST = 15
TAG_NAME_CHARACTERS = 512
TAG_CHARACTERS = 256
#: Why somebody gave up a job.
REASON_CHARACTERS = 512
NAME_CHARACTERS = 63
PAGE_SIZE = 100
PAGE_SIZE_MOST = 1_000

# --- what a running job asks for ------------------------------------------------------------
#: One request or answer on a job's socket: a variable, escaped at worst.
ASK_BYTES = 3 * 1024 * 1024
#: Questions of one job that may wait for their answers; more wait in its runner.
ASKS_OPEN = 16
#: Questions of one job in a second; after twice as many at once the others wait in its runner.
ASKS_PER_SECOND = 100
#: A job may be the child of a child, and so on: so many generations below the first.
CHILD_DEPTH = 8
#: Children of one job that are not over.
CHILDREN_MOST = 100
#: Output of a child in one answer.
CHILD_OUTPUT_BYTES = 256 * 1024

# --- workers --------------------------------------------------------------------------------
WORKER_NAME_CHARACTERS = 64
SLOTS = 10
SLOTS_MOST = 200
TOKEN_TTL_SECONDS = 3600.0
TOKEN_TTL_SECONDS_MOST = 30 * 86400.0
TOKEN_USES_MOST = 10_000
TOKEN_CIDRS_MOST = 16
FACT_CHARACTERS = 256

# --- masking --------------------------------------------------------------------------------
#: Shorter secrets are not masked: they would be found where there is none.
MASK_BYTES_LEAST = 6
#: Longer ones are looked for in pieces of this size; so much is held back of what may begin one.
MASK_PIECE_BYTES = 256
#: Of longer ones fewer encodings are looked for.
MASK_ENCODED_BYTES = 16 * 1024

# --- the spool ------------------------------------------------------------------------------
#: One entry with its header; a row of the output store.
SPOOL_ENTRY_BYTES = 64 * 1024
SPOOL_SEGMENT_BYTES = 4 * 1024 * 1024
#: A job waits in write() when so much of it is unacknowledged.
SPOOL_BYTES = 2 * 1024 * 1024 * 1024
#: The same for all jobs of an agent together; at most this share of the disk.
AGENT_SPOOL_BYTES = 10 * 1024 * 1024 * 1024
AGENT_SPOOL_SHARE = 0.2
#: Blocks of a disk that are kept for the end of a job when the disk is full: what two pipes hold,
#: and the exit.
SPOOL_RESERVE_BYTES = 4 * 1024 * 1024
#: What is unacknowledged for so long lies on disk, synced.
SPOOL_SYNC_SECONDS = 2.0
#: The server syncs stored output at the latest after this much of a flood.
OUTPUT_SYNC_BYTES = 8 * 1024 * 1024
OUTPUT_SYNC_SECONDS = 0.2
#: Rows of output that are removed at once (4 MiB); what others write comes in between.
OUTPUT_REMOVE_CHUNKS = 64
#: What the server keeps of one attempt's spool (output_max): its beginning and its end.
OUTPUT_MAX_BYTES = 1024 * 1024 * 1024
#: Of which the end is this much, or a quarter if that is less.
OUTPUT_TAIL_BYTES = 16 * 1024 * 1024
#: The least that output_max may be.
OUTPUT_MAX_BYTES_LEAST = 1024 * 1024

# --- the server's disk ----------------------------------------------------------------------
#: With less room than this, or than that share of the disk if it is smaller, no job is given away
#: and no output taken; what is left is for results and for what operators do.
DISK_FREE_BYTES = 512 * 1024 * 1024
DISK_FREE_SHARE = 0.05
#: How often the server looks.
DISK_LOOK_SECONDS = 2.0
