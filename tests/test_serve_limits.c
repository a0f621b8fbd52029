#include "daemon/serve/peer.h"
#include "tests/support/serve_room.h"
#include "tests/support/suite.h"

#include <sys/resource.h>

/* What a client can cost: memory, patience, descriptors, and the time of others. */

static struct room room;

static void setup(void)
{
    room_init(&room);
}

static void teardown(void)
{
    room_finish(&room);
}

/* Some kilobytes of news. */
static void publish_bulk(enum topic topic)
{
    autofree char *params = xasprintf("{\"text\":\"%04000d\"}", 0);
    publish(&room, topic, params);
}

/* ---- requests ---- */

START_TEST(with_too_many_unanswered_requests_reading_stops)
{
    struct client client, other;
    client_join(&client, &room);
    for (int i = 0; i < 3 * SERVER_UNANSWERED; i++)
        say(&room, &client, STATUS(1));
    ck_assert_uint_eq(room.requests, SERVER_UNANSWERED);
    client_join(&other, &room);
    say(&room, &other, STATUS(1));
    ck_assert_uint_eq(room.requests, SERVER_UNANSWERED + 1);
    server_reply(room.server, room.tickets[0], room_json("{}"));
    settle(&room);
    ck_assert_uint_eq(room.requests, SERVER_UNANSWERED + 2);
    expect(&room, &client, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}");
    server_reply(room.server, room.tickets[SERVER_UNANSWERED], room_json("{}"));
    expect(&room, &other, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}");
    for (size_t i = 1; i < room.ticket_count; i++) { /* grows while it is answered */
        if (i == SERVER_UNANSWERED)
            continue;
        server_reply(room.server, room.tickets[i], room_json("{}"));
        expect(&room, &client, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}");
    }
    ck_assert_uint_eq(room.ticket_count, 3 * SERVER_UNANSWERED + 1);
    client_leave(&client);
    client_leave(&other);
}
END_TEST

START_TEST(replies_that_were_not_taken_count_as_unanswered)
{
    enum { REQUESTS = 400, REPLY = 16 << 10 };
    struct client client;
    autofree char *reply = xasprintf("{\"text\":\"%0*d\"}", REPLY, 0);
    room.answers = true;
    room.reply = reply;
    client_join(&client, &room);
    autofree char *lines = xmalloc(REQUESTS * (sizeof STATUS(1) + 8));
    size_t length = 0;
    for (int i = 0; i < REQUESTS; i++)
        length +=
            (size_t)sprintf(lines + length, "{\"id\":%d,\"method\":\"status\"}\n", i);
    ck_assert(say_bytes(&room, &client, lines, length));
    int taken_by_socket = 0;
    socklen_t size = sizeof taken_by_socket;
    getsockopt(client.fd, SOL_SOCKET, SO_SNDBUF, &taken_by_socket, &size);
    ck_assert_uint_ge(room.requests, SERVER_UNANSWERED);
    ck_assert_uint_le(room.requests,
                      SERVER_UNANSWERED + 2 * (size_t)taken_by_socket / REPLY);
    /* The rest comes as the answers are taken. */
    for (size_t i = 0; i < room.requests; i++) {
        autofree char *id = xasprintf("{\"jsonrpc\":\"2.0\",\"id\":%zu,", i);
        ck_assert_int_eq(strncmp(hear(&room, &client), id, strlen(id)), 0);
    }
    ck_assert_uint_eq(room.requests, REQUESTS);
    expect_silence(&room, &client);
    client_leave(&client);
}
END_TEST

START_TEST(many_lines_at_once_do_not_take_the_turn_of_others)
{
    static const char line[] = "{\"method\":\"touch\"}\n";
    struct client client;
    char lines[400 * sizeof line];
    size_t length = 0;
    client_join(&client, &room);
    for (int i = 0; i < 400; i++, length += sizeof line - 1)
        memcpy(lines + length, line, sizeof line - 1);
    ck_assert_int_eq(write(client.fd, lines, length), (ssize_t)length);
    ck_assert_int_eq(poll_poller_dispatch(&room.poller, 0), 1);
    ck_assert_uint_ge(room.requests, 1);
    ck_assert_uint_le(room.requests, SERVER_UNANSWERED);
    settle(&room);
    ck_assert_uint_eq(room.requests, 400);
    client_leave(&client);
}
END_TEST

START_TEST(who_takes_no_answers_may_still_give_orders)
{
    struct client client;
    room.answers = true;
    client_join(&client, &room);
    shutdown(client.fd, SHUT_RD);
    for (int i = 0; i < 3 * SERVER_UNANSWERED; i++)
        say(&room, &client, STATUS(1));
    ck_assert_uint_eq(room.requests, 3 * SERVER_UNANSWERED);
    client_leave(&client);
    settle(&room);
    ck_assert_uint_eq(room.poller.count, 1);
}
END_TEST

/* ---- slow readers ---- */

START_TEST(a_stalled_subscriber_holds_no_more_than_the_limit_and_others_get_all)
{
    struct client slow, fast, asker;
    room.state = "{\"state\":\"running\"}";
    client_subscribe(&slow, &room, "[\"stats\"]");
    client_subscribe(&fast, &room, "[\"stats\"]");
    client_join(&asker, &room);
    for (int i = 0; i < 1000; i++) {
        publish_bulk(TOPIC_STATS);
        expect_method(&room, &fast, "stats");
    }
    room.answers = true;
    say(&room, &asker, STATUS(1));
    expect(&room, &asker, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}");
    int snapshots_before = room.snapshots;
    size_t notes = 0, snapshots = 0;
    int64_t last_seq = 0;
    slow.bytes = 0;
    while (listen_for(&room, &slow) == HEARD_LINE) {
        struct incoming incoming;
        ck_assert_int_eq(incoming_decode(slow.line, strlen(slow.line), &incoming), 0);
        last_seq = json_integer_value(json_object_get(incoming.params, "seq"));
        if (strcmp(incoming.method, "snapshot") == 0) {
            snapshots++;
            ck_assert_str_eq(json_string_value(json_object_get(incoming.params, "why")),
                             "lagged");
        } else {
            ck_assert_uint_eq(snapshots, 0);
            notes++;
        }
        incoming_finish(&incoming);
    }
    int socket_holds = 0;
    socklen_t size = sizeof socket_holds;
    getsockopt(slow.fd, SOL_SOCKET, SO_SNDBUF, &socket_holds, &size);
    ck_assert_uint_eq(snapshots, 1);
    ck_assert_int_eq(room.snapshots, snapshots_before + 1);
    ck_assert_int_eq(last_seq, server_seq(room.server));
    ck_assert_uint_gt(notes, 0);
    ck_assert_uint_le(slow.bytes, SERVER_QUEUE_LIMIT + 2 * (size_t)socket_holds);
    publish_bulk(TOPIC_STATS);
    expect_method(&room, &slow, "stats");
    expect_silence(&room, &slow);
    ck_assert_uint_eq(room.log_count, 0);
    client_leave(&slow);
    client_leave(&fast);
    client_leave(&asker);
}
END_TEST

START_TEST(a_burst_within_one_turn_is_no_lag_while_the_socket_takes_it)
{
    struct client client;
    client_subscribe(&client, &room, "[\"stats\"]");
    for (int i = 0; i < 80; i++) /* more than the limit, less than limit and socket */
        publish_bulk(TOPIC_STATS);
    for (int i = 0; i < 80; i++)
        expect_method(&room, &client, "stats");
    expect_silence(&room, &client);
    client_leave(&client);
}
END_TEST

START_TEST(a_half_closed_subscriber_that_left_is_found_out_in_a_burst)
{
    struct client client;
    int before = descriptors_open();
    client_subscribe(&client, &room, "[\"stats\"]");
    shutdown(client.fd, SHUT_WR);
    settle(&room);
    client_leave(&client);
    for (int i = 0; i < 100;
         i++) /* over the limit: it is written to in the midst of it */
        publish_bulk(TOPIC_STATS);
    ck_assert(!server_listened(room.server, TOPIC_STATS));
    settle(&room);
    ck_assert_int_eq(descriptors_open(), before);
    ck_assert_int_eq(server_deadline(room.server), INT64_MAX);
}
END_TEST

START_TEST(a_large_reply_that_waits_is_no_lag)
{
    struct client client;
    autofree char *reply = xasprintf("{\"text\":\"%01000000d\"}", 0);
    client_subscribe(&client, &room, "[\"stats\"]");
    room.answers = true;
    room.reply = reply;
    say(&room, &client, STATUS(1));
    publish(&room, TOPIC_STATS, "{}");
    publish(&room, TOPIC_STATS, "{}");
    ck_assert_uint_gt(strlen(hear(&room, &client)), 1000000);
    expect_method(&room, &client, "stats");
    expect_method(&room, &client, "stats");
    expect_silence(&room, &client);
    client_leave(&client);
}
END_TEST

START_TEST(a_large_snapshot_is_no_lag)
{
    struct client client;
    autofree char *state = xasprintf("{\"text\":\"%01000000d\"}", 0);
    room.state = state;
    client_join(&client, &room);
    say(&room, &client, "{\"id\":0,\"method\":\"subscribe\"}");
    publish(&room, TOPIC_STATS, "{}");
    publish(&room, TOPIC_STATS, "{}");
    hear(&room, &client);
    expect_method(&room, &client, "snapshot");
    expect_method(&room, &client, "stats");
    expect_method(&room, &client, "stats");
    ck_assert_int_eq(room.snapshots, 1);
    client_leave(&client);
}
END_TEST

START_TEST(subscribing_again_and_again_queues_no_second_snapshot)
{
    struct client client;
    autofree char *state = xasprintf("{\"text\":\"%01000000d\"}", 0);
    room.state = state;
    client_join(&client, &room);
    for (int i = 0; i < 2 * SERVER_UNANSWERED; i++)
        say(&room, &client, "{\"id\":0,\"method\":\"subscribe\"}");
    ck_assert_int_eq(room.snapshots, 1);
    client_leave(&client);
}
END_TEST

START_TEST(who_takes_no_byte_for_too_long_is_closed_and_logged)
{
    struct client stuck, fast;
    client_subscribe(&stuck, &room, "[\"stats\"]");
    client_subscribe(&fast, &room, "[]");
    for (int i = 0; i < 200; i++)
        publish_bulk(TOPIC_STATS);
    settle(&room);
    ck_assert_int_eq(server_deadline(room.server), 0);
    server_tick(room.server, 5000);
    ck_assert_int_eq(server_deadline(room.server), 5000 + SERVER_STALL_MS);
    server_tick(room.server, 5000 + SERVER_STALL_MS - 1);
    ck_assert(server_listened(room.server, TOPIC_STATS));
    ck_assert_uint_eq(room.log_count, 0);
    server_tick(room.server, 5000 + SERVER_STALL_MS);
    ck_assert(!server_listened(room.server, TOPIC_STATS));
    ck_assert_uint_eq(room.log_count, 1);
    ck_assert_ptr_nonnull(strstr(room.log, "took nothing for 10 s"));
    while (listen_for(&room, &stuck) == HEARD_LINE)
        ;
    expect_end(&room, &stuck);
    publish(&room, TOPIC_STATS, "{}");
    expect_silence(&room, &fast);
    client_leave(&stuck);
    client_leave(&fast);
}
END_TEST

START_TEST(who_takes_a_little_now_and_then_is_not_closed)
{
    struct client slow;
    char some[50 << 10];
    client_subscribe(&slow, &room, "[\"stats\"]");
    for (int i = 0; i < 200; i++)
        publish_bulk(TOPIC_STATS);
    settle(&room);
    /* Too little for the kernel to call the socket writable again. */
    for (int i = 0; i < 5; i++) {
        server_tick(room.server, i * SERVER_STALL_MS);
        ck_assert_int_eq(read(slow.fd, some, sizeof some), sizeof some);
        settle(&room);
    }
    ck_assert(server_listened(room.server, TOPIC_STATS));
    ck_assert_uint_eq(room.log_count, 0);
    client_leave(&slow);
}
END_TEST

START_TEST(data_that_begins_to_wait_after_a_long_silence_gets_its_full_time)
{
    struct client client;
    client_subscribe(&client, &room, "[\"stats\"]");
    server_tick(room.server, 1000);
    server_tick(room.server, 2000);
    for (int i = 0; i < 200; i++) /* an hour later, but nobody has told the time */
        publish_bulk(TOPIC_STATS);
    settle(&room);
    server_tick(room.server, 3600000);
    ck_assert_uint_eq(room.log_count, 0);
    server_tick(room.server, 3600000 + SERVER_STALL_MS);
    ck_assert_uint_eq(room.log_count, 1);
    client_leave(&client);
}
END_TEST

/* ---- silence ---- */

START_TEST(a_subscriber_that_hears_nothing_gets_a_bookmark)
{
    struct client client, idle;
    client_join(&idle, &room);
    client_subscribe(&client, &room, "[\"stats\"]");
    settle(&room);
    server_tick(room.server, 1000);
    ck_assert_int_eq(server_deadline(room.server), 1000 + SERVER_BOOKMARK_MS);
    publish(&room, TOPIC_RED, "{}"); /* not for this one: its number lags behind */
    server_tick(room.server, 1000 + SERVER_BOOKMARK_MS - 1);
    expect_silence(&room, &client);
    server_tick(room.server, 1000 + SERVER_BOOKMARK_MS);
    expect(&room, &client,
           "{\"jsonrpc\":\"2.0\",\"method\":\"bookmark\",\"params\":{\"epoch\":7,\"seq\":"
           "41}}");
    server_tick(room.server, 50000);
    ck_assert_int_eq(server_deadline(room.server), 50000 + SERVER_BOOKMARK_MS);
    publish(&room, TOPIC_STATS, "{}");
    expect_method(&room, &client, "stats");
    server_tick(room.server, 70000);
    ck_assert_int_eq(server_deadline(room.server), 70000 + SERVER_BOOKMARK_MS);
    expect_silence(&room, &client);
    expect_silence(&room, &idle);
    client_leave(&client);
    client_leave(&idle);
}
END_TEST

START_TEST(without_subscribers_nothing_has_to_be_done_in_time)
{
    struct client client;
    ck_assert_int_eq(server_deadline(room.server), INT64_MAX);
    client_join(&client, &room);
    say(&room, &client, STATUS(1));
    publish(&room, TOPIC_STATS, "{}");
    settle(&room);
    ck_assert_int_eq(server_deadline(room.server), INT64_MAX);
    say(&room, &client, "{\"method\":\"subscribe\"}");
    ck_assert_int_ne(server_deadline(room.server), INT64_MAX);
    say(&room, &client, "{\"method\":\"unsubscribe\"}");
    ck_assert_int_eq(server_deadline(room.server), INT64_MAX);
    client_leave(&client);
}
END_TEST

/* ---- crowds ---- */

START_TEST(one_client_too_many_is_told_busy)
{
    static struct client clients[SERVER_PEERS];
    struct client late;
    for (int i = 0; i < SERVER_PEERS; i++)
        client_join(&clients[i], &room);
    client_connect(&late, &room);
    expect_fault(&room, &late, -1, FAULT_BUSY, "clients");
    expect_end(&room, &late);
    client_leave(&late);
    ck_assert_uint_eq(room.log_count, 1);
    client_leave(&clients[7]);
    settle(&room);
    client_join(&clients[7], &room);
    for (int i = 0; i < SERVER_PEERS; i++)
        client_leave(&clients[i]);
}
END_TEST

/* All but FREE_ONES are taken from now on, to the end of this process. */
static void leave_descriptors(int free_ones)
{
    const struct rlimit limit = {.rlim_cur = 256, .rlim_max = 256};
    int last[256], count = 0;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    while ((last[count] = dup(room.fd)) >= 0)
        count++;
    for (int i = 0; i < free_ones; i++)
        close(last[--count]);
}

START_TEST(without_descriptors_it_waits_until_a_client_goes_and_says_so_once)
{
    struct client first, second, third, fourth;
    client_join(&first, &room);
    leave_descriptors(3);
    client_connect(&second, &room);
    client_connect(&third, &room);
    client_connect(&fourth, &room);
    settle(&room); /* and does not spin */
    ck_assert_uint_eq(room.log_count, 1);
    ck_assert_ptr_nonnull(strstr(room.log, "cannot accept"));
    ck_assert_int_eq(server_deadline(room.server), 0);
    expect_silence(&room, &second);
    client_leave(&first); /* frees the descriptors of both sides */
    expect_method(&room, &second, "hello");
    expect_method(&room, &third, "hello");
    expect_silence(&room, &fourth);
    ck_assert_uint_eq(room.log_count, 1);
    client_leave(&second);
    expect_method(&room, &fourth, "hello");
    ck_assert_uint_eq(room.log_count, 1);
    ck_assert_int_eq(server_deadline(room.server), INT64_MAX);
    client_leave(&third);
    client_leave(&fourth);
}
END_TEST

START_TEST(without_descriptors_it_tries_again_after_a_while)
{
    struct client client;
    int taken = dup(0);
    leave_descriptors(1);
    client_connect(&client, &room);
    settle(&room);
    server_tick(room.server, 1000);
    int64_t again = server_deadline(room.server);
    ck_assert_int_gt(again, 1000);
    ck_assert_int_lt(again, INT64_MAX);
    server_tick(room.server, again); /* in vain */
    settle(&room);
    expect_silence(&room, &client);
    ck_assert_uint_eq(room.log_count, 1);
    close(taken);
    server_tick(room.server, again);
    server_tick(room.server, server_deadline(room.server));
    expect_method(&room, &client, "hello");
    client_leave(&client);
}
END_TEST

START_TEST(clients_come_and_go_and_leave_nothing_behind)
{
    int before = descriptors_open();
    for (int round = 0; round < 200; round++) {
        struct client client;
        client_connect(&client, &room);
        switch (round % 5) {
        case 0: /* goes before it was let in */
            break;
        case 1:
            expect_method(&room, &client, "hello");
            break;
        case 2: /* leaves a request behind */
            say(&room, &client, STATUS(1));
            break;
        case 3:
            say(&room, &client, "{\"id\":1,\"method\":\"subscribe\"}");
            break;
        case 4:
            say(&room, &client, STATUS(1));
            shutdown(client.fd, SHUT_WR);
            settle(&room);
            break;
        }
        publish_bulk(TOPIC_STATS);
        client_leave(&client);
    }
    settle(&room);
    for (size_t i = 0; i < room.ticket_count; i++)
        server_reply(room.server, room.tickets[i], room_json("{}"));
    settle(&room);
    ck_assert_int_eq(descriptors_open(), before);
    ck_assert_uint_eq(room.poller.count, 1);
    ck_assert_uint_eq(room.ticket_count, 80);
}
END_TEST

static unsigned dice = 12345;

static unsigned throw_dice(void)
{
    dice = dice * 1103515245U + 12345U;
    return dice >> 8;
}

/* Bytes of all kinds, with some structure so that not everything dies at the first brace. */
static size_t babble(char *buffer, size_t size)
{
    static const char *const pieces[] = {
        "{\"id\":1,\"method\":\"status\"}\n",
        "{\"id\":",
        "\"method\":",
        "subscribe",
        "{\"id\":1,\"method\":\"subscribe\",\"params\":{",
        "\"topics\":[",
        "\"stats\"",
        "\n",
        "}",
        "]",
        "\"since\":{\"epoch\":7,\"seq\":",
        "-9223372036854775808",
        "1e999",
        "\\u0000",
        "\\ud800",
        "[[[[[[[[",
        ",",
        "\r\n",
        "null"};
    size_t length = 0;
    while (length + 64 < size) {
        unsigned choice = throw_dice() % 32;
        if (choice < sizeof pieces / sizeof *pieces)
            length += (size_t)sprintf(buffer + length, "%s", pieces[choice]);
        else
            buffer[length++] = (char)throw_dice();
    }
    return length;
}

START_TEST(a_client_that_babbles_hurts_nobody)
{
    struct client good;
    room.answers = true;
    client_subscribe(&good, &room, "[\"stats\"]");
    for (int round = 0; round < 60; round++) {
        struct client wild;
        char bytes[8192];
        client_connect(&wild, &room);
        for (int burst = 0; burst < 4; burst++) {
            say_bytes(&room, &wild, bytes, babble(bytes, sizeof bytes));
            for (int i = 0; i < 100 && throw_dice() % 4 != 0; i++)
                if (listen_for(&room, &wild) == HEARD_LINE)
                    ck_assert_int_eq(wild.line[0], '{');
        }
        client_leave(&wild);
        publish(&room, TOPIC_STATS, "{}");
        expect_method(&room, &good, "stats");
    }
    say(&room, &good, STATUS(1));
    expect(&room, &good, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}");
    client_leave(&good);
    settle(&room);
    ck_assert_uint_eq(room.poller.count, 1);
}
END_TEST

/* ---- one client, from inside ---- */

START_TEST(a_peer_that_does_not_read_holds_the_limit_and_no_more)
{
    int pair[2];
    ck_assert_int_eq(
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    struct peer *peer = peer_new(pair[0], 1, NULL);
    autofree char *note = xasprintf("%05000d", 0);
    autofree char *snapshot = xasprintf("%0500000d", 0);
    peer_subscribe(peer, 1, NULL);
    for (int i = 0; i < 1000; i++) {
        peer_notify(peer, note, strlen(note));
        ck_assert_uint_le(outgoing_pending(&peer->out), SERVER_QUEUE_LIMIT);
    }
    ck_assert_str_eq(peer->behind, "lagged");
    ck_assert(!peer_needs_snapshot(peer));
    char bytes[64 << 10];
    while (outgoing_pending(&peer->out) > 0) {
        ck_assert_int_gt(read(pair[1], bytes, sizeof bytes), 0);
        peer_flush(peer);
    }
    ck_assert(peer_needs_snapshot(peer));
    peer_snapshot(peer, snapshot);
    for (int i = 0; i < 1000; i++)
        peer_notify(peer, note, strlen(note));
    ck_assert_uint_le(outgoing_pending(&peer->out),
                      SERVER_QUEUE_LIMIT + strlen(snapshot) + 1);
    ck_assert_str_eq(peer->behind, "lagged");
    peer_free(peer);
    close(pair[1]);
}
END_TEST

START_TEST(patience_begins_with_the_last_byte_taken)
{
    int pair[2];
    ck_assert_int_eq(
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    struct peer *peer = peer_new(pair[0], 1, NULL);
    autofree char *reply = xasprintf("%01000000d", 0);
    ck_assert_int_eq(peer_tick(peer, 1000), PEER_FINE);
    peer_reply(peer, reply); /* long after that, but nobody has told the time */
    ck_assert_int_eq(peer_tick(peer, 900000), PEER_FINE);
    peer_flush(peer);
    ck_assert_int_eq(peer_tick(peer, 905000), PEER_FINE);
    char bytes[64 << 10];
    ck_assert_int_gt(read(pair[1], bytes, sizeof bytes), 0);
    peer_flush(peer);
    ck_assert_int_eq(peer_tick(peer, 910000), PEER_FINE);
    ck_assert_int_eq(peer_deadline(peer), 910000 + SERVER_STALL_MS);
    ck_assert_int_eq(peer_tick(peer, 910000 + SERVER_STALL_MS), PEER_STUCK);
    peer_free(peer);
    close(pair[1]);
}
END_TEST

START_TEST(the_queue_knows_which_of_its_bytes_are_notes)
{
    int pair[2];
    ck_assert_int_eq(
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    struct outgoing out = {0};
    size_t notes = 0;
    for (int round = 0; round < 500; round++) {
        bool is_note = round % 3 != 0;
        char line[900];
        size_t length = 1 + (size_t)round % 800;
        memset(line, is_note ? 'n' : 'r', length);
        if (!is_note && out.replies == SERVER_UNANSWERED)
            continue;
        outgoing_put(&out, is_note ? OUTGOING_NOTE : OUTGOING_REPLY, line, length);
        notes += is_note ? length + 1 : 0;
        if (round % 50 == 0) {
            char taken[100 << 10];
            size_t before = outgoing_pending(&out);
            ck_assert_int_eq(outgoing_flush(&out, pair[0]), 0);
            ssize_t got = read(pair[1], taken, sizeof taken);
            ck_assert_int_eq(got, (ssize_t)before);
            notes = 0;
        }
        ck_assert_uint_eq(outgoing_notes(&out), notes);
    }
    outgoing_finish(&out);
    close(pair[0]);
    close(pair[1]);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        with_too_many_unanswered_requests_reading_stops,
        replies_that_were_not_taken_count_as_unanswered,
        many_lines_at_once_do_not_take_the_turn_of_others,
        who_takes_no_answers_may_still_give_orders,
        a_stalled_subscriber_holds_no_more_than_the_limit_and_others_get_all,
        a_burst_within_one_turn_is_no_lag_while_the_socket_takes_it,
        a_half_closed_subscriber_that_left_is_found_out_in_a_burst,
        a_large_reply_that_waits_is_no_lag,
        a_large_snapshot_is_no_lag,
        subscribing_again_and_again_queues_no_second_snapshot,
        who_takes_no_byte_for_too_long_is_closed_and_logged,
        who_takes_a_little_now_and_then_is_not_closed,
        data_that_begins_to_wait_after_a_long_silence_gets_its_full_time,
        a_subscriber_that_hears_nothing_gets_a_bookmark,
        without_subscribers_nothing_has_to_be_done_in_time,
        one_client_too_many_is_told_busy,
        without_descriptors_it_waits_until_a_client_goes_and_says_so_once,
        without_descriptors_it_tries_again_after_a_while,
        clients_come_and_go_and_leave_nothing_behind,
        a_client_that_babbles_hurts_nobody,
        a_peer_that_does_not_read_holds_the_limit_and_no_more,
        patience_begins_with_the_last_byte_taken,
        the_queue_knows_which_of_its_bytes_are_notes,
    };
    TCase *tcase = tcase_create("limits");
    tcase_add_checked_fixture(tcase, setup, teardown);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        tcase_add_test(tcase, tests[i]);
    Suite *suite = suite_create("serve");
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
