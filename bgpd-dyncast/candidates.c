// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Builds candidate sets; see candidates.h.
 *
 * One D-BID may come over several paths (add-path from two reflectors, a
 * ring of reflectors): the copy that was received last counts, which is also
 * the one with the lowest age; then the lowest peer address, so that the
 * choice is stable.  A local instance always wins over a learnt one.
 *
 * Of more candidates than a set holds those that zebra has stay, in whatever
 * order bgpd has their paths.  The others lose no flows either that they may
 * have from before: their sites are not named in the set, so that it does not
 * say that they were removed (failure rule (b)).
 */

#include "candidates.h"
#include "site.h"

struct builder {
	const struct dyncast_track *track;
	struct dyncast_set *set;
	struct dyncast_site_view views[DYNCAST_CANDIDATES_MAX];
	/* of each candidate: where it came from; NULL when local */
	const struct dyncast_path *from[DYNCAST_CANDIDATES_MAX];
	int64_t now;
	unsigned int left_out; /* what paths name and has no room */
};

static struct dyncast_candidate *candidate_find(struct dyncast_set *set,
						const struct dyncast_addr *dbid)
{
	unsigned int i;

	for (i = 0; i < set->n_candidates; i++)
		if (!dyncast_addr_cmp(&set->candidates[i].instance.dbid, dbid))
			return &set->candidates[i];
	return NULL;
}

static void local_add(struct builder *b, const struct dyncast_local *local)
{
	struct dyncast_candidate *c;
	struct dyncast_addr dbid;
	uint8_t kind = dyncast_local_dbid(local, &dbid);

	if (kind == DYNCAST_KIND_NONE ||
	    b->set->n_candidates == DYNCAST_CANDIDATES_MAX)
		return;
	b->from[b->set->n_candidates] = NULL;
	b->views[b->set->n_candidates] = dyncast_site_local();
	c = &b->set->candidates[b->set->n_candidates++];
	c->instance.dbid = dbid;
	c->instance.kind = kind;
	c->instance.flags = dyncast_local_flags(local);
	c->instance.metrics = dyncast_local_metrics(local, b->now);
	strlcpy(c->instance.name, local->name, sizeof(c->instance.name));
	c->address = local->address;
}

static bool path_fresher(const struct dyncast_path *a,
			 const struct dyncast_path *b)
{
	if (a->received_ms != b->received_ms)
		return a->received_ms > b->received_ms;
	return dyncast_addr_cmp(&a->peer, &b->peer) < 0;
}

/* A site that tells a score alone (C2): it stands for the room that is left. */
static void score_act(struct dyncast_metrics *m)
{
	if (!(m->has & DYNCAST_HAS_SCORE) || (m->has & DYNCAST_HAS_CAPACITY))
		return;
	m->has |= DYNCAST_HAS_CAPACITY;
	m->capacity = MAX(m->score * 10, 1);
}

static void learnt_add(struct builder *b, const struct dyncast_path *path,
		       const struct dyncast_instance *in)
{
	struct dyncast_candidate *c = candidate_find(b->set, &in->dbid);
	uint64_t age;
	size_t at;

	if (!c) {
		if (b->set->n_candidates == DYNCAST_CANDIDATES_MAX) {
			b->left_out++;
			return;
		}
		c = &b->set->candidates[b->set->n_candidates++];
	} else {
		at = c - b->set->candidates;
		if (!b->from[at] || !path_fresher(path, b->from[at]))
			return;
	}
	at = c - b->set->candidates;
	b->from[at] = path;
	b->views[at] = dyncast_site_learnt(b->track, path);
	c->instance = *in;
	c->site = path->nexthop;
	age = in->metrics.age_ms + (uint64_t)(b->now - path->received_ms);
	c->instance.metrics.age_ms = MIN(age, UINT32_MAX);
	score_act(&c->instance.metrics);
}

static void site_add(struct dyncast_set *set, const struct dyncast_addr *site)
{
	unsigned int i;

	if (set->n_sites == DYNCAST_CANDIDATES_MAX)
		return;
	for (i = 0; i < set->n_sites; i++)
		if (!dyncast_addr_cmp(&set->sites[i], site))
			return;
	set->sites[set->n_sites++] = *site;
}

/* Is the policy in this path to be followed?  The service's own line wins,
 * then what kind of neighbor it comes from. */
static bool policy_follows(const struct dyncast_service *service,
			   const struct dyncast_path *path)
{
	if (!path->valid || path->state != DYNCAST_PATH_OK || path->feed ||
	    !(path->site.has & DYNCAST_SITE_HAS_POLICY))
		return false;
	if (service && service->consent)
		return service->consent == DYNCAST_CONSENT_ACCEPT;
	return path->trusts_policy;
}

/* line by line: what one line of the configuration says stays together */
static void wanted_fill(struct dyncast_policy *policy,
			const struct dyncast_policy *wanted)
{
	if (!policy->action) {
		policy->action = wanted->action;
		policy->hysteresis = wanted->hysteresis;
		policy->hold_s = wanted->hold_s;
	}
	if (!policy->cost) {
		policy->cost = wanted->cost;
		policy->alpha = wanted->alpha;
	}
	if (!policy->affinity) {
		policy->affinity = wanted->affinity;
		policy->plen = wanted->plen;
		policy->timeout_s = wanted->timeout_s;
	}
	if (!policy->max_utilisation && !policy->min_score &&
	    !policy->max_delay_us && !policy->max_network_us) {
		policy->max_utilisation = wanted->max_utilisation;
		policy->min_score = wanted->min_score;
		policy->max_delay_us = wanted->max_delay_us;
		policy->max_network_us = wanted->max_network_us;
	}
}

/*
 * The ingress's own configuration first; what it leaves open, the owner of
 * the service decides (E3).  Of several owners the one with the lowest next
 * hop, so that all ingresses agree.
 */
static void policy_merge(struct dyncast_policy *policy,
			 const struct dyncast_service *service,
			 const struct dyncast_path *paths)
{
	const struct dyncast_path *path, *owner = NULL;

	for (path = paths; path; path = path->next)
		if (policy_follows(service, path) &&
		    (!owner ||
		     dyncast_addr_cmp(&path->nexthop, &owner->nexthop) < 0))
			owner = path;
	if (!owner)
		return;
	wanted_fill(policy, &owner->policy);
}

/* as if there were no such path: another AS's, or an instance's own */
static bool path_ignored(const struct dyncast_path *path)
{
	return path->feed || path->state == DYNCAST_PATH_SCOPE;
}

/*
 * Does it say what its site has, and what not any more?  One that cannot be
 * read removes nobody.  Without a next hop it would look like one of this site.
 */
static bool path_speaks(const struct dyncast_path *path)
{
	return path->valid && path->nexthop.family &&
	       path->state != DYNCAST_PATH_MALFORMED;
}

static int candidate_order(const void *a, const void *b)
{
	const struct dyncast_candidate *x = a, *y = b;

	return dyncast_addr_cmp(&x->instance.dbid, &y->instance.dbid);
}

static int site_order(const void *a, const void *b)
{
	return dyncast_addr_cmp(a, b);
}

/* zebra's copy is kept as long as the prefix: give back what is not used */
static void set_shrink(struct dyncast_set *set)
{
	void *smaller;

	smaller =
		realloc(set->sites, MAX(set->n_sites, 1) * sizeof(*set->sites));
	if (smaller)
		set->sites = smaller;
	smaller = realloc(set->candidates,
			  MAX(set->n_candidates, 1) * sizeof(*set->candidates));
	if (smaller)
		set->candidates = smaller;
}

/* instances here and in paths, one for each time that it is named */
static size_t named_count(const struct dyncast_track *track,
			  const struct dyncast_service *service)
{
	size_t n = service ? dyncast_locals_count(&service->locals) : 0;
	const struct dyncast_path *path;

	for (path = track->paths; path; path = path->next)
		n += path->n_instances;
	return n;
}

/* an empty set with room for what its paths and instances may fill; false: no
 * memory */
static bool set_make(const struct dyncast_track *track,
		     const struct dyncast_service *service,
		     struct dyncast_set *set)
{
	size_t candidates = 1 + named_count(track, service), sites = 1;
	const struct dyncast_path *path;

	for (path = track->paths; path; path = path->next)
		sites++;
	memset(set, 0, sizeof(*set));
	set->service = track->key;
	set->sites =
		calloc(MIN(sites, DYNCAST_CANDIDATES_MAX), sizeof(*set->sites));
	set->candidates = calloc(MIN(candidates, DYNCAST_CANDIDATES_MAX),
				 sizeof(*set->candidates));
	if (set->sites && set->candidates)
		return true;
	dyncast_set_fini(set);
	return false;
}

bool dyncast_candidates_none(const struct dyncast_track *track,
			     struct dyncast_set *set)
{
	const struct dyncast_path *path;

	if (!set_make(track, NULL, set))
		return false;
	for (path = track->paths; path; path = path->next)
		if (path_speaks(path) && !path_ignored(path))
			site_add(set, &path->nexthop);
	qsort(set->sites, set->n_sites, sizeof(*set->sites), site_order);
	set_shrink(set);
	return true;
}

/* Enter what paths name: all, or only what was in the last set, or was not. */
enum which { WHICH_ALL, WHICH_SENT, WHICH_OTHERS };

static void paths_add(struct builder *b, enum which which)
{
	const struct dyncast_set *sent = &b->track->sent;
	struct dyncast_candidate ref;
	const struct dyncast_path *path;
	unsigned int i;
	bool was_sent;

	for (path = b->track->paths; path; path = path->next) {
		if (path_ignored(path) || !path_speaks(path))
			continue;
		for (i = 0; i < path->n_instances; i++) {
			ref.instance.dbid = path->instances[i].dbid;
			was_sent = which != WHICH_ALL && sent->n_candidates &&
				   bsearch(&ref, sent->candidates,
					   sent->n_candidates, sizeof(ref),
					   candidate_order);
			if (which == WHICH_ALL ||
			    was_sent == (which == WHICH_SENT))
				learnt_add(b, path, &path->instances[i]);
		}
	}
}

/* is all that the path names in the set? */
static bool path_is_whole(const struct builder *b,
			  const struct dyncast_path *path)
{
	unsigned int i;

	for (i = 0; b->left_out && i < path->n_instances; i++)
		if (!candidate_find(b->set, &path->instances[i].dbid))
			return false;
	return true;
}

/* the order must not be that of arrival; views belong to places before */
static void set_finish(struct builder *b)
{
	struct dyncast_set *set = b->set;

	dyncast_site_act(set, b->views);
	qsort(set->candidates, set->n_candidates, sizeof(*set->candidates),
	      candidate_order);
	qsort(set->sites, set->n_sites, sizeof(*set->sites), site_order);
	set_shrink(set);
}

bool dyncast_candidates_build(const struct dyncast_track *track,
			      struct dyncast_set *set, unsigned int *left_out)
{
	struct dyncast_service *service = dyncast_service_find_key(&track->key);
	struct builder b;
	const struct dyncast_path *path;
	struct dyncast_local *local;
	bool any = service != NULL;

	if (!set_make(track, service, set))
		return false;
	b.track = track;
	b.set = set;
	b.now = dyncast_now_ms();
	b.left_out = 0;
	if (service) {
		strlcpy(set->name, service->name, sizeof(set->name));
		set->policy = service->policy;
		set->override = service->override;
		frr_each (dyncast_locals, &service->locals, local)
			local_add(&b, local);
	}
	if (named_count(track, service) <= DYNCAST_CANDIDATES_MAX) {
		paths_add(&b, WHICH_ALL);
	} else {
		paths_add(&b, WHICH_SENT);
		paths_add(&b, WHICH_OTHERS);
	}
	for (path = track->paths; path; path = path->next) {
		if (path_ignored(path))
			continue;
		if (path->state != DYNCAST_PATH_PLAIN &&
		    !dyncast_site_standalone(path))
			any = true;
		if (path_speaks(path) && path_is_whole(&b, path))
			site_add(set, &path->nexthop);
	}
	*left_out = b.left_out;
	if (!any) {
		dyncast_set_fini(set);
		return false;
	}
	policy_merge(&set->policy, service, track->paths);
	set_finish(&b);
	return true;
}

bool dyncast_candidates_to_send(struct dyncast_track *track,
				struct dyncast_set *set)
{
	unsigned int left_out = 0, before = track->left_out;
	char text[DYNCAST_PREFIX_STRLEN];
	bool any = dyncast_candidates_build(track, set, &left_out);

	track->left_out = left_out;
	if (left_out && !before)
		zlog_warn(
			"dyncast: the paths of %s name %u instances more than the %u that a service can have here: those get no new flows from this router",
			dyncast_prefix_str(&track->key.prefix, text,
					   sizeof(text)),
			left_out, DYNCAST_CANDIDATES_MAX);
	return any;
}

bool dyncast_candidates_wait(const struct dyncast_track *track)
{
	const struct dyncast_service *service =
		dyncast_service_find_key(&track->key);

	return service && !track->sent_valid && dyncast_service_waits(service);
}

static bool metrics_same(const struct dyncast_metrics *a,
			 const struct dyncast_metrics *b)
{
	return a->has == b->has && a->score == b->score &&
	       a->utilisation == b->utilisation && a->capacity == b->capacity &&
	       a->in_flight == b->in_flight && a->delay_us == b->delay_us &&
	       a->rate == b->rate;
}

bool dyncast_candidates_same(const struct dyncast_set *a,
			     const struct dyncast_set *b)
{
	unsigned int i;

	if (strcmp(a->name, b->name) || a->n_sites != b->n_sites ||
	    a->n_candidates != b->n_candidates ||
	    memcmp(&a->policy, &b->policy, sizeof(a->policy)) ||
	    memcmp(&a->override, &b->override, sizeof(a->override)))
		return false;
	for (i = 0; i < a->n_sites; i++)
		if (dyncast_addr_cmp(&a->sites[i], &b->sites[i]))
			return false;
	for (i = 0; i < a->n_candidates; i++) {
		const struct dyncast_candidate *x = &a->candidates[i];
		const struct dyncast_candidate *y = &b->candidates[i];

		if (dyncast_addr_cmp(&x->instance.dbid, &y->instance.dbid) ||
		    x->instance.kind != y->instance.kind ||
		    x->instance.flags != y->instance.flags ||
		    strcmp(x->instance.name, y->instance.name) ||
		    dyncast_addr_cmp(&x->site, &y->site) ||
		    dyncast_addr_cmp(&x->address, &y->address) ||
		    x->withheld != y->withheld ||
		    !metrics_same(&x->instance.metrics, &y->instance.metrics))
			return false;
	}
	return true;
}
