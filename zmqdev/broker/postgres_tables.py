"""The tables of a store in PostgreSQL, and the statements on them.

Rules.
- Each start of a queue inserts a row in `run` with a lease, and renews that lease. All times are
  compared by the clock of the database.
- Every commit locks the row of its run. A queue that finds an expired lease writes itself into
  that row. This ends the commits of the old run: it finds no row to lock, and so writes nothing.
- The queue that takes a run over holds it; the requests stay where they are. Runs that it held
  itself go with it.
- Rows of requests are inserted and deleted. Only the number of attempts is ever updated.

`%(name)s` are parameters. Those whose names end with `s` are arrays, all of one length.
"""

from __future__ import annotations

VERSION = 1
# Key of the lock for creating tables, since two queues may start at the same time.
LOCK = int.from_bytes(b"zmqdev", "big")
# A queue inserts and deletes all the time, so dead rows must be vacuumed early and without delay.
_CHURN = "autovacuum_vacuum_scale_factor=0.05, autovacuum_vacuum_cost_delay=0"

TABLES = (
    "create schema if not exists zmqdev",
    "create table zmqdev.meta (name text primary key, value text not null)",
    "create table zmqdev.run (run bigint generated always as identity primary key,"
    " queue text not null, lease_until timestamptz not null, adopted_by bigint)"
    " with (fillfactor=50)",
    "create table zmqdev.request (run bigint, key bigint, call bytea unique, service bytea,"
    " arrived float8, attempts bigint, body bytea, crc bigint, primary key (run, key))"
    f" with ({_CHURN})",
    "create table zmqdev.reply (call bytea primary key, until float8, code bytea, body bytea,"
    f" crc bigint) with ({_CHURN})",
    "create index reply_until on zmqdev.reply (until)",
    "create table zmqdev.dead (number bigint generated always as identity primary key, run bigint,"
    " key bigint, call bytea, service bytea, reason bytea, at float8, body bytea, crc bigint,"
    " unique (run, key))",
    # Rows that are deleted a moment later are not worth compressing.
    "alter table zmqdev.request alter column body set storage external",
    "alter table zmqdev.reply alter column body set storage external",
    f"insert into zmqdev.meta values ('version', '{VERSION}')",
)
OURS = (
    "select to_regclass('zmqdev.meta') is not null,"
    " exists (select from pg_namespace where nspname = 'zmqdev')"
)
READ_VERSION = "select value from zmqdev.meta where name = 'version'"

# Plans are made while tables are still empty, so the planner must not prefer scans.
SESSION = (
    "set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off;"
    " set plan_cache_mode = force_generic_plan; set jit = off; set statement_timeout = 0;"
    " set idle_session_timeout = 0"
)
FLUSHES = "select current_setting('synchronous_commit'), current_setting('fsync')"

BEGIN_RUN = (
    "insert into zmqdev.run (queue, lease_until)"
    " values (%(queue)s, now() + make_interval(secs => %(lease)s)) returning run"
)
# Whether the lease had expired, and which run has taken this one over.
RENEW = (
    "with before as (select lease_until < now() as over from zmqdev.run where run = %(run)s)"
    " update zmqdev.run set lease_until = now() + make_interval(secs => %(lease)s)"
    " where run = %(run)s and adopted_by is null returning (select over from before)"
)
ADOPTER = (
    "select queue from zmqdev.run where run ="
    " (select adopted_by from zmqdev.run where run = %(run)s)"
)
# Runs with an expired lease and the runs they held; also runs whose holder is itself held, or
# is gone.
ADOPT = (
    "with mine as materialized ("
    "  select run from zmqdev.run where run = %(run)s and adopted_by is null for share),"
    " over as materialized ("
    "  select run from zmqdev.run where adopted_by is null and lease_until < now()"
    "  and run <> %(run)s for update skip locked)"
    " update zmqdev.run r set adopted_by = %(run)s"
    " where exists (select from mine) and r.run <> %(run)s and ("
    "  r.run in (select run from over) or r.adopted_by in (select run from over)"
    "  or r.adopted_by in (select h.run from zmqdev.run h where h.adopted_by = %(run)s)"
    "  or (r.adopted_by is not null"
    "      and not exists (select from zmqdev.run h where h.run = r.adopted_by)))"
    " returning r.run, r.queue"
)
FETCH = (
    "select run, key, call, service, arrived, attempts, body, crc from zmqdev.request"
    " where run = %(run)s and key > %(after)s order by key limit %(most)s"
)
FORGET_RUN = (
    "delete from zmqdev.run where run = any(%(runs)s) and adopted_by = %(run)s"
    " and not exists (select from zmqdev.request q where q.run = run.run)"
)
# At the end: delete held runs without requests, and end the lease of the others at once.
LEAVE = (
    "delete from zmqdev.run r where (r.run = %(run)s or r.adopted_by = %(run)s)"
    " and not exists (select from zmqdev.request q where q.run = r.run"
    "   or (r.run = %(run)s and q.run in"
    "       (select h.run from zmqdev.run h where h.adopted_by = %(run)s)))",
    "update zmqdev.run set lease_until = '-infinity' where run = %(run)s and adopted_by is null",
)

COMMIT = (
    "with alive as materialized ("
    "  select run from zmqdev.run where run = %(run)s and adopted_by is null for share),"
    " ended as ("
    "  delete from zmqdev.request r using unnest(%(ended_runs)s, %(ended_keys)s) e(run, key)"
    "  where r.run = e.run and r.key = e.key and exists (select from alive)),"
    " accepted as ("
    "  insert into zmqdev.request (run, key, call, service, arrived, attempts, body, crc)"
    "  select %(run)s, a.* from unnest(%(keys)s, %(calls)s, %(services)s, %(arrivals)s,"
    "    %(attempts)s, %(bodies)s, %(crcs)s) a"
    "  where exists (select from alive) on conflict do nothing returning key),"
    " answered as ("
    "  insert into zmqdev.reply select a.* from unnest(%(reply_calls)s, %(reply_untils)s,"
    "    %(reply_codes)s, %(reply_bodies)s, %(reply_crcs)s) a"
    "  where exists (select from alive) on conflict do nothing)"
    " select (select count(*) from alive), (select count(*) from accepted)"
)
# Rare changes use separate statements, in the transaction of the commit.
CHANGE = (
    "update zmqdev.request r set arrived = c.arrived, attempts = c.attempts, crc = c.crc"
    " from unnest(%(runs)s, %(keys)s, %(arrivals)s, %(attempts)s, %(crcs)s)"
    " c(run, key, arrived, attempts, crc) where r.run = c.run and r.key = c.key"
)
FORGET = "delete from zmqdev.reply where call = any(%(calls)s)"
BURY = (
    "insert into zmqdev.dead (run, key, call, service, reason, at, body, crc)"
    " select d.* from unnest(%(runs)s, %(keys)s, %(calls)s, %(services)s, %(reasons)s, %(times)s,"
    " %(bodies)s, %(crcs)s) d on conflict do nothing"
)
# Which of the requests that a commit did not insert exist, and to which run they belong.
THERE = (
    "select call, run, key from zmqdev.request where call = any(%(calls)s)"
    " union all select call, run, key from zmqdev.request"
    " where run = %(run)s and key = any(%(keys)s) and call is null"
)
# One statement for both, so that a call that ends meanwhile is in one of the two results.
ASKED = (
    "select call, until, code, body, crc from zmqdev.reply where call = any(%(calls)s)"
    " union all select call, null, null, null, null from zmqdev.request"
    " where call = any(%(calls)s) and run <> all(%(held)s)"
)
PURGE = (
    "delete from zmqdev.reply where call in (select call from zmqdev.reply"
    " where until < %(now)s order by until limit 1000 for update skip locked)"
)
SIZE = (
    "select coalesce(sum(pg_total_relation_size(format('zmqdev.%I', name)::regclass)), 0)::bigint"
    " from unnest(array['request', 'reply', 'dead']) as t(name)"
)

# For `zmqdev store`.
SERVICES = (
    "select service, count(*), min(arrived), sum(length(body)) from zmqdev.request group by service"
)
DEAD_SERVICES = "select service, count(*) from zmqdev.dead group by service"
RUNS = (
    "select r.queue, (select count(*) from zmqdev.request q where q.run = r.run),"
    " extract(epoch from greatest(r.lease_until, to_timestamp(0)) - now())::float8,"
    " (select h.queue from zmqdev.run h where h.run = r.adopted_by)"
    " from zmqdev.run r order by r.run"
)
REPLIES = "select count(*) from zmqdev.reply"
DEAD = "select number, key, call, service, reason, at, body, crc from zmqdev.dead order by number"
ONE_DEAD = (
    "select number, key, call, service, reason, at, body, crc from zmqdev.dead"
    " where number = %(number)s"
)
DROP_DEAD = "delete from zmqdev.dead where number = %(number)s"
# A run like that of a queue that has ended, which the next queue takes over.
LEFT_RUN = (
    "insert into zmqdev.run (queue, lease_until) values ('zmqdev store', '-infinity') returning run"
)
REQUEUE = (
    "insert into zmqdev.request (run, key, call, service, arrived, attempts, body, crc)"
    " select %(run)s, a.* from unnest(%(keys)s, %(calls)s, %(services)s, %(arrivals)s,"
    " %(attempts)s, %(bodies)s, %(crcs)s) a on conflict do nothing"
)
FORGET_REPLY = "delete from zmqdev.reply where call = %(call)s"
ALL_ROWS = {
    "request": "select key, call, service, arrived, attempts, body, crc from zmqdev.request",
    "reply": "select call, until, code, body, crc from zmqdev.reply",
    "dead": "select key, call, service, reason, at, body, crc from zmqdev.dead",
}
