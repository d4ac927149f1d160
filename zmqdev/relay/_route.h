/* Taking one message through the routes, step by step, by the rules of routing/decide.py.
 *
 * It knows no sockets: `offer` gives a message to a backend and returns whether that took it.
 */
enum { R_MESSAGES, R_BYTES, R_FULL };
enum { T_UNROUTED, T_DROPPED, T_FULL }; /* from T_FULL on: one for each backend */
/* Returns 1 when the backend took it, 0 when it has no room, < 0 when something failed. `last`: no
 * other backend gets this message, so it may be moved. */
typedef int offer_t(void *with, const decision_t *decision, int backend, bool last);

typedef struct {
    table_t *table;
    decision_t *decision;
    offer_t *offer;
    void *with;
    int64_t now;
} step_t;

static void count(uint64_t *cell, uint64_t amount)
{
    __atomic_store_n(cell, *cell + amount, __ATOMIC_RELAXED);
}

/* ---- conditions ---- */

/* Find the value at a path, only once for each message. */
static bool value_at(table_t *table, const decision_t *decision, int number, span_t *value)
{
    path_t *path = &table->paths[number];
    if (path->of != decision->serial) {
        span_t last;
        path->of = decision->serial;
        path->found = frame_of(decision, -1, &last)
            && field(last, path->names, path->count, &path->value, &path->buffer);
    }
    *value = path->value;
    return path->found;
}

static bool any_of(const condition_t *condition, span_t data)
{
    span_t unused;
    for (size_t at = 0; at < condition->count; at++)
        if (matches(&condition->patterns[at], data, &unused)) return true;
    return false;
}

static bool all_hold(
    table_t *table, const decision_t *decision, const condition_t *conditions, size_t count)
{
    span_t data;
    for (const condition_t *one = conditions; one < conditions + count; one++) {
        bool holds;
        if (one->kind == OF_FRAME)
            holds = frame_of(decision, one->number, &data) && any_of(one, data);
        else if (one->kind == OF_FIELD)
            holds = value_at(table, decision, one->number, &data) && any_of(one, data);
        else if (one->kind == OF_SIZE) holds = decision->bytes > one->size;
        else holds = !all_hold(table, decision, one->inner, one->count);
        if (!holds) return false;
    }
    return true;
}

/* Return whether share and rate of a route allow one more message; -1 without memory. */
static int within(route_t *route, const decision_t *decision, int64_t now)
{
    bool keyed = route->by != NO_KEY;
    if (!route->limited) return 1;
    uint64_t key = keyed ? fnv1a(key_of(decision, route->by)) : 0;
    if (route->share < WHOLE
        && !(keyed ? (int64_t)(mix(key) % WHOLE) < route->share
                   : share_takes(route->share, &route->due)))
        return 0;
    return route->rate.depth ? rate_takes(&route->rate, now, key) : 1;
}

/* ---- backends ---- */

static int hand_to(step_t *step, int backend, bool last)
{
    int taken = step->offer(step->with, step->decision, backend, last);
    if (taken > 0) step->decision->given[backend] = step->decision->serial;
    return taken;
}

static void wait_for(decision_t *decision, int backend)
{
    decision->waits[decision->waiting++] = backend;
}

/* List the targets that have not got it in `order`, in the order in which they are asked. */
static int order_of(table_t *table, const route_t *route, decision_t *decision)
{
    int count = 0, turn = route->pick == PICK_NEXT ? route->turn : 0;
    for (int at = 0; at < route->target_count; at++, turn++) {
        if (turn >= route->target_count) turn = 0;
        int target = route->targets[turn];
        if (decision->given[target] != decision->serial) decision->order[count++] = target;
    }
    if (route->pick != PICK_HASH || count < 2) return count;
    uint64_t key = fnv1a(key_of(decision, route->by == NO_KEY ? 0 : route->by)), most = 0;
    int best = decision->order[0];
    for (int at = 0; at < count; at++) {
        uint64_t weight = mix(key ^ table->hashes[decision->order[at]]);
        if (at && weight <= most) continue;
        most = weight, best = decision->order[at];
    }
    decision->order[0] = best;
    return 1;
}

/* Let `next` continue after the target that took it. */
static void turned(route_t *route, int target)
{
    if (route->pick != PICK_NEXT) return;
    for (int at = 0; at < route->target_count; at++)
        if (route->targets[at] == target) route->turn = at + 1;
}

/* Handle the backends in `waits`, which have no room, as `on-full` says. */
static void refused(table_t *table, route_t *route, decision_t *decision, bool any)
{
    decision->any = any;
    if (decision->blocks) return;
    count(&route->cells[R_FULL], any ? 1 : (uint64_t)decision->waiting);
    for (int at = 0; at < decision->waiting; at++)
        count(&table->cells[T_FULL + decision->waits[at]], 1);
    decision->waiting = 0;
    decision->lost = LOST_FULL;
    if (route->on_full == FULL_NEXT) decision->ended = false;
}

/* Offer it to all targets. */
static int to_all(step_t *step, route_t *route, int targets)
{
    decision_t *decision = step->decision;
    for (int at = 0; at < targets; at++) {
        bool last = decision->ended && at + 1 == targets && !decision->waiting;
        int taken = hand_to(step, decision->order[at], last);
        if (taken < 0) return taken;
        if (!taken) wait_for(decision, decision->order[at]);
    }
    if (decision->waiting) refused(step->table, route, decision, false);
    return 0;
}

/* Offer it until one target takes it. */
static int to_one(step_t *step, route_t *route, int targets)
{
    decision_t *decision = step->decision;
    for (int at = 0; at < targets; at++) {
        int taken = hand_to(step, decision->order[at], decision->ended);
        if (taken) {
            turned(route, decision->order[at]);
            return taken < 0 ? taken : 0;
        }
    }
    for (int at = 0; at < targets; at++) wait_for(decision, decision->order[at]);
    if (targets) refused(step->table, route, decision, true);
    return 0;
}

static int take_by(step_t *step, route_t *route)
{
    decision_t *decision = step->decision;
    count(&route->cells[R_MESSAGES], 1);
    count(&route->cells[R_BYTES], decision->bytes);
    decision->ended = !route->copy;
    decision->blocks = route->on_full == FULL_BLOCK;
    if (!route->target_count) {
        count(&step->table->cells[T_DROPPED], 1);
        decision->lost = LOST_ROUTE;
        return 0;
    }
    if (rename_first(route, decision) < 0) return -1;
    int targets = order_of(step->table, route, decision);
    return (route->pick == PICK_ALL ? to_all : to_one)(step, route, targets);
}

/* Handle a message that no route takes. */
static int take_unrouted(step_t *step)
{
    table_t *table = step->table;
    decision_t *decision = step->decision;
    decision->ended = true, decision->renamed = false, decision->blocks = !table->rest_drops;
    count(&table->cells[T_UNROUTED], 1);
    if (table->rest < 0) {
        count(&table->cells[T_DROPPED], 1);
        decision->lost = LOST_UNROUTED;
        return 0;
    }
    if (decision->given[table->rest] == decision->serial) return 0;
    int taken = hand_to(step, table->rest, true);
    if (taken) return taken < 0 ? taken : 0;
    decision->any = false;
    if (decision->blocks) return wait_for(decision, table->rest), 0;
    count(&table->cells[T_FULL + table->rest], 1);
    decision->lost = LOST_FULL;
    return 0;
}

/* ---- from route to route ---- */

/* The routes that the first frame may match: two ordered lists, walked as one. */
typedef struct {
    const int *some, *some_end, *always, *always_end;
} candidates_t;

static candidates_t candidates(const table_t *table, const prefix_t *found)
{
    const index_t *index = &table->index;
    candidates_t made = {NULL, NULL, index->always, index->always + index->always_count};
    if (found) made.some = found->routes, made.some_end = found->routes + found->count;
    return made;
}

/* Return the next one from route `at` on; -1 for none. Those of `always` must still be matched. */
static int next_candidate(candidates_t *of, int at)
{
    while (of->some < of->some_end && *of->some < at) of->some++;
    while (of->always < of->always_end && *of->always < at) of->always++;
    if (of->some == of->some_end) return of->always == of->always_end ? -1 : *of->always;
    if (of->always == of->always_end || *of->some < *of->always) return *of->some;
    return *of->always;
}

static bool fits_route(step_t *step, const route_t *route)
{
    if (route->certain) return true;
    return all_hold(step->table, step->decision, route->conditions, route->count);
}

/* Find the next route that takes it, or handle it as unrouted. */
static int look(step_t *step, candidates_t *of)
{
    decision_t *decision = step->decision;
    for (int at; (at = next_candidate(of, decision->at)) >= 0;) {
        route_t *route = &step->table->routes[at];
        decision->at = at + 1;
        if (!fits_route(step, route)) continue;
        int taken = within(route, decision, step->now);
        if (taken) return taken < 0 ? taken : take_by(step, route);
    }
    return take_unrouted(step);
}

/* Offer the waiting message to those of its backends that have room now. */
static int retry(step_t *step)
{
    decision_t *decision = step->decision;
    int still = 0, waited = decision->waiting;
    for (int at = 0; at < waited; at++) {
        int backend = decision->waits[at];
        bool last = decision->ended && (decision->any || (at + 1 == waited && !still));
        int taken = hand_to(step, backend, last);
        if (taken < 0) return taken;
        if (!taken) decision->waits[still++] = backend;
        else if (decision->any) {
            turned(&step->table->routes[decision->at - 1], backend);
            still = 0;
            break;
        }
    }
    decision->waiting = still;
    return 0;
}

static bool is_done(const decision_t *decision)
{
    return decision->ended && !decision->waiting;
}

/* Take it from route to route, as far as possible. */
static int go_on(step_t *step, const prefix_t *found)
{
    decision_t *decision = step->decision;
    int result = decision->waiting ? retry(step) : 0;
    candidates_t of = candidates(step->table, found);
    while (result >= 0 && !decision->waiting && !decision->ended) result = look(step, &of);
    return result;
}

/* Offer it to the only backend of a plain route. It is `take_by` without the parts that such a
 * route does not need, and is used for most messages. */
HOT int take_plain(step_t *step, route_t *route)
{
    decision_t *decision = step->decision;
    decision->at = (int)(route - step->table->routes) + 1;
    decision->ended = true;
    decision->blocks = route->on_full == FULL_BLOCK;
    count(&route->cells[R_MESSAGES], 1);
    count(&route->cells[R_BYTES], decision->bytes);
    int taken = step->offer(step->with, decision, route->only, true);
    if (taken) return taken < 0 ? taken : 0;
    wait_for(decision, route->only);
    refused(step->table, route, decision, false);
    return 0;
}

/* Take it as far as possible now; < 0 when something failed. It waits when `waiting` is not 0. */
HOT int advance(step_t *step)
{
    decision_t *decision = step->decision;
    const prefix_t *found = decision->count
        ? longest_prefix(&step->table->index, decision->frames[0]) : NULL;
    if (!decision->at && found && found->plain) {
        int result = take_plain(step, found->plain);
        if (result < 0 || decision->waiting || decision->ended) return result;
    }
    return go_on(step, found);
}

/* Begin with the message in `frames`, of `bytes` bytes. */
HOT void begin(table_t *table, decision_t *decision, size_t bytes)
{
    decision->at = decision->waiting = 0;
    decision->serial = ++table->serial;
    decision->any = decision->ended = decision->renamed = false;
    decision->lost = LOST_NOT;
    decision->bytes = bytes;
}
