/** Every bound of the engine with its reason. Nothing in Millrace is unbounded; what bounds it stands here. */

/** Key groups of a job when it sets none: enough to spread a job over 128 subtasks, few enough to list in a manifest. */
export const KEY_GROUPS_DEFAULT = 128;

/** Key groups travel as 15-bit numbers in state and checkpoint formats. */
export const KEY_GROUPS_MAX = 32_768;

/** Rows of one exchange batch: the cost of a batch (wake-up, descriptor) is below 1 % of its rows' from about 500 on. */
export const BATCH_ROWS_MAX = 1024;

/** Bytes of one segment of a slot's buffer pool: room for a batch of about 1000 records of 120 bytes. */
export const SEGMENT_BYTES = 128 * 1024;

/** A batch is cut when its rows are estimated to fill this much of a segment. */
export const BATCH_BYTES_TARGET = SEGMENT_BYTES - 8 * 1024;

/** Segments that a channel owns whatever others do: one being written or read and one under way, so none starves. */
export const CHANNEL_FLOOR_SEGMENTS = 2;

/** Batches under way in one channel, a power of two: enough to bridge a time slice of the other side, few enough to keep latency. */
export const CHANNEL_CREDIT = 8;

/** Segments of a slot's pool beyond the floors, which busy channels borrow. */
export const POOL_SHARED_SEGMENTS = 32;

/** One record's frame: what a transferred ArrayBuffer and the codec's 32-bit offsets carry with room to spare. */
export const RECORD_BYTES_MAX = 256 * 1024 * 1024;

/** Frames larger than a segment that are under way in one channel, together; a single larger one travels alone. */
export const OVERSIZE_BYTES_UNDER_WAY = 16 * 1024 * 1024;

/** Records that a source emits at a stretch before the slot looks at its other subtasks. */
export const SOURCE_BATCH_RECORDS = 1024;

/**
 * Records of a batch within a slot, and of a stretch of a source that hands them to other subtasks: so few that a consumer
 * in the slot finds them in the processor's nearest caches, so many that what is done once a batch is little.
 */
export const LOCAL_BATCH_ROWS = 256;

/** Records of a source's first stretch, which whoever starts a job waits for; the next ones are twice as long each. */
export const SOURCE_FIRST_RECORDS = 64;

/** Records of one Arrow batch that a batch function gets from a chain. */
export const ARROW_BATCH_ROWS = 1024;

/** How long a slot works before it lets control mail and I/O in. */
export const TIME_SLICE_MS = 4;

/** How long a partly filled batch may wait when its subtask stays busy. An idle subtask sends at once. */
export const FLUSH_AFTER_MS = 20;

/** Watermarks of an edge that are sent at once, with the records before them: whoever starts a job waits for its first result. */
export const WATERMARKS_SENT_AT_ONCE = 8;

/** How long a slot may take to stop once it was told to: closing files and connections takes less. Then its thread is ended. */
export const SLOT_STOP_GRACE_MS = 10_000;

/** How long a written record may stay invisible outside when its sink's subtask is always busy. */
export const SINK_FLUSH_AFTER_MS = 200;

/** How long an asynchronous batch function, source or sink may take when the job says nothing. */
export const ASYNC_TIMEOUT_MS = 60_000;

/** Records that an asynchronous function works at at a time when the job says nothing: as many as Flink's. */
export const ASYNC_CAPACITY = 100;

/** The most of them: each result looks through what is under way, and all of it is in each checkpoint. */
export const ASYNC_CAPACITY_MAX = 10_000;

/** Entries of a lookup's cache at the most, some hundred bytes each: more is a broadcast join's or a database's business. */
export const LOOKUP_CACHE_ENTRIES_MAX = 10_000_000;

/** Rows that `collect()` keeps for one sink: an in-memory result is for tests and small answers. */
export const COLLECT_ROWS_MAX = 10_000_000;

/** How long a slot may stay in one call: legitimate ones (loading a model, a large array) take seconds. A job can set it. */
export const WATCHDOG_MS_DEFAULT = 60_000;

/** An idle slot takes a turn with each report; a shorter watchdog would end healthy slots of a busy machine. */
export const WATCHDOG_MS_MIN = 1000;

/** How often a slot reports its counters. */
export const REPORT_EVERY_MS = 200;

/** A bundled program. Real ones with all their imports take a few MB; what is larger has swallowed data. */
export const BUNDLE_BYTES_MAX = 32 * 1024 * 1024;

/** Bundles that a worker keeps on its disk: a new job of a program that it knows starts without asking for it. */
export const BUNDLES_CACHED_MAX = 64;

/** Another worker that shares the folder may be about to import a bundle. */
export const BUNDLE_KEPT_MS_MIN = 10 * 60 * 1000;

/** One message between coordinator and worker: the largest bundle, or the rows of a busy sink, with room to spare. */
export const CONTROL_MESSAGE_BYTES_MAX = 64 * 1024 * 1024;

/** What may wait for a slow peer: some of the largest messages. A peer that is further behind is cut off. */
export const CONTROL_QUEUE_BYTES_MAX = 128 * 1024 * 1024;

/** The first message of a connection, which introduces a worker: a few hundred bytes and its labels. */
export const CONTROL_HELLO_BYTES_MAX = 64 * 1024;

/** A worker has its hello ready when it connects. */
export const CONTROL_HELLO_WITHIN_MS = 5_000;

/** Control connections of one coordinator: each worker has one, and a few are on their way out. */
export const CONTROL_CONNECTIONS_MAX = 1024;

/** How long the last messages may take to leave when a connection closes. */
export const CONTROL_CLOSE_GRACE_MS = 2_000;

/** How long a submitted program may take to be imported and planned: real ones take a fifth of a second, on slow hosts two. */
export const PLANNING_MS_MAX = 20_000;

/** The JavaScript heap of a program that is planned: graphs take a few MB; a program that loads data at import needs more. */
export const PLANNING_HEAP_MB_MAX = 256;

/** Programs that are planned at the same time, each in a process of its own of some 80 MB. */
export const PLANNERS_MAX = 4;

/** How long a planner's process that was started ahead waits for the submission that was announced. */
export const PLANNER_SPARE_MS = 15_000;

/** Lines that a program may write to the coordinator's log while it is imported: a warning's worth. */
export const PLANNING_LOG_LINES_MAX = 100;

/** Characters of such a line. */
export const PLANNING_LOG_CHARACTERS_MAX = 1000;

/** A JSON body of the REST interface: a submission with its parameters, a few KB. */
export const REST_BODY_BYTES_MAX = 256 * 1024;

/** One answer of the REST interface as a client reads it: a page of collected rows is the largest. */
export const REST_ANSWER_BYTES_MAX = 256 * 1024 * 1024;

/** Connections of the REST interface and of control together: browsers and scripts hold a few each. */
export const REST_CONNECTIONS_MAX = 2048;

/** How long the headers of a request may take to come; whoever is slower wants to hold the connection. */
export const REST_HEADERS_WITHIN_MS = 5_000;

/** How long a whole request may take to come: the largest bundle over a slow line. */
export const REST_REQUEST_WITHIN_MS = 60_000;

/** How long an idle connection is kept: longer than a client polls, so that it opens one only. */
export const REST_KEEP_ALIVE_MS = 10_000;

/** Bytes of all headers of a request together: a token and what proxies add. */
export const REST_HEADER_BYTES_MAX = 8 * 1024;

/** Collected rows of one answer. */
export const REST_ROWS_MAX = 10_000;

/** What an exchange link's socket may hold that the peer has not taken: enough to keep it busy, little to wait behind. */
export const LINK_WRITE_BYTES = 512 * 1024;

/** A link without an answer for so long is lost: longer than any pause of a process that works. */
export const LINK_TIMEOUT_MS = 10_000;

/** How long a region waits for its links, and a peer's channels for their region: deployments arrive within moments. */
export const LINK_OPEN_TIMEOUT_MS = 30_000;

/** How long a link stays that no region uses: the next attempt of a job comes sooner. */
export const LINK_IDLE_MS = 60_000;

/** A link's handshake: names, epochs and nonces take a few hundred bytes. */
export const LINK_HANDSHAKE_BYTES_MAX = 4096;

/** Both sides of a handshake answer at once. */
export const LINK_HANDSHAKE_MS = 5_000;

/** Connections that have not shown who they are: all workers of a large cluster may dial at the same time. */
export const LINK_HANDSHAKES_MAX = 256;

/** Connections that a worker accepts: one from each worker of the largest cluster, and those of strangers. */
export const LINK_CONNECTIONS_MAX = 4096;

/** Channels that a peer may open before their region is attached here: those of the largest region. */
export const LINK_OPENS_WAITING_MAX = 65_536;

/** From the first to the last, how long a worker waits before it dials again. */
export const LINK_REDIAL_MS_MIN = 50;
export const LINK_REDIAL_MS_MAX = 2_000;

/** Heartbeats of coordinator and workers: often enough to notice a dead one soon, a few hundred bytes a second each. */
export const HEARTBEAT_EVERY_MS = 500;

/** How long the other side may be silent: several heartbeats, longer than any pause of a process that works. */
export const HEARTBEAT_TIMEOUT_MS = 5_000;

/** A worker's first and longest wait before it tries again to reach its coordinator. */
export const WORKER_RETRY_MS_MIN = 100;
export const WORKER_RETRY_MS_MAX = 2_000;

/** How long a coordinator may take to answer a worker's request for a connection, and then its hello. */
export const CONNECT_TIMEOUT_MS = 5_000;
export const GREETING_TIMEOUT_MS = 5_000;

/** How long a job waits for workers that are not there: those that restart are back by then. */
export const SLOT_TIMEOUT_MS = 30_000;

/** How long a region may take from its deployment until all its slots run: import of the program, links, opening. */
export const DEPLOY_TIMEOUT_MS = 60_000;

/** How long a thread may take to end once it is killed. A worker that cannot end it is taken for lost. */
export const SLOT_KILL_GRACE_MS = 10_000;

/** Jobs that have ended and are still listed, with their logs and results; older ones are deleted. */
export const JOBS_RETAINED = 100;

/** Jobs that have not ended, waiting ones included: what a coordinator holds in memory of each is some 100 KB. */
export const JOBS_UNFINISHED_MAX = 1_000;

/** Failures that a job's history shows: the first ones of a long series repeat themselves. */
export const EXCEPTIONS_RETAINED = 32;

/** A job's log; older lines are deleted by quarters. */
export const JOB_LOG_BYTES_MAX = 16 * 1024 * 1024;

/** One line of a job's log. */
export const JOB_LOG_LINE_BYTES_MAX = 64 * 1024;

/** Lines that wait for a slow disk, in bytes; what comes beyond is dropped and counted in the log. */
export const JOB_LOG_QUEUE_BYTES_MAX = 4 * 1024 * 1024;

/** Bytes of a job's collected rows on the coordinator's disk: an answer, not an output. */
export const JOB_RESULT_BYTES_MAX = 1024 * 1024 * 1024;

/** Submissions that wait for a planner. */
export const SUBMISSIONS_WAITING_MAX = 100;

/** Submissions that are planned at once: each is a process that imports the program. */
export const SUBMISSIONS_PLANNING_MAX = 2;

/** How long the last frames of ended regions may take to leave when a worker closes. */
export const LINK_CLOSE_GRACE_MS = 1_000;

/** How often the exchange looks for frames while they flow: a wake-up for each frame would cost more than moving it. */
export const LINK_PACE_MS = 1;

/** Slots of one worker: each is a thread. */
export const SLOTS_A_WORKER_MAX = 1_024;

/** Slot threads that an announced submission starts ahead in the whole cluster, when it does not say how many it needs. */
export const SLOTS_EXPECTED = 4;

/** The same when it says it: each takes some 15 MB and a tenth of a second to load, perhaps for nothing. */
export const SLOTS_EXPECTED_MAX = 16;

/** Shared memory of ended regions that a worker frees at once; less waits until nothing more ends for a moment. */
export const SHARED_GARBAGE_BYTES_MAX = 64 * 1024 * 1024;
export const SHARED_GARBAGE_MS = 1_000;

/**
 * How large the young generation of a slot's heap may grow, by what the job keeps of its records: three semi-spaces of 4 or 8 MB.
 * V8 takes 16 MB each for light work, and up to 64. Of records that only pass hardly one outlives a collection; those that states
 * keep are packed, or moved twice, however large it is (bench/nexmark/README.md), and so is what aggregates keep of some fields,
 * unless windows hold its leaves alone.
 * Windows and joins that keep records in tables would have more of them moved: there V8 decides. A flag of the process's, as in
 * `NODE_OPTIONS=--max-semi-space-size=16`, overrides it.
 */
export const SLOT_YOUNG_HEAP_MB = Object.freeze({ none: 12, states: 24, tables: undefined });

/** Of a value that a window keeps: more leaves would take longer to put and read than the value's object to look at. */
export const HELD_LEAVES_MAX = 8;

/** How long a thread that was started ahead waits for its task. */
export const SLOT_SPARE_MS = 15_000;

/** How long a broken link waits to be taken for a failure: a peer that died is noticed within that. */
export const LINK_LOST_AFTER_MS = 200;

/** From one checkpoint to the next when neither the job nor who runs it says: little to do again, and little to do for it. */
export const CHECKPOINT_INTERVAL_MS = 10_000;

/** A checkpoint that takes longer has met something that hangs, such as a barrier that waits behind a stuck operator. */
export const CHECKPOINT_TIMEOUT_MS = 10 * 60_000;

/** Checkpoints in a row that may fail: a disk that was full for a moment is no reason to end a job, one that stays full is. */
export const CHECKPOINTS_TOLERATED = 3;

/** Complete checkpoints that are kept: when the newest turns out to be damaged, there are others to go on from. */
export const CHECKPOINTS_RETAINED = 3;

/** The newest checkpoints of a job that are shown in detail: some minutes of them at an interval of seconds. */
export const CHECKPOINTS_SHOWN = 100;

/**
 * What a subtask holds of its channels in memory while it waits for their barriers, so that these overtake slow consumers:
 * full credit of 64 channels.
 */
export const READ_AHEAD_BYTES = 64 * 1024 * 1024;

/** Deltas that a checkpoint may build on before they are merged, where they are large: restoring reads one after the other. */
export const CHECKPOINT_CHAIN_MIN = 10;

/** … and where they are small beside the state: each has a manifest, and all of them are listed after each checkpoint. */
export const CHECKPOINT_CHAIN_MAX = 40;

/** How long an object store may take to answer: to take or give some megabytes over a slow line. */
export const S3_ANSWER_MS = 60_000;

/** How often a request to it is sent again, later each time, where it says that it is busy: for some seconds together. */
export const S3_RETRIES = 6;

/**
 * Keys and panes that are aggregated before a shuffle, for each edge of a subtask; a power of two. With their columns they
 * fit into a second-level cache, and the most frequent keys of any stream are among so many.
 */
export const PRE_AGGREGATE_PLACES = 32_768;

/** For how long partials are held at the most while a subtask runs: so that what they spare does not come all at once. */
export const PRE_AGGREGATE_HOLD_MS = 1000;

/** How many records it takes to see whether keys come again, and for how many it is given up where they do not: 6 % of them. */
export const PRE_AGGREGATE_TRIAL_RECORDS = 2 * PRE_AGGREGATE_PLACES;
export const PRE_AGGREGATE_REST_RECORDS = 32 * PRE_AGGREGATE_PLACES;

/**
 * Where only a few fields of records are sent, which is cheap, the hot keys alone are held: so few places that they stay in
 * the nearest caches. A record without a place mostly goes by; one in so many takes one over.
 */
export const PRE_AGGREGATE_HOT_PLACES = 1024;
export const PRE_AGGREGATE_HOT_REPLACED_EVERY = 16;

/** How many records it takes to see whether hot keys are there, and for how many it is given up where not: 1.5 % of them. */
export const PRE_AGGREGATE_HOT_TRIAL_RECORDS = 4 * PRE_AGGREGATE_HOT_PLACES;
export const PRE_AGGREGATE_HOT_REST_RECORDS = 256 * PRE_AGGREGATE_HOT_PLACES;

/** How many records it takes to see whether one consumer of an edge gets more than its share: some batches for each. */
export const HOT_KEYS_LOOK_RECORDS = 16 * BATCH_ROWS_MAX;

/** Records of one step of a pattern, and of all of its steps: each has a place of its own in the automaton. */
export const PATTERN_TIMES_MAX = 1000;
export const PATTERN_POSITIONS_MAX = 1000;

/** Ways on from one place of a pattern, as many as there are optional steps behind it and one: they are bits of a number. */
export const PATTERN_EDGES_MAX = 30;

/** Records that a top-N keeps of each key: they stand in one value of state, which is copied when one of them changes. */
export const TOP_N_MAX = 10_000;

/** What values of state may take in memory in each slot that spills, when the job does not say: a slot's heap has room for that. */
export const STATE_MEMORY_BYTES = 256 * 1024 * 1024;

/** One answer with blocks of another worker's store: some megabytes keep a connection busy, and few wait in memory. */
export const STORE_ANSWER_BYTES = 8 * 1024 * 1024;

/** One message about checkpoints between two workers: the largest batch that is written at once, and a large block more. */
export const STORE_MESSAGE_BYTES_MAX = 64 * 1024 * 1024;

/** How long another worker's store may take to answer: to write and sync a batch on a busy disk, and several times that. */
export const STORE_ANSWER_MS = 30_000;

/** How long a connection to another worker's stores stays that nobody uses: longer than between two checkpoints. */
export const STORE_IDLE_MS = 60_000;

/** How long a worker may take to merge a chain: reading and writing all of its state, and several times that. */
export const STORE_MERGE_MS = 10 * 60_000;

/** How long is waited for a store that cannot be read when a checkpoint is chosen: a worker that restarts is back by then. */
export const STORE_WAIT_MS = 30_000;

/** From the first try to the last, how long is waited before such a store is asked again. */
export const STORE_RETRY_MS_MIN = 100;
export const STORE_RETRY_MS_MAX = 2_000;

/** A lost worker that is not back after so long is killed where it stands still and keeps a store that is needed. */
export const STORE_FENCED_AFTER_MS = 2_000;

/** After so long a worker takes over stores that nobody has opened: others that start now take theirs first. */
export const STORE_ADOPT_AFTER_MS = 10_000;

/** On how many hosts' workers blocks and manifests are kept, where there are that many: one may be lost. */
export const CHECKPOINT_COPIES = 2;

/**
 * How often sources that are aligned say how far they are: so often that those ahead wait hardly longer than they must, so
 * seldom that messages of many subtasks are nothing to the coordinator.
 */
export const ALIGN_EVERY_MS = 50;

/** Of a batch: what one sorted run of an edge may take as frames, over all of a subtask's consumers. As objects in memory it is a few times that. */
export const BATCH_RUN_BYTES = 32 * 1024 * 1024;

/**
 * Of a batch that may choose: what keys with numbers may take of a slot's memory. A quarter of what Node gives a thread's heap by
 * default, and most of it is not on the heap.
 */
export const BATCH_KEYS_BYTES = 512 * 1024 * 1024;

/**
 * Of a batch that may choose: what the keys of a byte of input take at the most. Two million different words, 22 MB of text,
 * took 240 MB, 11 a byte; longer ones take less.
 */
export const BATCH_KEYS_PER_INPUT_BYTE = 16;

/** Of a batch: the first run of an edge, which tells how large its records are. */
export const BATCH_FIRST_RUN_ROWS = 4096;

/** Of a batch: rows of a run, whatever their size: they are sorted at once, in a fraction of a second. */
export const BATCH_RUN_ROWS_MAX = 262_144;

/** Of a batch: runs that are merged at the same time, of each of which a frame is in memory. More are merged before. */
export const BATCH_FAN_IN = 128;

/** Of a batch: rows between two looks at the mailbox. */
export const BATCH_STEP_ROWS = 512;

/** Of a batch: an operator has the state of so many keys at the same time, or of the keys of so many records, whichever comes first. */
export const BATCH_PORTION_KEYS = 8192;
export const BATCH_PORTION_RECORDS = 65_536;

/** Windows that a record may be in: a day by seconds takes 86,400, and each gives a result of its own. */
export const WINDOWS_OF_A_RECORD_MAX = 1_000_000;
