#include "tests/support/serve_room.h"
#include "tests/support/suite.h"

#include <sys/stat.h>
#include <sys/wait.h>

/* The conversation: who says what, in which order. */

static struct room room;

static void setup(void)
{
    room_init(&room);
}

static void teardown(void)
{
    room_finish(&room);
}

START_TEST(hello_comes_first_and_unasked)
{
    struct client client;
    struct incoming hello;
    client_connect(&client, &room);
    const char *line = hear(&room, &client);
    ck_assert_int_eq(incoming_decode(line, strlen(line), &hello), 0);
    ck_assert_str_eq(hello.method, "hello");
    const char *version = NULL, *root = NULL;
    int major = -1, minor = -1, pid = -1, epoch = -1, seq = -1, limit = -1;
    json_t *methods = NULL, *topics = NULL;
    ck_assert_int_eq(json_unpack(hello.params,
                                 "{s:{s:i, s:i}, s:s, s:s, s:i, s:i, s:i, s:{s:o, s:o}, "
                                 "s:{s:i}}",
                                 "protocol", "major", &major, "minor", &minor, "version",
                                 &version, "root", &root, "pid", &pid, "epoch", &epoch,
                                 "seq", &seq, "capabilities", "methods", &methods,
                                 "topics", &topics, "limits", "line", &limit),
                     0);
    ck_assert_int_eq(major, MESSAGE_MAJOR);
    ck_assert_int_eq(minor, MESSAGE_MINOR);
    ck_assert_str_eq(root, "/project");
    ck_assert_int_eq(pid, getpid());
    ck_assert_int_eq(epoch, ROOM_EPOCH);
    ck_assert_int_eq(seq, ROOM_SEQ);
    ck_assert_int_eq(limit, MESSAGE_LINE_LIMIT);
    ck_assert_uint_eq(json_array_size(methods), METHOD_STOP + 1);
    ck_assert_uint_eq(json_array_size(topics), TOPIC_COUNT);
    incoming_finish(&hello);
    expect_silence(&room, &client);
    client_leave(&client);
}
END_TEST

START_TEST(a_request_gets_exactly_one_reply_with_its_id)
{
    struct client client;
    struct fault fault;
    client_join(&client, &room);
    say(&room, &client, STATUS(1));
    say(&room, &client, "{\"jsonrpc\":\"2.0\",\"id\":\"two\",\"method\":\"files\"}");
    say(&room, &client, STATUS(3));
    expect_silence(&room, &client);
    ck_assert_uint_eq(room.ticket_count, 3);
    server_reply(room.server, room.tickets[1], room_json("{\"a\":1}"));
    expect(&room, &client, "{\"jsonrpc\":\"2.0\",\"id\":\"two\",\"result\":{\"a\":1}}");
    fault_set(&fault, FAULT_TIMEOUT, "too late");
    server_refuse(room.server, room.tickets[2], &fault);
    server_reply(room.server, room.tickets[0], room_json("{}"));
    expect_fault(&room, &client, 3, FAULT_TIMEOUT, "too late");
    expect(&room, &client, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}");
    for (int i = 0; i < 3; i++) {
        server_reply(room.server, room.tickets[i], room_json("{}"));
        server_refuse(room.server, room.tickets[i], &fault);
    }
    expect_silence(&room, &client);
    client_leave(&client);
}
END_TEST

START_TEST(what_cannot_be_read_is_answered_with_id_null)
{
    static const char *const lines[] = {
        "", "{", "[]", "17", "{\"id\":[],\"method\":\"status\"}", "\xff\xfe"};
    struct client client;
    room.answers = true;
    client_join(&client, &room);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        say(&room, &client, lines[i]);
        hear(&room, &client);
        ck_assert_msg(strstr(client.line, "\"id\":null,\"error\"") != NULL, "%s",
                      client.line);
    }
    say(&room, &client, STATUS(1));
    expect(&room, &client, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}");
    client_leave(&client);
}
END_TEST

START_TEST(a_line_that_is_too_long_is_skipped_and_told_once)
{
    struct client client;
    size_t length = 3 * MESSAGE_LINE_LIMIT;
    autofree char *line = xmalloc(length);
    memset(line, 'x', length);
    line[length - 1] = '\n';
    room.answers = true;
    client_join(&client, &room);
    ck_assert(say_bytes(&room, &client, line, length));
    say(&room, &client, STATUS(1));
    expect_fault(&room, &client, -1, FAULT_TOO_LONG, "1048576");
    expect(&room, &client, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}");
    client_leave(&client);
}
END_TEST

START_TEST(an_unknown_method_is_an_error_for_its_asker)
{
    struct client client;
    client_join(&client, &room);
    say(&room, &client, "{\"id\":4,\"method\":\"stauts\"}");
    expect_fault(&room, &client, 4, FAULT_UNKNOWN_METHOD, "stauts");
    ck_assert_uint_eq(room.requests, 0);
    client_leave(&client);
}
END_TEST

START_TEST(a_notification_is_not_answered)
{
    struct client client;
    client_join(&client, &room);
    say(&room, &client, "{\"method\":\"touch\"}");
    say(&room, &client, "{\"method\":\"unheard_of\"}");
    say(&room, &client, "{\"method\":\"subscribe\",\"params\":{\"topics\":[\"what\"]}}");
    say(&room, &client, "{\"method\":\"unsubscribe\"}");
    expect_silence(&room, &client);
    ck_assert_uint_eq(room.requests, 1);
    ck_assert_uint_eq(room.ticket_count, 0);
    server_reply(room.server, 0, room_json("{}"));
    expect_silence(&room, &client);
    client_leave(&client);
}
END_TEST

START_TEST(a_client_that_stopped_talking_still_gets_its_answers)
{
    struct client client;
    client_join(&client, &room);
    say(&room, &client, STATUS(1));
    say(&room, &client, STATUS(2));
    shutdown(client.fd, SHUT_WR);
    expect_silence(&room, &client);
    server_reply(room.server, room.tickets[0], room_json("{}"));
    expect(&room, &client, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}");
    expect_silence(&room, &client);
    server_reply(room.server, room.tickets[1], room_json("{}"));
    expect(&room, &client, "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{}}");
    expect_end(&room, &client);
    ck_assert_uint_eq(room.poller.count, 1);
    client_leave(&client);
}
END_TEST

START_TEST(a_last_line_without_its_newline_is_an_error_and_not_silence)
{
    struct client client;
    client_join(&client, &room);
    ck_assert(say_bytes(&room, &client, STATUS(1), strlen(STATUS(1))));
    expect_silence(&room, &client);
    shutdown(client.fd, SHUT_WR);
    expect_fault(&room, &client, -1, FAULT_PARSE, "newline");
    expect_end(&room, &client);
    client_leave(&client);
}
END_TEST

START_TEST(what_was_said_before_leaving_is_heard)
{
    struct client client;
    client_connect(&client, &room); /* gone before hello could be written */
    static const char line[] = "{\"method\":\"touch\"}\n";
    ck_assert_int_eq(write(client.fd, line, sizeof line - 1), sizeof line - 1);
    client_leave(&client);
    settle(&room);
    ck_assert_uint_eq(room.requests, 1);
    ck_assert_uint_eq(room.poller.count, 1);
}
END_TEST

START_TEST(an_answer_for_a_client_that_is_gone_is_dropped)
{
    struct client client, other;
    client_join(&client, &room);
    say(&room, &client, STATUS(1));
    client_leave(&client);
    settle(&room);
    client_join(&other, &room);
    say(&room, &other, STATUS(1));
    ck_assert_uint_eq(room.ticket_count, 2);
    ck_assert_uint_ne(room.tickets[0], room.tickets[1]);
    server_reply(room.server, room.tickets[0], room_json("{\"for\":\"nobody\"}"));
    expect_silence(&room, &other);
    server_reply(room.server, room.tickets[1], room_json("{}"));
    expect(&room, &other, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}");
    client_leave(&other);
}
END_TEST

START_TEST(a_new_subscriber_gets_a_snapshot_and_then_each_step)
{
    struct client client;
    client_join(&client, &room);
    room.state = "{\"state\":\"idle\"}";
    publish(&room, TOPIC_STATS, "{\"n\":1}");
    expect_silence(&room, &client);
    say(&room, &client,
        "{\"id\":1,\"method\":\"subscribe\",\"params\":{\"topics\":[\"green\",\"stats\"]}"
        "}");
    expect(&room, &client,
           "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"epoch\":7,\"seq\":41,\"topics\":["
           "\"stats\",\"green\"]}}");
    expect(
        &room, &client,
        "{\"jsonrpc\":\"2.0\",\"method\":\"snapshot\",\"params\":{\"epoch\":7,\"seq\":41,"
        "\"why\":\"new\",\"state\":\"idle\"}}");
    publish(&room, TOPIC_STATS, "{\"n\":2}");
    publish(&room, TOPIC_RED, "{}");
    publish(&room, TOPIC_GREEN, "{}");
    expect(&room, &client,
           "{\"jsonrpc\":\"2.0\",\"method\":\"stats\",\"params\":{\"n\":2,\"seq\":42}}");
    expect(&room, &client,
           "{\"jsonrpc\":\"2.0\",\"method\":\"green\",\"params\":{\"seq\":44}}");
    expect_silence(&room, &client);
    ck_assert_int_eq(server_seq(room.server), 44);
    client_leave(&client);
}
END_TEST

START_TEST(without_topics_a_subscriber_gets_all_of_them)
{
    struct client client;
    client_join(&client, &room);
    say(&room, &client, "{\"id\":1,\"method\":\"subscribe\"}");
    hear(&room, &client);
    expect_method(&room, &client, "snapshot");
    for (enum topic topic = 0; topic < TOPIC_COUNT; topic++)
        publish(&room, topic, "{}");
    for (enum topic topic = 0; topic < TOPIC_COUNT; topic++) {
        autofree char *line =
            xasprintf("{\"jsonrpc\":\"2.0\",\"method\":\"%s\",\"params\":{\"seq\":%d}}",
                      topic_names[topic], ROOM_SEQ + 1 + (int)topic);
        expect(&room, &client, line);
    }
    client_leave(&client);
}
END_TEST

START_TEST(an_unknown_topic_is_refused_naming_the_known_ones)
{
    static const char *const params[] = {"{\"topics\":[\"stats\",\"tests\"]}",
                                         "{\"topics\":\"stats\"}",
                                         "{\"topics\":[1]}",
                                         "{\"since\":5}",
                                         "{\"since\":{\"epoch\":7}}",
                                         "{\"since\":{\"epoch\":7,\"seq\":\"4\"}}"};
    static const char *const texts[] = {
        "stats, result, file.failures", "list", "list", "since", "since", "since"};
    struct client client;
    client_join(&client, &room);
    for (size_t i = 0; i < sizeof params / sizeof *params; i++) {
        autofree char *line =
            xasprintf("{\"id\":1,\"method\":\"subscribe\",\"params\":%s}", params[i]);
        say(&room, &client, line);
        expect_fault(&room, &client, 1, FAULT_BAD_PARAMS, texts[i]);
    }
    say(&room, &client,
        "{\"id\":1,\"method\":\"subscribe\",\"params\":{\"topics\":["
        "\"012345678901234567890123"
        "45678901234567\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\"]}}");
    expect_fault(&room, &client, 1, FAULT_BAD_PARAMS, "bye");
    ck_assert(!server_listened(room.server, TOPIC_STATS));
    client_leave(&client);
}
END_TEST

START_TEST(unsubscribe_ends_the_stream)
{
    struct client client;
    client_subscribe(&client, &room, "[\"run.output\"]");
    ck_assert(server_listened(room.server, TOPIC_RUN_OUTPUT));
    ck_assert(!server_listened(room.server, TOPIC_STATS));
    say(&room, &client, "{\"id\":2,\"method\":\"unsubscribe\"}");
    expect(&room, &client, "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{}}");
    publish(&room, TOPIC_RUN_OUTPUT, "{}");
    expect_silence(&room, &client);
    ck_assert(!server_listened(room.server, TOPIC_RUN_OUTPUT));
    client_leave(&client);
}
END_TEST

static void resume(struct client *client, int epoch, int64_t seq)
{
    autofree char *line =
        xasprintf("{\"id\":1,\"method\":\"subscribe\",\"params\":{\"topics\":["
                  "\"stats\"],\"since\":{\"epoch\":%d,\"seq\":%lld}}}",
                  epoch, (long long)seq);
    say(&room, client, line);
    hear(&room, client);
}

START_TEST(who_comes_back_is_told_what_it_missed)
{
    struct client client;
    publish(&room, TOPIC_STATS, "{}");
    publish(&room, TOPIC_STATS, "{}");
    publish(&room, TOPIC_RED, "{}");
    publish(&room, TOPIC_STATS, "{}");
    client_join(&client, &room);
    resume(&client, ROOM_EPOCH, ROOM_SEQ + 1);
    expect(&room, &client,
           "{\"jsonrpc\":\"2.0\",\"method\":\"stats\",\"params\":{\"seq\":42}}");
    expect(&room, &client,
           "{\"jsonrpc\":\"2.0\",\"method\":\"stats\",\"params\":{\"seq\":44}}");
    publish(&room, TOPIC_STATS, "{}");
    expect(&room, &client,
           "{\"jsonrpc\":\"2.0\",\"method\":\"stats\",\"params\":{\"seq\":45}}");
    resume(&client, ROOM_EPOCH, 45);
    expect_silence(&room, &client);
    ck_assert_int_eq(room.snapshots, 0);
    client_leave(&client);
}
END_TEST

START_TEST(who_cannot_be_told_in_steps_gets_a_snapshot)
{
    struct client client;
    publish(&room, TOPIC_STATS, "{}");
    const struct {
        int epoch;
        int64_t seq;
    } lost[] = {{ROOM_EPOCH + 1, ROOM_SEQ}, {ROOM_EPOCH, ROOM_SEQ - 1},
                {ROOM_EPOCH, ROOM_SEQ + 2}, {ROOM_EPOCH, -1},
                {ROOM_EPOCH, INT64_MIN},    {ROOM_EPOCH, INT64_MAX}};
    client_join(&client, &room);
    for (size_t i = 0; i < sizeof lost / sizeof *lost; i++) {
        resume(&client, lost[i].epoch, lost[i].seq);
        expect(&room, &client,
               "{\"jsonrpc\":\"2.0\",\"method\":\"snapshot\",\"params\":{\"epoch\":7,"
               "\"seq\":"
               "41,\"why\":\"gone\"}}");
    }
    client_leave(&client);
}
END_TEST

START_TEST(a_ring_that_does_not_reach_back_means_a_snapshot)
{
    struct client client;
    autofree char *params = xasprintf("{\"text\":\"%0100000d\"}", 0);
    for (int i = 0; i < 20; i++)
        publish(&room, TOPIC_STATS, params);
    client_join(&client, &room);
    resume(&client, ROOM_EPOCH, ROOM_SEQ);
    hear(&room, &client);
    ck_assert_ptr_nonnull(strstr(client.line, "\"why\":\"gone\""));
    resume(&client, ROOM_EPOCH, ROOM_SEQ + 18);
    expect_method(&room, &client, "stats");
    expect_method(&room, &client, "stats");
    expect_silence(&room, &client);
    client_leave(&client);
}
END_TEST

START_TEST(a_restart_with_the_same_index_keeps_epoch_and_number)
{
    struct client client;
    publish(&room, TOPIC_STATS, "{}");
    int64_t seq = server_seq(room.server);
    room_stop(&room);
    room_start(&room, seq);
    client_join(&client, &room);
    resume(&client, ROOM_EPOCH, seq);
    expect_silence(&room, &client);
    publish(&room, TOPIC_STATS, "{}");
    expect(&room, &client,
           "{\"jsonrpc\":\"2.0\",\"method\":\"stats\",\"params\":{\"seq\":42}}");
    resume(&client, ROOM_EPOCH, seq - 1);
    hear(&room, &client);
    ck_assert_ptr_nonnull(strstr(client.line, "\"why\":\"gone\""));
    client_leave(&client);
}
END_TEST

START_TEST(a_rescan_is_told_by_one_snapshot_and_cuts_the_ring)
{
    struct client client, outsider;
    client_subscribe(&client, &room, "[\"stats\"]");
    client_join(&outsider, &room);
    server_resnapshot(room.server, "rescan");
    server_resnapshot(room.server, "rescan");
    publish(&room, TOPIC_STATS, "{}");
    expect(
        &room, &client,
        "{\"jsonrpc\":\"2.0\",\"method\":\"snapshot\",\"params\":{\"epoch\":7,\"seq\":43,"
        "\"why\":\"rescan\"}}");
    expect_silence(&room, &client);
    expect_silence(&room, &outsider);
    resume(&outsider, ROOM_EPOCH, 41);
    hear(&room, &outsider);
    ck_assert_ptr_nonnull(strstr(outsider.line, "\"why\":\"gone\""));
    resume(&outsider, ROOM_EPOCH, 42);
    expect(&room, &outsider,
           "{\"jsonrpc\":\"2.0\",\"method\":\"stats\",\"params\":{\"seq\":43}}");
    client_leave(&client);
    client_leave(&outsider);
}
END_TEST

START_TEST(a_subscriber_that_stopped_talking_keeps_its_stream)
{
    struct client client;
    client_subscribe(&client, &room, "[\"stats\"]");
    shutdown(client.fd, SHUT_WR);
    expect_silence(&room, &client);
    for (int i = 0; i < 3; i++) {
        publish(&room, TOPIC_STATS, "{}");
        expect_method(&room, &client, "stats");
    }
    client_leave(&client);
    ck_assert_uint_eq(room.poller.count, 1); /* it has nothing to wait for */
    publish(&room, TOPIC_STATS, "{}");
    settle(&room);
    ck_assert(!server_listened(room.server, TOPIC_STATS));
    ck_assert_uint_eq(room.poller.count, 1);
}
END_TEST

START_TEST(a_subscriber_that_left_is_let_go_at_once)
{
    struct client client;
    client_subscribe(&client, &room, "[\"stats\"]");
    client_leave(&client);
    settle(&room);
    ck_assert(!server_listened(room.server, TOPIC_STATS));
    ck_assert_uint_eq(room.poller.count, 1);
}
END_TEST

START_TEST(at_the_end_everybody_is_told)
{
    struct client asker, subscriber, idle;
    client_join(&asker, &room);
    say(&room, &asker, STATUS(5));
    client_subscribe(&subscriber, &room, "[]");
    client_join(&idle, &room);
    room_stop(&room);
    expect_fault(&room, &asker, 5, FAULT_SHUTTING_DOWN, "stop");
    expect_end(&room, &asker);
    expect(&room, &subscriber,
           "{\"jsonrpc\":\"2.0\",\"method\":\"bye\",\"params\":{\"epoch\":7,\"seq\":40,"
           "\"reason\":\"stop\"}}");
    expect_end(&room, &subscriber);
    expect_end(&room, &idle);
    client_leave(&asker);
    client_leave(&subscriber);
    client_leave(&idle);
}
END_TEST

START_TEST(the_last_line_arrives_also_when_we_left_something_unread)
{
    struct client client;
    client_subscribe(&client, &room, "[]");
    ck_assert_int_gt(write(client.fd, STATUS(9) "\n", sizeof STATUS(9)), 0);
    room_stop(&room);
    expect_method(&room, &client, "bye");
    expect_end(&room, &client); /* and no "connection reset" */
    client_leave(&client);
}
END_TEST

static int speak_as_nobody(const char *path)
{
    int fd;
    char line[512];
    if (setgid(65534) < 0 || setuid(65534) < 0 || place_connect(path, &fd) < 0)
        return 2;
    ssize_t length = read(fd, line, sizeof line - 1);
    if (length <= 0)
        return 3;
    line[length] = '\0';
    bool denied = strstr(line, "denied") != NULL && strstr(line, "hello") == NULL;
    return denied && read(fd, line, sizeof line) == 0 ? 0 : 4;
}

START_TEST(another_user_is_turned_away)
{
    if (geteuid() != 0)
        return; /* only root can be somebody else */
    ck_assert_int_eq(chmod(room.folder, 0755), 0);
    ck_assert_int_eq(chmod(room.path, 0777), 0);
    pid_t child = fork();
    if (child == 0)
        _exit(speak_as_nobody(room.path));
    while (room.log_count == 0)
        ck_assert_int_gt(poll_poller_dispatch(&room.poller, 10000), 0);
    int status = -1;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    ck_assert_uint_eq(room.poller.count, 1);
    ck_assert_ptr_nonnull(strstr(room.log, "another user"));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        hello_comes_first_and_unasked,
        a_request_gets_exactly_one_reply_with_its_id,
        what_cannot_be_read_is_answered_with_id_null,
        a_line_that_is_too_long_is_skipped_and_told_once,
        an_unknown_method_is_an_error_for_its_asker,
        a_notification_is_not_answered,
        a_client_that_stopped_talking_still_gets_its_answers,
        a_last_line_without_its_newline_is_an_error_and_not_silence,
        what_was_said_before_leaving_is_heard,
        an_answer_for_a_client_that_is_gone_is_dropped,
        a_new_subscriber_gets_a_snapshot_and_then_each_step,
        without_topics_a_subscriber_gets_all_of_them,
        an_unknown_topic_is_refused_naming_the_known_ones,
        unsubscribe_ends_the_stream,
        who_comes_back_is_told_what_it_missed,
        who_cannot_be_told_in_steps_gets_a_snapshot,
        a_ring_that_does_not_reach_back_means_a_snapshot,
        a_restart_with_the_same_index_keeps_epoch_and_number,
        a_rescan_is_told_by_one_snapshot_and_cuts_the_ring,
        a_subscriber_that_stopped_talking_keeps_its_stream,
        a_subscriber_that_left_is_let_go_at_once,
        at_the_end_everybody_is_told,
        the_last_line_arrives_also_when_we_left_something_unread,
        another_user_is_turned_away,
    };
    TCase *tcase = tcase_create("conversation");
    tcase_add_checked_fixture(tcase, setup, teardown);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        tcase_add_test(tcase, tests[i]);
    Suite *suite = suite_create("serve");
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
