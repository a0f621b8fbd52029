#include "tests/support/fake_daemon.h"

#include "daemon/base/path.h"
#include "daemon/base/xalloc.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

/* ---- a folder ---- */

void fake_open(struct fake *fake)
{
    *fake = (struct fake){0};
    strcpy(fake->root, "/tmp/sniffer-client-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(fake->root));
    ck_assert_int_eq(chdir(fake->root), 0);
    ck_assert_int_eq(mkdir(".sniffer", 0700), 0);
    autofree char *socket_path = path_join(fake->root, "fake.sock");
    autofree char *bin = path_join(fake->root, "bin");
    autofree char *path = xasprintf("%s:%s", bin, getenv("PATH"));
    setenv("SNIFFER_SOCKET", socket_path, 1);
    setenv("PATH", path, 1);
    unsetenv("FAKE_HELLO");
}

void fake_close(struct fake *fake)
{
    FILE *file = fopen("pid", "r"); /* of the one that our snifferd left */
    int pid = 0;
    if (file != NULL && fscanf(file, "%d", &pid) == 1)
        kill(pid, SIGKILL);
    if (file != NULL)
        fclose(file);
    if (fake->pid > 0) {
        kill(fake->pid, SIGKILL);
        waitpid(fake->pid, NULL, 0);
    }
    autofree char *command = xasprintf("rm -rf '%s'", fake->root);
    ck_assert_int_eq(chdir("/"), 0);
    ck_assert_int_eq(system(command), 0);
}

/* ---- the one that answers ---- */

static int listening(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, getenv("SNIFFER_SOCKET"), sizeof address.sun_path - 1);
    unlink(address.sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(fd, 8) < 0)
        abort();
    return fd;
}

static void say_hello(FILE *out)
{
    char here[4096];
    const char *params = getenv("FAKE_HELLO");
    if (params != NULL && strstr(params, "\"error\"") != NULL)
        fprintf(out, "%s\n", params); /* no hello at all */
    else if (params != NULL)
        fprintf(out, "{\"jsonrpc\":\"2.0\",\"method\":\"hello\",\"params\":%s}\n",
                params);
    else
        fprintf(
            out,
            "{\"jsonrpc\":\"2.0\",\"method\":\"hello\",\"params\":{\"protocol\":{"
            "\"major\":1,\"minor\":0},\"root\":\"%s\",\"pid\":%d,\"version\":\"0\"}}\n",
            getcwd(here, sizeof here), (int)getpid());
    fflush(out);
}

static void answer(FILE *out, const char *request, const char **script)
{
    const char *at = strstr(request, "\"id\":");
    long id = at != NULL ? strtol(at + 5 + strspn(at + 5, " "), NULL, 10) : -1;
    for (;;) {
        size_t length = strcspn(*script, "\n");
        autofree char *line = strndup(*script, length);
        if (line == NULL)
            abort();
        *script += length + ((*script)[length] == '\n');
        if (strncmp(line, "say ", 4) == 0) {
            fprintf(out, "%s\n", line + 4);
            continue;
        }
        char *reply = strstr(line, " => ");
        if (reply != NULL)
            *reply = '\0';
        fprintf(out, "{\"jsonrpc\":\"2.0\",\"id\":%ld,", id);
        if (reply == NULL || strstr(request, line) == NULL) {
            char shown[200];
            snprintf(shown, sizeof shown, "%s", request);
            for (char *c = shown; *c != '\0'; c++)
                if (*c == '"' || *c == '\n' || *c == '\\')
                    *c = '\'';
            fprintf(out,
                    "\"error\":{\"code\":-32603,\"message\":\"unexpected: %s\",\"data\":"
                    "{\"kind\":\"internal\"}}}\n",
                    shown);
        } else if (strncmp(reply += 4, "fault ", 6) == 0) {
            char *message = strchr(reply + 6, ' ');
            fprintf(out,
                    "\"error\":{\"code\":-32000,\"message\":\"%s\",\"data\":{\"kind\":\"%"
                    ".*s\"}}"
                    "}\n",
                    message + 1, (int)(message - reply - 6), reply + 6);
        } else if (strcmp(reply, "leave") == 0) {
            _exit(0); /* what stands in the buffer is not sent */
        } else if (strncmp(reply, "exit ", 5) == 0) {
            fprintf(out, "\"result\":%s}\n", reply + 5);
            fflush(out);
            usleep(
                100000); /* a daemon has things to put away between its answer and its end */
            _exit(0);
        } else {
            fprintf(out, "\"result\":%s}\n", reply);
        }
        break;
    }
    while (strncmp(*script, "say ", 4) == 0) { /* after the reply */
        size_t length = strcspn(*script, "\n");
        fprintf(out, "%.*s\n", (int)length - 4, *script + 4);
        *script += length + ((*script)[length] == '\n');
    }
    fflush(out);
    if (strncmp(*script, "leave", 5) == 0)
        _exit(0);
}

static void serve(int fd, const char *script)
{
    alarm(60); /* nobody is left behind */
    for (;;) {
        int peer = accept(fd, NULL, NULL);
        if (peer < 0)
            _exit(1);
        FILE *in = fdopen(peer, "r"), *out = fdopen(dup(peer), "w");
        if (in == NULL || out == NULL)
            abort();
        signal(SIGPIPE, SIG_IGN);
        char *line = NULL;
        size_t capacity = 0;
        say_hello(out);
        while (getline(&line, &capacity, in) > 0)
            answer(out, line, &script);
        free(line);
        fclose(in);
        fclose(out);
    }
}

void fake_hello(const char *params)
{
    setenv("FAKE_HELLO", params, 1);
}

void fake_serve(struct fake *fake, const char *script)
{
    int fd = listening();
    fake->pid = fork();
    ck_assert_int_ge(fake->pid, 0);
    if (fake->pid == 0)
        serve(fd, script);
    close(fd);
}

/* ---- snifferd ---- */

void fake_snifferd(struct fake *fake, const char *how, const char *script)
{
    (void)fake;
    setenv("FAKE_SNIFFERD", how, 1);
    setenv("FAKE_SCRIPT", script != NULL ? script : "", 1);
    char self[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    ck_assert_int_gt(length, 0);
    self[length] = '\0';
    ck_assert(mkdir("bin", 0700) == 0 || errno == EEXIST);
    ck_assert(symlink(self, "bin/snifferd") == 0 || errno == EEXIST);
}

char *fake_snifferd_called(struct fake *fake)
{
    (void)fake;
    FILE *file = fopen("called", "r");
    if (file == NULL)
        return NULL;
    char *line = NULL;
    size_t capacity = 0;
    ck_assert_int_ge(getline(&line, &capacity, file), 0);
    fclose(file);
    return line;
}

static void note(const char *name, const char *text)
{
    FILE *file = fopen(name, "w");
    if (file == NULL)
        abort();
    fputs(text, file);
    fclose(file);
}

void fake_snifferd_main(int argc, char **argv)
{
    if (strcmp(path_base(argv[0]), "snifferd") != 0)
        return;
    char words[4096] = "";
    for (int i = 1; i < argc; i++)
        snprintf(words + strlen(words), sizeof words - strlen(words), "%s%s",
                 i > 1 ? " " : "", argv[i]);
    note("called", words);
    const char *how = getenv("FAKE_SNIFFERD");
    if (strcmp(how, "fail") == 0) {
        fputs("snifferd: python3 cannot be found; set python in [tool.sniffer]\n",
              stderr);
        _exit(1);
    }
    if (strcmp(how, "silent") == 0)
        _exit(7);
    if (strcmp(how, "crash") == 0)
        kill(getpid(), SIGKILL);
    if (strcmp(how, "serve") == 0) {
        int fd = listening();
        pid_t pid = fork();
        if (pid == 0)
            serve(fd, getenv("FAKE_SCRIPT"));
        char number[32];
        snprintf(number, sizeof number, "%d", (int)pid);
        note("pid", number);
    }
    _exit(0);
}

/* ---- the client ---- */

static char *contents(int fd)
{
    off_t length = lseek(fd, 0, SEEK_END);
    char *text = xcalloc(1, (size_t)length + 1);
    ck_assert_int_eq(pread(fd, text, (size_t)length, 0), length);
    close(fd);
    return text;
}

struct ran fake_run(int (*ctl)(int argc, char **argv), const char *args,
                    const char *input)
{
    int in = memfd_create("in", 0), out = memfd_create("out", 0),
        err = memfd_create("err", 0);
    if (input != NULL)
        ck_assert_int_eq(write(in, input, strlen(input)), (ssize_t)strlen(input));
    lseek(in, 0, SEEK_SET);
    fflush(NULL);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        dup2(in, STDIN_FILENO);
        dup2(out, STDOUT_FILENO);
        dup2(err, STDERR_FILENO);
        static char words[4096], name[] = "snifferctl";
        static char *argv[64];
        int argc = 0;
        argv[argc++] = name;
        snprintf(words, sizeof words, "%s", args);
        for (char *word = strtok(words, " "); word != NULL && argc < 63;
             word = strtok(NULL, " "))
            argv[argc++] = word;
        exit(ctl(argc, argv)); /* with the leak check */
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    struct ran ran = {.code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status),
                      .out = contents(out),
                      .err = contents(err)};
    close(in);
    return ran;
}

void ran_finish(struct ran *ran)
{
    free(ran->out);
    free(ran->err);
}
