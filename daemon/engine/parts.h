#ifndef ENGINE_PARTS_H
#define ENGINE_PARTS_H

/* What each file of this room does for the others; by way of room.h, which has what they share. */

#include "daemon/engine/room.h"

/* blocks.c: code evidence by blocks */
bool blocks_are_bits(const char *text);
/* Does FACT, of a source that is in state NOW, hold? False also where that is not known yet: then it
 * is in engine->unread. */
bool blocks_hold(struct engine *engine, const struct index_fact *fact,
                 const struct digest *now);
void blocks_forget_comparison(struct engine *engine);
/* Another interpreter takes sources apart from now on: what the old one was asked is asked anew. */
void blocks_forget_question(struct engine *engine);
/* The blocks that FACT names; "" where it names none. What of them is another now; NULL: not known.
 * The caller's. */
char *blocks_names(struct engine *engine, const struct index_fact *fact);
char *blocks_what_changed(struct engine *engine, const struct index_fact *fact,
                          const struct digest *now);
/* A verdict rests on PATH in STATE. */
void blocks_want(struct engine *engine, const char *path, const struct digest *state);
/* Asks what is to be asked, one question at a time. */
void blocks_ask(struct engine *engine);
/* Nothing can be concluded from changes before an answer is there. With nobody to give one, what is not
 * known does not hold. */
bool blocks_awaited(const struct engine *engine);
bool blocks_wanted(const struct engine *engine);

/* package.c: the packages of the project */
void packages_begin(struct engine *engine);
void packages_finish(struct engine *engine);
/* Asks which there are; makes, keeps and drops. */
void packages_find(struct engine *engine);
/* Whose PATH is: of those whose folder it lies in, the innermost. */
struct package *package_of(const struct engine *engine, const char *path);
/* NULL: there is none. */
struct package *package_at(const struct engine *engine, const char *path);
/* As the wire has it: "." for the root. */
const char *package_shown(const struct package *package);
/* The name of the fact that PACKAGE's environment has NAME; whose environment the fact FACT is about, or
 * NULL, and the name in there: the rest to its end or RET_LENGTH bytes. */
char *package_fact(const struct package *package, const char *name);
struct package *package_of_fact(const struct engine *engine, const char *fact,
                                size_t *ret_length);
/* Have all packages that matter told which files are their tests? */
bool packages_sorted(const struct engine *engine);
/* Does nothing of PACKAGE wait to be told, but for runs? */
bool package_at_rest(const struct package *package);
/* The first reason why tests of some package cannot be run, or NULL; with its name where there are
 * several. Until the next call. */
const char *packages_error(struct engine *engine);
/* Has it tests, as far as anybody knows? What is wrong with a package that has none hinders nobody. */
bool package_matters(const struct engine *engine, const struct package *package);
/* May PATH, told by its name, be a test file, before a worker has said which are? */
bool package_may_test(const char *path);
/* What the fact of which packages lie inside a package says now, where FACT is such a one, else NULL; its
 * name. The caller's. */
char *package_inside(const struct engine *engine, const char *fact);
char *package_inside_fact(const struct package *package);
/* How far the test file FILE is from a change of CAUSE, as a rank for the queue: 0 in the same package,
 * more the more other packages lie between; files of one package together. */
int64_t package_rank(struct engine *engine, const char *file, const char *cause);

/* environment.c: what workers tell of themselves */
/* Is VALUE, as a worker told it, what it was THEN? What came from another machine says nothing of what
 * holds on one alone. */
bool environment_same(const char *value, const char *then);
void variables_free(struct variable *variables, size_t count);
/* Have a host of each package that has not told of itself. */
void packages_warm(struct engine *engine);
/* Hosts are to be replaced: what is installed has changed. */
void packages_renew(struct engine *engine);
/* Do the blocks that PACKAGE's workers tell mean what those in the index do? */
bool packages_read(const struct engine *engine, const struct package *package);
/* The package whose workers take sources apart, or NULL. */
const char *packages_reader(const struct engine *engine);
/* Is there one, or may there be as soon as workers have told of themselves? */
bool packages_may_read(const struct engine *engine);

/* PACKAGE's worker says who it is: true where it is another than the one before; *RET_FRESH: in another
 * environment, which is to be judged. */
bool packages_learn(struct engine *engine, struct package *package,
                    const struct report *report, bool *ret_fresh);

/* told.c: what workers told need not be asked for again */
/* REPORT is a host's, and is of use for told_keep. */
void told_ready(struct engine *engine, struct package *package,
                const struct report *report);
/* REPORT answers which of package->asked are test files. */
void told_keep(struct engine *engine, struct package *package,
               const struct report *report);
/* PATH has really changed: which answers rest on it? CAME: or went. */
void told_changed(struct engine *engine, const char *path, bool came);
/* Asks again where that is called for. Nothing that runs waits for it. */
void told_doubt(struct engine *engine);
/* Packages whose worker would say what it said in an earlier life of the daemon have said it. */
void told_recall(struct engine *engine);

/* check.c: look at everything; which files are test files */
void check_everything(struct engine *engine);
void check_facts(struct engine *engine);
/* What may have changed without a word: all, or only files with several names. */
void check_silent(struct engine *engine);
/* The folders in which a change of what KIND of evidence says about PATH is told are watched from now on,
 * ignored or not. FOLDERS: for which that was done already; 1: only now they are. */
void check_follow(struct engine *engine, struct strset *folders, enum evidence_kind kind,
                  const char *path);
/* Test files that are no longer there leave, with all that is known of them. */
void check_removed(struct engine *engine);
void check_environment(struct engine *engine);
bool check_candidate(const struct engine *engine, const char *path);
/* PATH may be a test file: to be asked. */
void check_sort(struct engine *engine, const char *path);
/* Another number where the file at PATH is another one, or was written. */
int64_t check_mark(const struct engine *engine, const char *path);
/* May PATH be a test file of PACKAGE: would it be asked about? */
bool check_may_be(const struct engine *engine, const struct package *package,
                  const char *path);
/* REPORT tells which of package->asked are test files; to be called for all packages that have an answer
 * just now, and check_answered after it, likewise. */
void check_answer(struct engine *engine, struct package *package,
                  const struct report *report);
void check_answers_taken(struct engine *engine);
void check_answered(struct engine *engine, struct package *package);
void check_ask(struct engine *engine);
/* PACKAGE NULL: all that have told of themselves. */
void check_ask_all(struct engine *engine, struct package *package);

/* hidden.c: test files that are ignored, in words; the caller's. OK: none, or the settings say so. */
char *hidden_tests(const struct engine *engine, bool *ret_ok);

/* warm.c: what is kept ready for the next runs, and which folders go without, in words; the
 * caller's. */
char *warm_words(const struct engine *engine);

/* pick.c: which facts hold, and which test files must run for it */
/* An index_visit_fact: does FACT hold now? OWNER is the engine. */
void pick_judge(void *owner, const struct index_fact *fact);
bool pick_holds(struct engine *engine, const struct index_fact *fact);
/* PATH is evidence: note where nobody would tell that it was written. */
void pick_shared(struct engine *engine, const char *path);
/* The same where its name is one that watchers do not tell. */
void pick_heed(struct engine *engine, enum evidence_kind kind, const char *path);
/* Every file whose currency turned: queue it or take it out, and tell. CAUSES (may be NULL) are the
 * paths to name as reason first. */
void pick_turned(struct engine *engine, const struct strset *causes);
/* The value of the environment's NAME now; NULL: there is none. Until the next call. */
const char *pick_environment(struct engine *engine, const char *name);
/* Whatever is not current and not queued is wanted: at start, and as a net under all else. */
void pick_stragglers(struct engine *engine);
void pick_want(struct engine *engine, const char *path, enum reason reason,
               const char *cause, const char *detail, bool forced);
void pick_deferred(struct engine *engine);
void pick_remove_file(struct engine *engine, const char *file);

/* pick_batch.c: what follows when a burst of changes is over */
/* Does more follow from a change of PATH than from its being evidence? */
bool pick_decides(const struct engine *engine, const char *path);
/* May a file of this name make a package of its folder? */
bool pick_marks_package(const char *path);
void pick_changes(struct engine *engine, struct strset *paths);
/* Does what pick_turned put off, once it is known which sources have really changed. */
void pick_owed(struct engine *engine);
/* Whoever failed by an import may find it now that ADDED is there. */
void pick_failed_imports(struct engine *engine, const char *added);

/* run.c: runs that are on */
void run_start_what_fits(struct engine *engine, int64_t now);
/* FILE runs though nobody wants it to, only to be audited. False: not now. */
bool run_start_audit(struct engine *engine, const char *file, int64_t now);
/* Is a run of PACKAGE (NULL: any) on, or waiting for its cookie, that somebody may wait for? */
bool run_some_on(const struct engine *engine, const struct package *only);
struct run *run_find(struct engine *engine, int64_t id);
struct run *run_begin(struct engine *engine, const char *file, int64_t now);
void run_forget(struct engine *engine, struct run *run);
/* Was the wall clock set back while it was on? */
bool run_clock_stepped_back(const struct engine *engine, const struct run *run,
                            int64_t now);
void run_disturb(struct engine *engine, const char *path, bool entry, bool others);
void run_look(struct run *run, enum evidence_kind kind, const char *path,
              const struct report_identity *seen, const char *detail);
/* LEFT: how it left what it wrote; NULL: not known. */
void run_wrote(struct run *run, const char *path, const struct report_identity *left);
/* What another run of the same process told. */
void run_look_as(struct run *run, const struct look *look);
void run_wrote_as(struct run *run, const char *path, const struct identity *left);
const struct identity *run_left(const struct run *run, const char *path);
void run_result(struct run *run, const char *test, enum outcome outcome,
                double duration_ms, const char *exception, const char *report);
/* Did it do something that nobody told? */
bool run_is_unseen(const struct run *run);
/* RUN's process is over. */
void run_end(struct engine *engine, struct run *run);

/* triggers.c: evidence by the settings alone */

void triggers_finish(struct engine *engine);
/* A crawl finds PATH; a crawl begins. */
void triggers_learn(struct engine *engine, const char *path, bool is_directory);
void triggers_unlearn(struct engine *engine);
/* PATH may have come or gone. */
void triggers_changed(struct engine *engine, const char *path);
/* Whose triggers the evidence (KIND, NAME) is about; NULL: it is about something else. */
const char *triggers_file(enum evidence_kind kind, const char *name);
/* The paths that are evidence of FILE by a trigger now, as the detail of that evidence. The caller's. */
char *triggers_value(const struct engine *engine, const char *file);
/* Are they those that they were THEN? Also where no trigger can be for FILE any more. */
bool triggers_hold(const struct engine *engine, const char *file, const char *then);
/* Does FACT only say that there was no such path? */
bool triggers_are_none(const struct index_fact *fact);
/* All that is evidence of RUN by a trigger. */
void triggers_look(struct engine *engine, struct run *run);
/* One of PATHS that is evidence of FILE by a trigger, or was, or NULL. The caller's. */
char *triggers_match(const struct engine *engine, const char *file,
                     const struct strset *paths);
/* Judges the facts that follow from which paths there are, where these are others. */
void triggers_judge(struct engine *engine);

/* order.c: which tests of a file come first */
void order_note(struct run *run, const struct report *report);
void order_forget(struct run *run);
/* What RUN told of its tests, for the index; the array is the caller's, the rest the run's. */
struct index_tested *order_record(struct engine *engine, const struct run *run);
/* The tests of FILE that executed what has changed since; for order_free. Where that is not known
 * yet, blocks_awaited() from here on. */
char **order_first(struct engine *engine, const char *file);
void order_free(char **list);

/* company.c: test files that share a process */

/* The environment is another one: it also tells which files share a process. */
void company_configure(struct package *package);
/* All that run when FILE does, in their order, NULL at the end; for company_free. FILE alone where it has
 * a process of its own. */
char **company_files(const struct engine *engine, const char *file);
void company_free(char **files);
/* Does nothing that runs stand against any of them? */
bool company_may_start(const struct engine *engine, const char *file);
/* Are they in one? */
bool company_shared(const struct engine *engine, const char *file, const char *other);
/* The evidence that names those who run with FILE, or NULL; what it says now. The caller's. */
char *company_name(const struct engine *engine, const char *file);
bool company_is_name(const char *name);
char *company_value(const struct engine *engine, const char *name);
bool company_has(const struct run *run, const struct run *other);
/* That of FILE in RUN's process; NULL: it is not in it. FILE NULL: RUN. */
struct run *company_run(struct engine *engine, struct run *run, const char *file);
/* The one in RUN's process whose test is on, or NULL. */
const struct run *company_busy(const struct engine *engine, const struct run *run);
/* The process is over that RUN shared with others; FIRST has what it looked at. */
void company_finished(struct engine *engine, struct run *run, const struct run *first,
                      const struct engine_finished *finished);

/* shard.c: one part of the test files */

/* Is FILE in SHARD? Once all packages are sorted. */
bool shard_has(struct engine *engine, const struct shard *shard, const char *file);
/* Is it run here, as far as anybody knows? */
bool shard_wants(struct engine *engine, const char *file);
/* Nothing is started before. */
bool shard_is_known(const struct engine *engine);
/* Deals out what there is, once all of it is known. */
void shard_begin(struct engine *engine);

/* opened.c: opens that no run explains */
void opened_open(struct engine *engine);
void opened_close(struct engine *engine);
/* A tree_on_open: the daemon itself, or a worker at its word, opens PATH. OWNER is the engine. */
void opened_own(void *owner, const char *path);
void opened_cookie_asked(struct engine *engine, uint64_t cookie);
void opened_cookie_back(struct engine *engine, uint64_t cookie);
void opened_run_begins(struct engine *engine, struct run *run);
/* RUN is over and left VERDICT; 0: none. Its cookie is back. */
void opened_run_ends(struct engine *engine, const struct run *run, int64_t verdict);
void opened_idle(struct engine *engine, int64_t now);
/* RUN, by hand, is over: what was opened meanwhile and it does not explain is evidence, too. */
void opened_by_hand_over(struct engine *engine, struct run *run);
int64_t opened_deadline(const struct engine *engine);
void opened_tick(struct engine *engine, int64_t now);

/* audit.c: verdicts that are current, run again to see whether they are true */
void audit_open(struct engine *engine);
void audit_close(struct engine *engine);
/* TICKET waits for all of FILES. */
void audit_want(struct engine *engine, uint64_t ticket, const struct strset *files);
/* The end of each turn, when all has been started that is wanted: go on, or make room. */
void audit_turn(struct engine *engine, int64_t now);
/* RUN was started, maybe for an audit. */
void audit_run_begins(struct engine *engine, struct run *run);
/* RUN is over and, where it is RECORDED, left a verdict. */
void audit_run_ends(struct engine *engine, struct run *run, bool recorded, int64_t now);
int64_t audit_deadline(const struct engine *engine);
void audit_tick(struct engine *engine, int64_t now);

/* audit_list.c */
/* The COUNT files that are to be audited first; UNAUDITED: only those whose verdict never was. */
struct strset audit_choose(struct engine *engine, size_t count, bool unaudited);
/* What was found, in words; the caller's. OK: no verdict was stale when it was audited last. */
char *audit_words(const struct engine *engine, bool *ret_ok);

/* finding.c: a run held against the verdict that was current when it began */
struct audit_finding {
    bool disturbed;   /* by an edit: it says nothing */
    bool differs;     /* in the outcome of a test */
    bool known_flaky; /* the verdict was */
    bool more_now;    /* the run looked at what the verdict does not rest on */
    char *first_now, *first_moved;                  /* a path of each kind, or NULL */
    json_t *tests, *only_now, *only_before, *moved; /* as in PROTOCOL.md */
    int64_t more;                                   /* how many of these were left out */
    struct index_fact *before;                      /* what the verdict rests on */
    size_t before_count, before_capacity;
};
/* Before its verdict, which rests on ITEMS, is stored. */
struct audit_finding *finding_new(struct engine *engine, const struct run *run,
                                  const struct index_evidence *items, size_t count);
/* When it is: in what do they rest on something else? */
void finding_compare(struct engine *engine, const char *file,
                     struct audit_finding *finding);
void finding_free(struct audit_finding *finding);

/* conflict.c: test files that disturb each other */
void conflict_note(struct engine *engine, const struct run *run);
void conflict_forget_writes(struct engine *engine);
/* CHANGE disturbed RUN: was it another run's doing? */
void conflict_learn(struct engine *engine, const struct run *run,
                    const struct disturbance *change);
/* Is something on that FILE must not run beside? */
bool conflict_now(const struct engine *engine, const char *file);

/* rewrites.c: what a run read and then wrote, and whether it was alone */

/* Was what RUN saw by LOOK left alone since, whatever was told about it? */
bool rewrites_untouched(const struct engine *engine, const struct run *run,
                        const struct look *look);
/* Of the evidence of RUN, what is not as the run left it becomes unsure, and doubtful. */
void rewrites_doubt(const struct engine *engine, struct run *run,
                    struct index_evidence *items, size_t count);

/* verdict.c: a run is over and every change was told */
void verdict_conclude(struct engine *engine, struct run *run, int64_t now);

/* restless.c: test files that are disturbed in each of their runs */
void restless_finish(struct engine *engine);
/* RUN is over, and run->disturbed says whether it was. */
void restless_note(struct engine *engine, const struct run *run, int64_t now);
/* Why FILE runs again, in words. The caller's. */
char *restless_detail(const struct engine *engine, const char *file);
/* Is it too early for JOB? */
bool restless_pauses(const struct engine *engine, const struct sched_job *job,
                     int64_t now);
/* When the next pause is over. */
int64_t restless_deadline(const struct engine *engine);

/* recheck.c: what no event tells */
void recheck_begin(struct engine *engine, int64_t now);
void recheck_tick(struct engine *engine, int64_t now);

/* git.c: when what git does is one change */
/* Where that shows: at the begin, after a crawl, and when a .git comes or goes. */
void git_find(struct engine *engine);
void git_finish(struct engine *engine);
void git_changed(struct engine *engine, const char *path, int64_t now);
/* Is PATH what git writes for itself, in a repository that no test looks at? */
bool git_keeps(struct engine *engine, const char *path);
/* The burst that it held up is judged, whether git is through or not. */
void git_waited_for(struct engine *engine, int64_t now);

/* progress.c: what is told of a run that is on */
void progress_test(struct engine *engine, struct run *run, const char *test, int64_t now);
void progress_result(struct engine *engine, struct run *run, const struct report *report);
void progress_output(struct engine *engine, const struct run *run, const char *bytes,
                     size_t length);
int64_t progress_deadline(const struct engine *engine);
void progress_tick(struct engine *engine, int64_t now);

/* tidy.c: the index, when there is time */
void tidy_note_run(struct engine *engine, int64_t now);
int64_t tidy_deadline(const struct engine *engine);
void tidy_tick(struct engine *engine, int64_t now);
/* What to record of a child that ended badly; nothing where it ended well. */
void verdict_of_end(struct run *run, const struct engine_finished *finished);
/* The same where it was BUSY's test, in the same process, that was on then. */
void verdict_of_company(struct run *run, const struct run *busy,
                        const struct engine_finished *finished);

/* manual.c: runs made by hand */
void manual_begin(struct engine *engine, uint64_t ticket, int64_t now);
void manual_end(struct engine *engine, uint64_t ticket, const json_t *params,
                int64_t now);

/* wait.c */
void wait_finish(struct engine *engine);
/* PACKAGE NULL: all are waited for. */
void wait_add(struct engine *engine, uint64_t ticket, const struct package *package,
              const json_t *params, int64_t now);
void wait_check(struct engine *engine, int64_t now);
void wait_refuse(struct engine *engine, const char *message);

/* news.c */
/* PACKAGE NULL: of all. */
struct stats news_stats(struct engine *engine, const struct package *package);
enum daemon_state news_state(const struct engine *engine);
const char *news_message(struct engine *engine);
json_t *news_status(struct engine *engine, const struct package *package, int64_t now);
/* From now on FILE alone is started; NULL: all are. */
void run_focus(struct engine *engine, const char *file);
bool run_waits_for_focus(const struct engine *engine);
json_t *news_file(struct engine *engine, const struct index_file *file);
void news_of_file(struct engine *engine, const struct index_file *file);
void news_of_results(struct engine *engine, const char *file);
void news_of_change(struct engine *engine, size_t seen);
/* What was red when the last daemon left is no news. */
void news_begin(struct engine *engine);
/* Tells what changed since it was told last. */
void news_flush(struct engine *engine);
/* Nothing runs, waits or is being asked; of PACKAGE, or NULL: of all. */
bool engine_at_rest(const struct engine *engine, const struct package *package);
/* The same, whatever runs just now. */
bool engine_wants_nothing(const struct engine *engine, const struct package *package);
/* And every change that was told has been judged. */
bool engine_settled(const struct engine *engine, const struct package *package);
/* Something has changed, or somebody wants it: go on after a failure. */
void engine_go_on(struct engine *engine);

#endif
